"""The XMPP channel's rig: a real Prosody behind a proxy of bytes."""

import contextlib
import dataclasses
import itertools
import re
from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from menting.channels.base import Account, Channel
from menting.channels.xmpp import wire
from menting.channels.xmpp.channel import Xmpp
from menting.cli.demo.prosody import Prosody
from tests.servers.jabber import Person
from tests.servers.proxy import Held
from tests.servers.stream import Stream

_numbers = itertools.count(1)

SENT = b"<message"
#: Nobody's message, an empty one, a broken time, a sender without form, a nameless iq.
BROKEN = (
    b"<message><body>from nobody</body></message>"
    b"<message from='a@localhost' type='chat'><body/></message>"
    b"<message from='@@'><body>x</body></message>"
    b"<message from='c@localhost'><delay xmlns='urn:xmpp:delay' stamp='noon'/></message>"
    b"<message from='b@localhost'><received xmlns='urn:xmpp:carbons:2'/></message>"
    b"<presence from='//' type='subscribe'/><iq type='result'/><strange xmlns='x:y'/>"
)


class XmppHuman(Person):
    """An XMPP user, as the suite wants people; a conversation is named by the person."""

    async def greet(self, account: Account, text: str) -> str:
        """Write."""
        self._account = account.handle
        await self.say(account.handle, text)
        return self.id

    async def write(self, _place: str, text: str) -> None:
        """Write to the account that was greeted."""
        await self.say(self._account, text)

    async def write_unreadable(self, _place: str) -> None:
        """Send what an encrypting client sends."""
        body = "I sent you an OMEMO encrypted message"
        hint = "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:omemo:2'/>"
        await self.say(self._account, body, hint)

    async def leave(self, _place: str) -> None:
        """Follow the account, and then no more."""
        await self.follow(self._account)
        await self.presence(self._account, "unsubscribe")

    async def received(self, _place: str, account: Account) -> list[str]:
        """Ask the person's archive what the account wrote."""
        return await self.read(account.handle)


class XmppRig:
    """Accounts sign in through the proxy; people talk to the server itself."""

    able: ClassVar[frozenset[str]] = frozenset(
        {"names", "history", "unseen", "retold", "renames", "leaves", "unreadable"}
        | {"keys", "wall", "twice"}
    )
    most: ClassVar[int] = 50
    nowhere: ClassVar[str] = "nobody@localhost"

    def __init__(self, server: Prosody, between: Stream) -> None:
        self._server = server
        self.proxy = between
        self.channel: Channel = Xmpp()
        self._people: list[XmppHuman] = []

    async def account(self, name: str = "Shop") -> Account:
        """Make an account with that name on its vCard."""
        number = next(_numbers)
        login = f"shop{number}"
        self._server.register(login)
        if name != "Shop":
            owner = Person(self._server, login)
            await owner.sign_in()
            await owner.rename(name)
            await owner.sign_out()
        options = {"host": "127.0.0.1", "port": self.proxy.port, "tls": False}
        secret = {"password": self._server.password(login)}
        return Account(number, self._server.handle(login), name, secret, options)

    async def human(self) -> XmppHuman:
        """Make a person who is online."""
        name = f"person{next(_numbers)}"
        self._server.register(name)
        person = XmppHuman(self._server, name)
        await person.sign_in()
        self._people.append(person)
        return person

    def wrong(self, account: Account) -> Account:
        """Return the account with a password that is not its own."""
        return dataclasses.replace(account, secret={"password": "wrong"})

    def with_new_password(self, account: Account) -> Account:
        """Change the password on the server as well."""
        name = account.handle.partition("@")[0]
        self._server.set_password(name, "another")
        return dataclasses.replace(account, secret={"password": "another"})

    def hasten(self, patch: pytest.MonkeyPatch) -> None:
        """Shorten every wait."""
        patch.setattr(wire, "ANSWER_SECONDS", 1.0)

    def hold_request(self) -> Held:
        """Stand before the server."""
        return self.proxy.hold_request(SENT)

    def hold_answer(self) -> Held:
        """Stand behind the server."""
        return self.proxy.hold_answer(SENT)

    def cut_answer(self) -> None:
        """Break off."""
        self.proxy.cut_answer(SENT)

    def spoil_events(self) -> None:
        """Put stanzas without form before each message."""
        self._uncounted()
        self.proxy.always(lambda said: said.replace(b"<message", BROKEN + b"<message", 1))

    def garble(self) -> None:
        """Answer the next question with what is not XML."""
        self.proxy.once(lambda said: b"<iq type='result'><<" + said)

    def tell_twice(self) -> None:
        """Repeat every message."""
        self._uncounted()
        whole = re.compile(rb"<message .*?</message>", re.DOTALL)
        self.proxy.always(lambda said: whole.sub(lambda found: found[0] * 2, said))

    def _uncounted(self) -> None:
        """Keep from the server that more was heard than it said: it would not bear that."""
        count = re.compile(rb"<a xmlns='urn:xmpp:sm:3'[^>]*>")
        self.proxy.always_up(lambda said: count.sub(b"", said))

    async def walled(self) -> tuple[Account, str]:
        """Make an account that posts to its microblog."""
        account = await self.account()
        options = {**account.options, "microblog": True}
        return dataclasses.replace(account, options=options), account.handle

    async def on_wall(self, _account: Account, wall: str) -> list[str]:
        """Read the microblog as a stranger."""
        return [text for _, text in await (await self.human()).blog(wall)]

    async def lose(self) -> None:
        """Stop listening."""
        await self.proxy.go_away()

    async def bring_back(self) -> None:
        """Listen again."""
        await self.proxy.come_back()

    async def aclose(self) -> None:
        """Send everybody home."""
        for person in self._people:
            await person.sign_out()
        await self.channel.aclose()


@contextlib.asynccontextmanager
async def xmpp_rig(server: Prosody) -> AsyncIterator[XmppRig]:
    """Give a rig with a proxy of its own."""
    async with Stream(server.ports.client).running() as between:
        rig = XmppRig(server, between)
        try:
            yield rig
        finally:
            await rig.aclose()
