"""The Mastodon channel's rig: a fake server that is tested with Mastodon.py."""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from menting.channels import http
from menting.channels.base import Account
from menting.channels.mastodon.channel import Mastodon
from tests.fakes.mastodon import FakeMastodon
from tests.fakes.mastodon_forms import DOMAIN, User
from tests.servers import proxy
from tests.servers.proxy import Held, rewrite

_numbers = itertools.count(1)


class MastodonHuman:
    """Somebody on another server, who talks to the account that they greeted."""

    def __init__(self, server: FakeMastodon, user: User) -> None:
        self._server, self._user = server, user
        self._met = ""
        self.id = f"@{user.acct}"

    async def greet(self, account: Account, text: str) -> str:
        """Write to the account alone."""
        self._met = account.handle
        await self.write(self.id, text)
        return self.id

    async def write(self, place: str, text: str) -> str:
        """Write to whom they wrote before."""
        shop = _user(self._server, self._met)
        return await self._server.mention(self._user, shop, text)

    async def write_unreadable(self, place: str) -> None:
        """Send a picture without a word."""
        await self.write(place, "")

    async def rename(self, name: str) -> None:
        """Take a new name, which the account hears with the next word only."""
        self._user.name = name

    async def received(self, place: str, account: Account) -> list[str]:
        """Ask the server what the account wrote to them."""
        return self._server.direct(_user(self._server, account.handle), self._user)


class MastodonRig:
    """Accounts of one server; people of another."""

    able = frozenset(
        {"names", "history", "retold", "renames", "unreadable", "keys", "throttles"}
        | {"wall", "twice"}
    )
    most = 1_000
    nowhere = "@nobody@nowhere.example"
    send_part = "POST /api/v1/statuses"
    listen_part = "GET /api/v1/notifications"

    def __init__(self, server: FakeMastodon) -> None:
        self.server = server
        self.channel = Mastodon()

    async def account(self, name: str = "Shop") -> Account:
        """Make an account with that name."""
        number = next(_numbers)
        user = self.server.add(f"shop{number}", name)
        return Account(
            id=number,
            handle=f"@{user.acct}@{DOMAIN}",
            name=name,
            secret={"token": user.token},
            options={"server": self.server.url, "calls": 1_000_000},
        )

    async def human(self) -> MastodonHuman:
        """Make a person."""
        user = self.server.add(f"person{next(_numbers)}@elsewhere.example", "Lin")
        return MastodonHuman(self.server, user)

    def users(self, human: MastodonHuman, account: Account) -> tuple[User, User]:
        """Return a person and an account as the server knows them."""
        return self.server.users[human.id[1:]], _user(self.server, account.handle)

    def spoil_events(self) -> None:
        """Put notifications without form before all that come from now on."""

        def _spoil(raw: bytes) -> bytes:
            real = json.loads(raw)
            if not real:
                return raw
            broken = [None, {}, {**real[0], "created_at": "noon"}]
            lonely = {**real[0], "status": {**real[0]["status"], "content": "\ud800"}}
            strange = {**real[0], "status": {"id": 7}}
            return json.dumps([*broken, lonely, strange, *real]).encode()

        self.server.faults.always(self.listen_part, rewrite(_spoil))

    def wrong(self, account: Account) -> Account:
        """Return the account with a token that is none."""
        return dataclasses.replace(account, secret={"token": "wrong"})

    def hasten(self, patch: pytest.MonkeyPatch) -> None:
        """Shorten every call."""
        patch.setattr(http, "CALL_SECONDS", 1.0)

    def hold_request(self) -> Held:
        """Stand before the server."""
        return self.server.faults.hold_request(self.send_part)

    def hold_answer(self) -> Held:
        """Stand behind the server."""
        return self.server.faults.hold_answer(self.send_part)

    def cut_answer(self) -> None:
        """Break off."""
        self.server.faults.once(self.send_part, proxy.cut_answer)

    def throttle(self, seconds: float) -> None:
        """Answer as Mastodon does, with the moment of the reset."""
        reset = datetime.now(UTC) + timedelta(seconds=seconds)
        limits = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset.isoformat()}
        fault = proxy.answer_with(429, b'{"error": "Too many requests"}', limits)
        self.server.faults.once(self.send_part, fault)

    def garble(self) -> None:
        """Answer the next look with half of a list."""
        fault = proxy.answer_with(200, b'[{"id": "7", ')
        self.server.faults.once(self.listen_part, fault)

    def tell_twice(self) -> None:
        """Repeat every notification."""
        self.server.twice = True

    async def walled(self) -> tuple[Account, str]:
        """Make an account: its own timeline is its wall."""
        account = await self.account()
        return account, account.handle

    async def on_wall(self, account: Account, wall: str) -> list[str]:
        """Read the account's public statuses."""
        return self.server.on_wall(_user(self.server, account.handle))

    async def lose(self) -> None:
        """Stop listening."""
        await self.server.go_away()

    async def bring_back(self) -> None:
        """Listen again."""
        await self.server.come_back()


@contextlib.asynccontextmanager
async def mastodon_rig(mastodon: FakeMastodon) -> AsyncIterator[MastodonRig]:
    """Give a rig with a server of its own."""
    async with mastodon.running():
        rig = MastodonRig(mastodon)
        yield rig
        await rig.channel.aclose()


def _user(server: FakeMastodon, handle: str) -> User:
    return server.users[handle.removeprefix("@").removesuffix(f"@{DOMAIN}")]
