"""Hundreds of addresses of one domain over one connection, against a real Prosody."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from menting.channels import base
from menting.channels.base import Account, EventType, Outgoing, Peer
from menting.channels.xmpp import component as components
from menting.channels.xmpp.address import AddressSession
from menting.channels.xmpp.channel import Xmpp
from menting.cli.demo.prosody import Prosody
from menting.cli.demo.prosody_lua import COMPONENT
from tests.contract.rig import Heard, Vault, at, listening
from tests.servers.jabber import Person
from tests.servers.stream import Stream

pytestmark = pytest.mark.prosody

MANY = 500
_numbers = itertools.count(1)


class Domain:
    """A component's domain behind a proxy of bytes."""

    def __init__(self, server: Prosody, between: Stream) -> None:
        self._server, self.proxy = server, between
        self.channel = Xmpp()
        self._people: list[Person] = []

    def account(self, *, secret: str = "", **options: object) -> Account:
        """Return an address of the domain; the server need not know it."""
        number = next(_numbers)
        near = {"component": f"127.0.0.1:{self.proxy.port}", **options}
        handle = self._server.address(f"desk{number}")
        return Account(
            number,
            handle,
            "Shop",
            {"component_secret": secret or self._server.component_secret},
            near,
        )

    async def open(self, account: Account) -> base.Session:
        """Sign in."""
        return await self.channel.open(account, Vault().keep)

    async def human(self) -> Person:
        """Return a person of the server who is online."""
        name = f"guest{next(_numbers)}"
        self._server.register(name)
        person = Person(self._server, name)
        await person.sign_in()
        self._people.append(person)
        return person

    async def aclose(self) -> None:
        """Send everybody home."""
        for person in self._people:
            await person.sign_out()
        await self.channel.aclose()


@pytest.fixture
async def domain(prosody: Prosody) -> AsyncIterator[Domain]:
    """Give the component's domain, with nobody on it."""
    async with Stream(prosody.ports.component).running() as between:
        made = Domain(prosody, between)
        try:
            yield made
        finally:
            await made.aclose()


async def test_an_address_hears_and_answers(domain: Domain) -> None:
    account, human = domain.account(), await domain.human()
    session = await domain.open(account)
    assert (session.profile.id, session.profile.name) == (account.handle, "Shop")
    assert session.caps == base.Cap.PROFILE | base.Cap.TEXT | base.Cap.FOLLOW
    async with listening(session) as heard:
        await human.say(account.handle, "hello")
        assert await heard.texts(1) == ["hello"]
        receipt = await session.send(at(human.id), Outgoing("key-1", "你好 👋"))
        await human.until(("message", account.handle, "你好 👋"))
    assert heard.events[0].peer.id == human.id
    assert receipt.message_id != heard.events[0].id


async def test_hundreds_of_addresses_share_one_connection(domain: Domain) -> None:
    human = await domain.human()
    accounts = [domain.account() for _ in range(MANY)]
    sessions = await asyncio.gather(*(domain.open(account) for account in accounts))
    assert domain.proxy.met == 1
    heard = [Heard() for _ in sessions]
    listeners = [
        asyncio.create_task(session.listen(one.deliver, b""))
        for session, one in zip(sessions, heard, strict=True)
    ]
    await asyncio.gather(*(one.first_place() for one in heard))
    for number in (0, MANY // 2, MANY - 1):
        await human.say(accounts[number].handle, f"to number {number}")
        assert await heard[number].texts(1) == [f"to number {number}"]
    assert sum(bool(one.events) for one in heard) == 3
    sends = (s.send(at(human.id), Outgoing("key", "from us all")) for s in sessions)
    receipts = await asyncio.gather(*sends)
    assert len({receipt.message_id for receipt in receipts}) == MANY
    for account in accounts:
        await human.until(("message", account.handle, "from us all"))
    for listener in listeners:
        listener.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    await asyncio.gather(*(session.close() for session in sessions))


async def test_the_connection_is_closed_with_its_last_address(domain: Domain) -> None:
    first, second = domain.account(), domain.account()
    one, two = await domain.open(first), await domain.open(second)
    await one.close()
    human = await domain.human()
    await two.send(at(human.id), Outgoing("key-alone", "still here"))
    await human.until(("message", second.handle, "still here"))
    await two.close()
    with pytest.raises(base.Unreachable):
        await two.send(at(human.id), Outgoing("key-over", "no more"))
    again = await domain.open(first)
    assert domain.proxy.met == 2
    await again.close()


async def test_a_wrong_secret_needs_an_operator(domain: Domain) -> None:
    with pytest.raises(base.AuthFailed) as failed:
        await domain.open(domain.account(secret="wrong"))
    assert not failed.value.banned
    assert "wrong" not in str(failed.value)


async def test_another_secret_does_not_ride_on_the_domains_connection(
    domain: Domain,
) -> None:
    session = await domain.open(domain.account())
    with pytest.raises(base.AuthFailed):
        await domain.open(domain.account(secret="wrong"))
    assert isinstance(session, AddressSession)
    assert not session.component.wire.lost
    await session.close()


async def test_a_server_that_is_away_makes_every_address_unreachable(
    domain: Domain,
) -> None:
    await domain.proxy.go_away()
    opened = await asyncio.gather(
        *(domain.open(domain.account()) for _ in range(5)), return_exceptions=True
    )
    assert [type(end) for end in opened] == [base.Unreachable] * 5
    await domain.proxy.come_back()
    session = await domain.open(domain.account())
    await session.close()


async def test_a_lost_connection_ends_every_session_and_a_new_one_serves_them_all(
    domain: Domain,
) -> None:
    accounts = [domain.account() for _ in range(3)]
    sessions = [await domain.open(account) for account in accounts]
    heard = [Heard() for _ in sessions]
    listeners = [
        asyncio.create_task(session.listen(one.deliver, b""))
        for session, one in zip(sessions, heard, strict=True)
    ]
    await asyncio.gather(*(one.first_place() for one in heard))
    domain.proxy.cut_all()
    ends = await asyncio.gather(*listeners, return_exceptions=True)
    assert [type(end) for end in ends] == [base.Unreachable] * 3
    anew = await asyncio.gather(*(domain.open(account) for account in accounts))
    assert domain.proxy.met == 2
    for old in sessions:  # closed late: they must not close what the new ones use
        await old.close()
    human = await domain.human()
    async with listening(anew[0]) as first:
        await human.say(accounts[0].handle, "hello")
        assert await first.texts(1) == ["hello"]
    await asyncio.gather(*(session.close() for session in anew))


async def test_a_recipient_who_is_not_there_refuses(domain: Domain) -> None:
    session = await domain.open(domain.account())
    with pytest.raises(base.Refused) as refused:
        await session.send(at("nobody@localhost"), Outgoing("key-no", "hello"))
    assert refused.value.permanent
    await session.close()


async def test_what_was_written_into_a_broken_line_is_uncertain_for_good(
    domain: Domain,
) -> None:
    account, human = domain.account(), await domain.human()
    session = await domain.open(account)
    domain.proxy.cut_answer(b"<message")
    with pytest.raises(base.Uncertain):
        await session.send(at(human.id), Outgoing("key-cut", "once"))
    await session.close()
    session = await domain.open(account)
    with pytest.raises(base.Uncertain, match="no archive"):
        await session.send(at(human.id), Outgoing("key-cut", "once", again=True))
    await session.close()
    await human.sync()
    assert human.heard.count(("message", account.handle, "once")) == 1


async def test_who_follows_sees_the_address_and_who_leaves_is_told(domain: Domain) -> None:
    account, human = domain.account(), await domain.human()
    session = await domain.open(account)
    async with listening(session) as heard:
        await human.follow(account.handle)
        await human.until(("available", account.handle, ""))
        await human.presence(account.handle, "unsubscribe")
        events = await heard.until(lambda now: len(now) >= 2)
    assert [event.type for event in events] == [EventType.JOINED, EventType.LEFT]
    assert ("subscribe", account.handle, "") not in human.heard


async def test_an_option_leaves_who_wants_to_follow_unanswered(domain: Domain) -> None:
    account, human = domain.account(accept_subscriptions=False), await domain.human()
    session = await domain.open(account)
    async with listening(session) as heard:
        await human.presence(account.handle, "subscribe")
        await heard.until(lambda now: len(now) == 1)
        await human.sync()
    assert ("subscribed", account.handle, "") not in human.heard


async def test_people_see_the_name_of_an_address(domain: Domain) -> None:
    account, human = domain.account(), await domain.human()
    session = await domain.open(account)
    assert await human.card_of(account.handle) == "Shop"
    await human.rename("林见山")
    assert (await session.fetch_profile(human.id)).name == "林见山"
    await session.close()


async def test_who_writes_to_an_address_that_is_not_attached_is_told_so(
    domain: Domain,
) -> None:
    session, human = await domain.open(domain.account()), await domain.human()
    nobody = f"nobody@{COMPONENT}"
    await human.say(nobody, "hello?")
    await human.until(("error", nobody, "recipient-unavailable"))
    await session.close()


async def test_an_address_has_no_wall(domain: Domain) -> None:
    account = domain.account()
    session = await domain.open(account)
    with pytest.raises(base.Unsupported):
        await session.post(Peer(account.handle, "wall"), Outgoing("key-wall", "hi"))
    await session.close()


def test_all_addresses_of_a_domain_are_held_by_one_process(domain: Domain) -> None:
    bonds = [
        domain.channel.bond(account.handle, account.options)
        for account in (domain.account(), domain.account())
    ]
    assert bonds[0] is not None
    assert bonds[0] == bonds[1]
    assert bonds[0].one_holder
    assert domain.channel.bond("shop@example.org", {}) is None


async def test_a_component_whose_server_went_silent_is_given_up(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "PING_SECONDS", 0.1)
    monkeypatch.setattr("menting.channels.xmpp.wire.ANSWER_SECONDS", 0.5)
    session = await domain.open(domain.account())
    domain.proxy.hold_answer(b"urn:xmpp:ping")
    with pytest.raises(base.Unreachable):
        async with asyncio.timeout(10):
            await session.listen(Heard().deliver, b"")
    await session.close()
