"""An erasure reaches the bytes, and nothing old brings the person back."""

from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.apps import apps
from django.db import connection
from django.utils import translation

from menting.base import clock, config
from menting.base.folder import Folder
from menting.channels.base import EventType
from menting.people import consent, erase, export, registry, replies
from menting.people.models import (
    Contact,
    Conversation,
    Erasure,
    Identity,
    Message,
    Reply,
    Suppression,
)
from menting.people.sendable import SendState
from menting.users import guard
from menting.users.guard import Actor
from menting.users.models import AuditEntry, Role
from tests.people.people import ME, Person, account, deliver


def _folder() -> Folder:
    return Folder(config.current().data)


def _holds(word: str) -> list[str]:
    """Return the files of the state in which the bytes of `word` lie."""
    root = Path(config.current().data)
    if connection.vendor == "postgresql":
        root = _tables()
    files = [path for path in root.rglob("*") if path.is_file()]
    return [path.name for path in files if word.encode() in path.read_bytes()]


def _tables() -> Path:
    """Return where the server keeps this database, once all of it is written there."""
    with connection.cursor() as cursor:
        cursor.execute("checkpoint")
        cursor.execute("select current_setting('data_directory')")
        folder = cursor.fetchone()[0]
        cursor.execute("select oid from pg_database where datname = current_database()")
        return Path(folder, "base", str(cursor.fetchone()[0]))


@pytest.mark.django_db(transaction=True)
def test_no_byte_of_a_person_is_left_in_any_file() -> None:
    desk = account()
    words = ("Xanthippe Quill", "@xanthippe-quill:example.org", "my cat is called Zebedee")
    crowd = [Person(desk, name=f"Somebody {n}") for n in range(60)]
    lin = Person(desk, name=words[0], id=words[1], room="!xanthippe-room:example.org")
    for n, other in enumerate(crowd):
        other.writes(f"hello {n}" * 20)
        lin.writes(f"{words[2]} {n}" * 20)
    lin.writes("subscribe")
    replies.by_hand(guard.at_shell(), lin.answers()[0].message_id, "Dear Xanthippe Quill")
    deliver(desk)
    assert all(_holds(word) for word in words)
    erase.erase(guard.at_shell(), lin.contact.pk)
    assert erase.finish_now(_folder())
    for word in (*words, "xanthippe", "Xanthippe", "Zebedee"):
        assert _holds(word) == []
    assert Erasure.objects.get().finished_at is not None
    assert consent.verify_ledger().first_broken is None


@pytest.mark.django_db(transaction=True)
def test_the_bytes_go_in_a_quiet_hour_or_within_a_day() -> None:
    lin = Person(account())
    lin.writes("hello")
    noon = clock.now().replace(hour=4, minute=0)  # 12:00 in Shanghai, the house's zone
    with time_machine.travel(noon) as travel:
        assert not erase.finish(_folder())
        erase.erase(guard.at_shell(), lin.contact.pk)
        assert not erase.finish(_folder())
        travel.move_to(noon + timedelta(hours=15, minutes=30))
        assert erase.finish(_folder())
        assert not erase.finish(_folder())


@pytest.mark.django_db
def test_an_erased_person_keeps_ids_a_hash_and_an_ended_ledger() -> None:
    lin = Person(account())
    lin.writes("subscribe")
    pk = lin.contact.pk
    erase.erase(guard.at_shell(), pk)
    assert consent.in_force(pk, lin.account.pk, "news") is None
    assert not consent.verify_ledger().first_broken
    assert Suppression.objects.count() == 1
    contact = Contact.objects.get(pk=pk)
    assert (contact.name, contact.language) == ("", "")
    assert AuditEntry.objects.get(act="people.erase").target == f"contact:{pk}"
    assert not Reply.objects.filter(state__in=[SendState.READY, SendState.CLAIMED]).exists()


@pytest.mark.django_db
def test_what_is_told_again_does_not_bring_an_erased_person_back() -> None:
    lin = Person(account())
    event = lin.writes("subscribe")
    pk = lin.contact.pk
    erase.erase(guard.at_shell(), pk)
    lin.receive(event, lin.event(EventType.JOINED, at=event.at))
    assert Contact.objects.count() == 1
    assert not Identity.objects.filter(external_id=lin.id).exists()


@pytest.mark.django_db
def test_an_erased_person_who_writes_anew_is_a_new_contact_and_is_not_asked() -> None:
    lin = Person(account())
    lin.writes("subscribe")
    old = lin.contact.pk
    erase.erase(guard.at_shell(), old)
    lin.writes("hello")
    assert lin.contact.pk != old
    assert lin.answers() == []
    assert Suppression.objects.exists()


@pytest.mark.django_db
def test_a_new_subscription_of_their_own_lifts_it_for_the_new_contact_alone() -> None:
    lin = Person(account())
    lin.writes("subscribe")
    old = lin.contact.pk
    erase.erase(guard.at_shell(), old)
    lin.writes("subscribe")
    assert lin.agreed() is not None
    assert consent.in_force(old, lin.account.pk, "news") is None
    assert not Suppression.objects.exists()


@pytest.mark.django_db
def test_a_suppressed_address_has_no_consent_in_force() -> None:
    lin = Person(account())
    lin.writes("subscribe")
    address = bytes(Identity.objects.get().endpoint)
    Suppression.objects.create(
        endpoint=address, channel="matrix", reason="erased", at=clock.now()
    )
    assert lin.agreed() is None


@pytest.mark.django_db
def test_a_reply_on_its_way_is_not_sent_to_an_erased_person() -> None:
    lin = Person(account())
    lin.writes("hello")
    (item,) = replies.claim(ME, [lin.account.pk], now=clock.now(), limit=5)
    erase.erase(guard.at_shell(), lin.contact.pk)
    assert not replies.dispatch(item, item.text or "", me=ME)
    refused = pytest.raises(replies.CannotReplyError, match="erased")
    with translation.override("en"), refused:
        replies.by_hand(guard.at_shell(), Message.objects.get().pk, "hi")


@pytest.mark.django_db
def test_a_person_is_erased_once_and_by_an_owner_only() -> None:
    lin = Person(account())
    lin.writes("hello")
    pk = lin.contact.pk
    manager = Actor(kind="user", name="3", role=Role.MANAGER)
    with pytest.raises(guard.NotAllowedError):
        erase.erase(manager, pk)
    erase.erase(guard.at_shell(), pk)
    with pytest.raises(erase.NoSuchPersonError):
        erase.erase(guard.at_shell(), pk)


@pytest.mark.django_db
def test_the_copy_holds_what_was_said_and_known_and_agreed() -> None:
    lin = Person(account(), name="Lin")
    lin.writes("subscribe")
    told = export.export(guard.at_shell(), lin.contact.pk)
    assert told["identities"][0]["address"] == lin.id
    assert told["facts"][0]["value"] == "Lin"
    assert told["consent_history"][0]["message"]["text"] == "subscribe"
    place = told["kept"]["people"]["conversations"][0]
    assert place["address"] == lin.room
    assert place["messages"][0]["replies"][0]["is_automatic"]
    assert AuditEntry.objects.filter(act="people.export").count() == 1


def test_every_model_that_points_at_a_contact_belongs_to_a_registered_part() -> None:
    held = {model for part in registry.parts() for model in part.models}
    pointing = {
        model
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.many_to_one and field.concrete and field.related_model is Contact
    }
    assert {model.__name__ for model in pointing - held} == set()


@pytest.mark.django_db
def test_an_erasure_blanks_every_text_column_of_a_person() -> None:
    lin = Person(account(), name="Secret", id="@secret:x", room="!secret:x")
    lin.writes("secret")
    lin.leaves(id_="$secret")
    erase.erase(guard.at_shell(), lin.contact.pk)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"select * from {connection.ops.quote_name(table)}")  # noqa: S608  # own tables
            assert not [row for row in cursor.fetchall() if "secret" in str(row).lower()]
    assert Conversation.objects.get().is_closed
