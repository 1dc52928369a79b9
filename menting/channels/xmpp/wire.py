"""One stream to a server: questions with their answers, messages until they are taken."""

import asyncio
import contextlib
import uuid
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Protocol, TypeVar
from xml.etree.ElementTree import Element

from slixmpp.basexmpp import BaseXMPP
from slixmpp.xmlstream.stanzabase import StanzaBase

from menting.channels import base
from menting.channels.xmpp import acks, refusal, xml
from menting.channels.xmpp.acks import Acks

ANSWER_SECONDS = 30.0
#: What a stream counts (XEP-0198).
STANZAS = frozenset({"message", "presence", "iq"})
#: slixmpp's own would keep a roster entry of everybody, subscribe back to strangers, and
#: follow a server's wish to sign in elsewhere, with that other name in the certificate.
UNWANTED = ("IM", "IMError", "Presence", "Roster Update", "Stream Error")

FAULT = "{http://etherx.jabber.org/streams}error"

T = TypeVar("T")


class Owner(Protocol):
    """Whoever the stream belongs to."""

    def hear(self, stanza: Element) -> None:
        """Take in a message or presence, or an error of a message that was taken before."""

    def lose(self) -> None:
        """Hear that the stream is no more."""


class Wire:
    """What all accounts of a stream share: one for a client, hundreds for a component."""

    def __init__(self, xmpp: BaseXMPP, owner: Owner) -> None:
        self._xmpp, self._owner = xmpp, owner
        self.space = str(xmpp.default_ns)
        self.acks = Acks()
        #: What the server said before it closed the stream (RFC 6120, 4.9.3).
        self.fault = ""
        #: Why the stream is no more.
        self.lost = ""
        self._answers: dict[str, asyncio.Future[Element]] = {}
        self._messages: dict[str, acks.Taken] = {}
        self._echoing: asyncio.Task[None] | None = None
        self._echo_turn = asyncio.Lock()
        for name in UNWANTED:
            xmpp.remove_handler(name)
        xmpp.add_filter("out_sync", self._count)

    async def ask(self, iq: Element, *, seconds: float | None = None) -> Element:
        """Return the result of a question; `seconds`: else 30.

        Raises Refused and Throttled as the answer says, Unreachable when the stream was
        lost before, and Uncertain when it was lost meanwhile or no answer came.
        """
        known = iq.attrib.setdefault("id", uuid.uuid4().hex)
        with _waiting(self._answers, known) as answer:
            self.tell(iq)
            told = await _within(answer, seconds)
        if told.get("type") == "error":
            raise refusal.of(told)
        return told

    async def send(self, message: Element) -> None:
        """Write a message and return when the server took it; raises as `ask` does."""
        with _waiting(self._messages, message.attrib["id"]) as taken:
            self.tell(message)
            if self.acks.is_on:
                self.say(acks.ASK)
                await _within(taken, None)
            else:
                await self._next_echo()
                if taken.done():
                    taken.result()  # an error came back before the echo

    def tell(self, stanza: Element) -> None:
        """Write a stanza and wait for nothing. Raises Unreachable."""
        if self.lost:
            raise base.Unreachable(self.lost)
        self._xmpp.send(StanzaBase(self._xmpp, xml=stanza))

    def say(self, markup: str) -> None:
        """Write what is no stanza, and not counted."""
        if not self.lost:
            self._xmpp.send(markup, use_filters=False)

    def hear(self, element: Element) -> None:
        """Take in what the server says."""
        if str(element.tag).startswith(f"{{{acks.SPACE}}}"):
            self._hear_ack(element)
        elif (name := xml.name_of(element)) in STANZAS:
            self.acks.count_heard()
            if name == "iq":
                self._hear_answer(element)
            elif element.get("type") != "error" or not self._hear_error(element):
                self._owner.hear(element)
        elif element.tag == FAULT and len(element):
            self.fault = xml.name_of(element[0])

    def lose(self, reason: str) -> None:
        """Fail all that waits: the stream is gone."""
        if self.lost:
            return
        self.lost = reason or "the connection was closed"
        _fail(self._answers.values(), base.Uncertain(self.lost))
        _fail(self._messages.values(), base.Uncertain(self.lost))
        self._owner.lose()

    async def echo(self) -> None:
        """Return when the server has dealt with all that was written before.

        It takes in order what one connection brings (RFC 6120, 10.1). A component's word to
        itself comes back as it is. Raises as `ask` does.
        """
        kind = "result" if self._xmpp.is_component else "get"
        me, known = str(self._xmpp.boundjid), uuid.uuid4().hex
        iq = xml.stanza(self.space, "iq", str(self._xmpp.boundjid.domain), type=kind)
        iq.attrib |= {"from": me, "id": known}
        xml.child(iq, xml.PING, "ping")
        # Whether it knows the question matters not.
        with contextlib.suppress(base.Refused, base.Throttled):
            await self.ask(iq)

    async def _next_echo(self) -> None:
        """Wait for an echo of what is written by now; one serves all who wait meanwhile."""
        if self._echoing is None:
            self._echoing = asyncio.create_task(self._echo_in_turn(), name="xmpp echo")
            self._echoing.add_done_callback(_heard_of)
        await asyncio.shield(self._echoing)

    async def _echo_in_turn(self) -> None:
        async with self._echo_turn:
            self._echoing = None  # who comes from here on needs the one after
            await self.echo()

    def _count(self, stanza: StanzaBase) -> StanzaBase:
        """Count a stanza as it is written, be it ours or slixmpp's."""
        name, known = xml.name_of(stanza.xml), stanza.xml.get("id", "")
        if name in STANZAS:
            is_asked = name == "message" and self.acks.is_on
            self.acks.count_sent(self._messages.get(known) if is_asked else None)
        return stanza

    def _hear_ack(self, element: Element) -> None:
        match xml.name_of(element):
            case "a":
                self.acks.hear_ack(element)
            case "r":
                self.say(self.acks.answer())
            case "enabled":
                self.acks.agree()

    def _hear_answer(self, iq: Element) -> None:
        answer = self._answers.get(iq.get("id", ""))
        if answer is not None and not answer.done() and iq.get("type") in _ANSWERS:
            answer.set_result(iq)

    def _hear_error(self, message: Element) -> bool:
        taken = self._messages.get(message.get("id", ""))
        if taken is None:
            return False
        if not taken.done():
            taken.set_exception(refusal.of(message))
        return True


_ANSWERS = frozenset({"result", "error"})


@contextlib.contextmanager
def _waiting(
    table: MutableMapping[str, asyncio.Future[T]], known: str
) -> Iterator[asyncio.Future[T]]:
    """Keep a future in a table within the block; nobody minds what becomes of it after."""
    table[known] = future = asyncio.get_running_loop().create_future()
    try:
        yield future
    finally:
        table.pop(known, None)
        if not future.cancel() and not future.cancelled():
            future.exception()  # was heard of, so that asyncio does not complain


def _heard_of(task: asyncio.Task[None]) -> None:
    """Keep asyncio from complaining when all who waited have given up."""
    if not task.cancelled():
        task.exception()


def _fail(waiting: Iterable[asyncio.Future[T]], error: base.ChannelError) -> None:
    for future in waiting:
        if not future.done():
            future.set_exception(error)


async def _within(future: asyncio.Future[T], seconds: float | None) -> T:
    try:
        async with asyncio.timeout(seconds or ANSWER_SECONDS):
            return await asyncio.shield(future)
    except TimeoutError:
        raise base.Uncertain("no answer in time") from None
