"""Recognise the person behind an address, and keep what is known with its source."""

from datetime import datetime

from menting.channels.base import Profile
from menting.people import suppression, tidy, words
from menting.people.models import Contact, Fact, Identity


def find(channel: str, person: Profile) -> Identity | None:
    """Return the identity of a person who came before."""
    return (
        Identity.objects.select_related("contact")
        .filter(
            channel=channel,
            scope=tidy.identifier(person.scope),
            external_id=tidy.identifier(person.id),
        )
        .first()
    )


def is_erased(channel: str, person: Profile, *, at: datetime) -> bool:
    """Say whether the person was erased after they did this; then it makes no contact."""
    address = suppression.endpoint(
        channel, tidy.identifier(person.scope), tidy.identifier(person.id)
    )
    erased_at = suppression.since(address)
    return erased_at is not None and at <= erased_at


def meet(channel: str, person: Profile, *, at: datetime, text: str = "") -> Identity:
    """Make contact and identity of a person who came for the first time.

    Their language is guessed from `text`, the first thing they wrote.
    """
    external_id, shown = tidy.identifier(person.id), tidy.name(person.name)
    scope = tidy.identifier(person.scope)
    contact = Contact.objects.create(
        name=shown,
        language=words.language(text) if text.strip() else "",
        created_at=at,
        last_at=at,
    )
    identity = Identity.objects.create(
        contact=contact,
        channel=channel,
        scope=scope,
        external_id=external_id,
        name=shown,
        endpoint=suppression.endpoint(channel, scope, external_id),
        created_at=at,
    )
    if shown:
        _keep(contact, field="name", value=shown, source=f"{channel}:profile", at=at)
    return identity


def learn_name(identity: Identity, person: Profile, *, source: str, at: datetime) -> None:
    """Keep the name the platform shows now, unless a later one is known from there."""
    shown = tidy.name(person.name)
    if not shown or shown == identity.name:
        return
    if not _keep(identity.contact, field="name", value=shown, source=source, at=at):
        return
    identity.name = shown
    identity.save(update_fields=["name"])
    identity.contact.name = shown
    identity.contact.save(update_fields=["name"])


def learn_source(identity: Identity, code: str, *, at: datetime) -> None:
    """Keep the landing link that the person came by; the first one says how they came."""
    shown = tidy.name(code)
    source = f"{identity.channel}:link"
    if shown and not identity.contact.facts.filter(field="came_by", source=source).exists():
        _keep(identity.contact, field="came_by", value=shown, source=source, at=at)


def seen(contact: Contact, *, at: datetime, text: str) -> None:
    """Note that the person wrote, and their language if it is not known yet."""
    changed = []
    if at > contact.last_at:
        contact.last_at = at
        changed.append("last_at")
    if not contact.language and text.strip():
        contact.language = words.language(text)
        changed.append("language")
    if changed:
        contact.save(update_fields=changed)


def _keep(contact: Contact, *, field: str, value: str, source: str, at: datetime) -> bool:
    """Keep one value of a source; False if that source has said something later."""
    fact, made = Fact.objects.get_or_create(
        contact=contact, field=field, source=source, defaults={"value": value, "at": at}
    )
    if made or fact.at > at:
        return made
    fact.value, fact.at = value, at
    fact.save(update_fields=["value", "at"])
    return True
