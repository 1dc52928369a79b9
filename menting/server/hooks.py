"""`/hooks/CHANNEL/…`: what platforms call; proven, then parsed, then stored, then 200."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import parse_qsl

import structlog

from menting.accounts import state
from menting.base import clock
from menting.channels import base, registry
from menting.channels.base import Event
from menting.channels.hook import ForgedError, Hook, HookAnswer, MalformedError
from menting.people import hooked
from menting.server.asgi import Receive, Scope, Send
from menting.workers import bridge

log = structlog.get_logger(__name__)

#: A platform waits 3 s (QQ) to 60 s (Telegram) for its answer.
READ_SECONDS = 10.0
#: Requests in work at a time: more would only wait for the one writer.
MOST_AT_ONCE = 64
METHODS = ("GET", "POST", "PUT")


class _SaidError(Exception):
    """The request is answered with this status and these words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Hooks:
    """A raw ASGI app for all channels."""

    def __init__(self, channel_of: Callable[[str], base.Channel] = registry.get) -> None:
        self._channel_of = channel_of
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of a platform."""
        if self._under_way >= MOST_AT_ONCE:
            await _answer(send, HookAnswer(503, b"busy"), [(b"retry-after", b"1")])
            return
        self._under_way += 1
        try:
            answer = await self._judge(scope, receive)
        except _SaidError as said:
            answer = HookAnswer(said.status, str(said).encode())
        finally:
            self._under_way -= 1
        await _answer(send, answer)

    async def _judge(self, scope: Scope, receive: Receive) -> HookAnswer:
        name, _, path = scope["path"].removeprefix("/hooks/").partition("/")
        channel = self._channel(name)
        if scope["method"] not in METHODS:
            raise _SaidError(405, f"a webhook is called by {', '.join(METHODS)}")
        hook = await _read(scope, receive, path, most=channel.most_hook_bytes)
        account = await bridge.call(state.addressed, name, _addressee(channel, hook))
        if account is None:
            log.info("a webhook for no account", channel=name)
            raise _SaidError(404, "no account here is called that")
        answer = _taken(channel, hook, account)
        await self._store(name, account, answer)
        return answer

    def _channel(self, name: str) -> base.Channel:
        try:
            return self._channel_of(name)
        except registry.UnknownChannelError:
            raise _SaidError(404, "there is no such channel") from None

    async def _store(self, name: str, account: base.Account, answer: HookAnswer) -> None:
        """Store all that was told; only then may the platform hear that it was taken."""
        told = {handle: events for handle, events in answer.events.items() if events}
        if told:
            await bridge.whole(_receive, name, told)
        if answer.nudge:
            await bridge.call(_nudge, name, answer.events or {account.handle: ()})


def _receive(channel: str, told: Mapping[str, Sequence[Event]]) -> None:
    ids = state.ids_of(channel, told)
    hooked.receive({ids[handle]: told[handle] for handle in told if handle in ids})


def _nudge(channel: str, handles: Iterable[str]) -> None:
    for account_id in state.ids_of(channel, handles).values():
        state.nudge(account_id)


def _addressee(channel: base.Channel, hook: Hook) -> str:
    try:
        return channel.addressee(hook)
    except base.Unsupported as error:
        raise _SaidError(404, str(error)) from None
    except MalformedError as error:
        raise _SaidError(400, str(error)) from None


def _taken(channel: base.Channel, hook: Hook, account: base.Account) -> HookAnswer:
    try:
        return channel.take_hook(hook, account)
    except ForgedError as error:
        log.warning("a webhook was not proven", channel=channel.name, reason=str(error))
        raise _SaidError(401, "not proven to come from the platform") from None
    except base.ChannelError as error:
        log.warning("a webhook of an account that takes none", channel=channel.name)
        raise _SaidError(404, f"this account takes no webhooks: {error}") from None
    except MalformedError as error:
        log.warning("a webhook was malformed", channel=channel.name, reason=str(error))
        raise _SaidError(400, str(error)) from None


async def _read(scope: Scope, receive: Receive, path: str, *, most: int) -> Hook:
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in scope["headers"]
    }
    try:
        async with asyncio.timeout(READ_SECONDS):
            body = await _body(receive, most)
    except TimeoutError:
        raise _SaidError(408, "the request came too slowly") from None
    query = scope.get("query_string", b"").decode("latin-1")
    return Hook(
        method=scope["method"],
        path=path,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers=headers,
        body=body,
        at=clock.now(),
    )


async def _body(receive: Receive, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _SaidError(400, "the request broke off")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise _SaidError(413, f"a webhook has at most {most:,} bytes here")
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(
    send: Send, answer: HookAnswer, more: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    headers = [
        (b"content-type", answer.content_type.encode("latin-1")),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"default-src 'none'; form-action 'self'"),
        *more,
    ]
    start = {"type": "http.response.start", "status": answer.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": answer.body})
