"""The rig of Matrix accounts that belong to an application service of a real Synapse."""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from typing_extensions import override

from menting.channels import base
from menting.channels.base import Account, Event
from menting.channels.hook import Hook, HookAnswer
from menting.channels.matrix.channel import Matrix
from tests.contract.matrix import MatrixRig
from tests.servers.appservice import ServiceServer
from tests.servers.proxy import Proxy

_numbers = itertools.count(1)


class Inbox:
    """Stores what is pushed, as the people's inbox does, whether a session lives or not."""

    def __init__(self) -> None:
        self._deliver: dict[str, tuple[base.Deliver, list[bytes]]] = {}
        self._early: dict[str, list[Event]] = {}

    async def store(self, handle: str, events: list[Event]) -> None:
        """Hand over, or keep for whoever listens later."""
        if handle in self._deliver:
            deliver, resume = self._deliver[handle]
            await deliver(events, resume[0])
        else:
            self._early.setdefault(handle, []).extend(events)

    @contextlib.asynccontextmanager
    async def listening(
        self, handle: str, deliver: base.Deliver, resume: bytes
    ) -> AsyncIterator[base.Deliver]:
        """Give what a session may deliver by, and let pushes go the same way meanwhile."""
        place = [resume]

        async def _deliver(events: list[Event], token: bytes) -> None:
            await deliver(events, token)
            place[0] = token
            if early := self._early.pop(handle, []):
                await deliver(early, token)

        self._deliver[handle] = (deliver, place)
        try:
            yield _deliver
        finally:
            del self._deliver[handle]


class Pushed:
    """A session whose listener also hears what is pushed."""

    def __init__(self, session: base.Session, inbox: Inbox) -> None:
        self._session, self._inbox = session, inbox

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def listen(self, deliver: base.Deliver, resume: bytes) -> None:
        """Listen until it ends."""
        handle = self._session.profile.id
        async with self._inbox.listening(handle, deliver, resume) as own:
            await self._session.listen(own, resume)


class PushedMatrix(Matrix):
    """The channel with its inbox."""

    def __init__(self, inbox: Inbox) -> None:
        super().__init__()
        self._inbox = inbox

    @override
    async def open(self, account: Account, keep: base.Keep) -> Any:
        return Pushed(await super().open(account, keep), self._inbox)


class AppserviceRig(MatrixRig):
    """Calls go through the proxy; what is pushed comes to `take`, and may be spoiled."""

    able = MatrixRig.able - {"tokens"}
    listen_part = "/joined_rooms"

    def __init__(
        self, server: ServiceServer, between: Proxy, client: aiohttp.ClientSession
    ) -> None:
        super().__init__(server, between, client)
        self._server = server
        self._inbox = Inbox()
        self.service = server.service()
        self.channel = PushedMatrix(self._inbox)
        self._is_away = False
        self._change: Callable[[list[Any]], list[Any]] = list

    @override
    async def account(self, name: str = "Shop") -> Account:
        number = next(_numbers)
        login = f"{self.service.id}_shop{number}"
        handle = self._server.handle(login)
        body = {"type": "m.login.application_service", "username": login}
        await self.call("POST", "/register", {**body, "inhibit_login": True})
        path = f"/profile/{handle}/displayname"
        await self.call("PUT", path, {"displayname": name}, handle)
        return self.given(number, handle, name)

    def given(self, number: int, handle: str, name: str) -> Account:
        """Return an account as the roster gives it."""
        tokens = {"as_token": self.service.as_token, "hs_token": self.service.hs_token}
        options = {"homeserver": self.proxy.url, "appservice": self.service.id}
        return Account(number, handle, name, tokens, options)

    async def call(self, method: str, path: str, body: Any, who: str = "") -> Any:
        """Call the homeserver itself as the service does."""
        async with self._http.request(
            method,
            f"{self._server.url}/_matrix/client/v3{path}",
            json=body,
            params={"user_id": who} if who else None,
            headers={"Authorization": f"Bearer {self.service.as_token}"},
        ) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    @override
    def wrong(self, account: Account) -> Account:
        return dataclasses.replace(account, secret={**account.secret, "as_token": "wrong"})

    @override
    async def walled(self) -> tuple[Account, str]:
        account = await self.account()
        made = await self.call(
            "POST", "/createRoom", {"preset": "public_chat"}, account.handle
        )
        options = {**account.options, "wall": made["room_id"]}
        return dataclasses.replace(account, options=options), made["room_id"]

    @override
    def spoil_events(self) -> None:
        def _spoil(events: list[Any]) -> list[Any]:
            empty = {"msgtype": "m.text", "body": ["no text"]}
            broken = [None, {}, {**events[0], "origin_server_ts": "noon"}]
            return [
                *broken,
                {**events[0], "event_id": "$strange", "content": empty},
                *events,
            ]

        self._change = _spoil

    @override
    def tell_twice(self) -> None:
        self._change = lambda events: [event for event in events for _ in range(2)]

    @override
    async def lose(self) -> None:
        self._is_away = True
        await super().lose()

    @override
    async def bring_back(self) -> None:
        self._is_away = False
        await super().bring_back()

    async def take(self, hook: Hook) -> HookAnswer:
        """Prove, parse, store and only then answer."""
        if self._is_away:
            return HookAnswer(503)
        assert self.channel.addressee(hook) == self.service.desk
        told = json.loads(hook.body)
        body = json.dumps({"events": self._change(told["events"])}).encode()
        desk = self.given(0, self.service.desk, "Desk")
        answer = self.channel.take_hook(dataclasses.replace(hook, body=body), desk)
        for handle, events in answer.events.items():
            await self._inbox.store(handle, list(events))
        return answer


@contextlib.asynccontextmanager
async def appservice_rig(server: ServiceServer) -> AsyncIterator[AppserviceRig]:
    """Give a rig with a proxy and a service of its own."""
    between = Proxy(server.url)
    async with aiohttp.ClientSession() as client, between.running():
        rig = AppserviceRig(server, between, client)
        async with server.pushing(rig.service, rig.take):
            yield rig
        await rig.channel.aclose()
