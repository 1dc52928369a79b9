"""The visits' way in: raw ASGI in front of everything, 204 only when a visit is on disk."""

import asyncio
import itertools
from collections.abc import Callable, Iterable

import msgspec

from menting.base import clock, ids
from menting.visits import answers, stamps, visit
from menting.visits.answers import Receive, RefusedError, Scope, Send
from menting.visits.observe import Headers, Observer, Opening, Request
from menting.visits.repeats import Repeats
from menting.visits.spool import Spool, SpoolError
from menting.visits.visit import Beacon, Snapshot, SpaceSeen, Visit

#: A beacon takes some 300 bytes.
BODY_MAX = 8192

_ORIGIN_REMEDY = (
    "open the page from an origin that is registered for the space (scheme://host[:port]), "
    "or register this origin"
)


class Door:
    """Answers `/v` and `/v.js`, and records the pages that the server shows itself."""

    def __init__(
        self,
        *,
        spool: Spool,
        spaces: Callable[[], Snapshot],
        key: bytes,
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        self._spool, self._spaces, self._key = spool, spaces, key
        self._observer = Observer(trusted_proxies)
        self._repeats = Repeats()
        # Unlike those of stamps nobody sees them: counting costs no call of the system's.
        self._numbers = itertools.count(ids.random63() >> 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever comes, never with a 500 for a malformed one."""
        headers = dict(scope["headers"])
        try:
            await self._answer(scope, headers, receive, send)
        except _GoneError:
            return
        except RefusedError as error:
            # A refusal is readable for the page only if its origin is one of ours.
            origin = headers.get(b"origin", b"") if error.status != 403 else b""
            await answers.refused(send, error, origin=origin)

    def mint(self) -> tuple[int, str]:
        """Return a visit number and its stamp for a page; record it once it was shown."""
        return stamps.mint(self._key)

    async def record(
        self,
        *,
        vid: int,
        space_slug: str,
        path: str,
        headers: Headers,
        client: tuple[str, int] | None,
        who: int = 0,
    ) -> None:
        """Keep the visit of a page that the server shows; returns when it is on disk.

        A bot's is dropped, also one of an unknown space. Raises SpoolError.
        """
        snapshot = self._spaces()
        space = snapshot.spaces.get(space_slug)
        if space is None:
            return
        request = Request(headers=dict(headers), client=client)
        kept = self._observer.visit(
            request,
            space=space,
            house_zone=snapshot.house_zone,
            opening=Opening(path=path, referrer=request.referrer(), who=who, vid=vid),
        )
        if kept is not None:
            await self._spool.put(visit.encode(kept))

    async def _answer(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        method, origin = scope["method"], headers.get(b"origin", b"")
        if scope["path"] == "/v.js" and method in ("GET", "HEAD"):
            await answers.script(send, is_head=method == "HEAD")
        elif scope["path"] == "/v" and method == "POST":
            await self._beacon(scope, headers, receive)
            await answers.kept(send, origin)
        elif scope["path"] == "/v" and method == "OPTIONS":
            self._check_known(origin)
            await answers.may_send(send, origin)
        else:
            raise RefusedError(
                405, "method not allowed", where="method", remedy="POST /v, GET /v.js"
            )

    async def _beacon(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive
    ) -> None:
        beacon = _decode(await _body(headers, receive))
        snapshot = self._spaces()
        space = snapshot.spaces.get(beacon.space)
        origin = headers.get(b"origin", b"").decode("latin-1")
        if space is None or origin not in space.origins:
            raise RefusedError(
                403,
                "no space of this name takes visits from this origin",
                where="header Origin",
                remedy=_ORIGIN_REMEDY,
            )
        if beacon.stamp and stamps.read_stamp(self._key, beacon.stamp):
            return  # the server has recorded this opening itself
        opening = Opening(
            path=beacon.path,
            referrer=beacon.referrer or "",
            who=self._who(beacon, space),
            vid=next(self._numbers),
        )
        kept = self._observer.visit(
            Request(headers=headers, client=scope.get("client")),
            space=space,
            house_zone=snapshot.house_zone,
            opening=opening,
        )
        if kept is not None:
            await self._keep(kept, beacon.id or "")

    async def _keep(self, kept: Visit, beacon_id: str) -> None:
        try:
            first = self._repeats.get(kept.space, kept.day, beacon_id)
            if first is not None:
                await asyncio.shield(first)
                return
            future = self._spool.put(visit.encode(kept))
            self._repeats.add(kept.space, kept.day, beacon_id, future)
            await future
        except SpoolError as error:
            self._repeats.remove(kept.space, kept.day, beacon_id)
            raise RefusedError(
                503, str(error), where="spool", remedy="send it again", retry_seconds=1
            ) from error

    def _who(self, beacon: Beacon, space: SpaceSeen) -> int:
        if not beacon.who:
            return 0
        now = clock.now_millis()
        return stamps.read_who(self._key, space_id=space.id, token=beacon.who, now=now)

    def _check_known(self, origin: bytes) -> None:
        wanted = origin.decode("latin-1")
        if not any(wanted in space.origins for space in self._spaces().spaces.values()):
            raise RefusedError(
                403, "unknown origin", where="header Origin", remedy=_ORIGIN_REMEDY
            )


class _GoneError(Exception):
    """The caller went away while sending."""


async def _body(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > BODY_MAX:
        raise _too_large()
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _GoneError
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_MAX:
            raise _too_large()
    return body


def _too_large() -> RefusedError:
    return RefusedError(
        413, "the body is too large", where="body", remedy=f"at most {BODY_MAX} bytes"
    )


def _decode(body: bytes) -> Beacon:
    try:
        return visit.decode_beacon(body)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        # ValidationError ends in "- at `$.path`"; the others point at a byte.
        said, _, where = str(error).partition(" - at ")
        raise RefusedError(
            422,
            said,
            where=where.strip("`") or "body",
            remedy='send {"space": SLUG, "path": "/…"} as JSON in UTF-8',
        ) from error
