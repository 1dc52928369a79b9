"""A platform for tests of the keeper: they set what it does at which sign-in."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import BaseModel, SecretStr
from typing_extensions import override

from menting.base import clock, pace
from menting.channels import base


class Columns(BaseModel):
    """What a roster line of this platform holds."""

    password: SecretStr


@dataclass
class Live(base.Session):
    """A session; ends when the test puts an error into `ends`."""

    platform: "Platform"
    account: base.Account
    ends: asyncio.Queue[Exception] = field(default_factory=asyncio.Queue)
    told: asyncio.Queue[tuple[list[base.Event], bytes]] = field(
        default_factory=asyncio.Queue
    )
    resumed_from: bytes | None = None
    acknowledged: list[bytes] = field(default_factory=list)
    nudges: int = 0

    @property
    @override
    def profile(self) -> base.Profile:
        return base.Profile(id=self.account.handle)

    @property
    @override
    def caps(self) -> base.Cap:
        return Platform.caps

    @override
    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        self.resumed_from = resume
        hearing = asyncio.create_task(self._hear(deliver))
        ending = asyncio.create_task(self.ends.get())
        both = {hearing, ending}
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
        raise ending.result() if ending in done else hearing.exception() or RuntimeError

    @override
    async def fetch_profile(self, person: str) -> base.Profile:
        return base.Profile(id=person)

    @override
    async def send(self, to: base.Peer, message: base.Outgoing) -> base.Receipt:
        return base.Receipt(message.key, clock.now())

    @override
    async def post(self, wall: base.Peer, message: base.Outgoing) -> base.Receipt:
        raise base.Unsupported("no wall")

    @override
    def nudge(self) -> None:
        self.nudges += 1

    @override
    async def close(self) -> None:
        self.platform.live[self.account.handle] -= 1

    async def _hear(self, deliver: base.Deliver) -> None:
        while True:
            events, resume = await self.told.get()
            await deliver(events, resume)
            self.acknowledged.append(resume)


class Platform(base.Channel):
    """Counts sign-ins and sessions, which must never be two for one account."""

    name = "matrix"
    caps = base.Cap.TEXT
    secret_model = Columns
    rate = pace.UNLIMITED
    keys = base.Keys()
    handle_example = "@shop:example.org"

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.opened_at: list[float] = []
        self.sessions: dict[str, Live] = {}
        self.live: Counter[str] = Counter()
        self.most_live = 0
        self.signing_in = self.most_signing_in = 0
        self.seconds = 0.0
        #: Asked at each sign-in: raises to refuse it.
        self.judge: Callable[[base.Account], None] = lambda account: None
        self.renew: dict[str, str] = {}
        self.is_closed = False

    @override
    async def open(self, account: base.Account, keep: base.Keep) -> base.Session:
        self.opened.append(account.handle)
        self.opened_at.append(time.monotonic())
        self.signing_in += 1
        self.most_signing_in = max(self.most_signing_in, self.signing_in)
        try:
            await asyncio.sleep(self.seconds)
            self.judge(account)
            if self.renew:
                await keep(self.renew)
        finally:
            self.signing_in -= 1
        self.live[account.handle] += 1
        self.most_live = max(self.most_live, self.live[account.handle])
        self.sessions[account.handle] = session = Live(self, account)
        return session

    @override
    async def aclose(self) -> None:
        self.is_closed = True
