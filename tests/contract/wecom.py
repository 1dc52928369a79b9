"""The WeCom channel's rig: a fake API, and callbacks that go straight to the channel."""

import asyncio
import contextlib
import dataclasses
import itertools
import json
from collections.abc import AsyncIterator, Mapping

import pytest

from menting.base import clock
from menting.channels import http
from menting.channels.base import Account, Event, Session
from menting.channels.hook import Hook, HookAnswer
from menting.channels.wecom.channel import WeCom
from tests.contract.rig import Vault
from tests.fakes.wecom import FakeWeCom
from tests.fakes.wecom_state import MSGID_REPEATED
from tests.servers import proxy
from tests.servers.proxy import Held, rewrite

_numbers = itertools.count(1)


class WeComHuman:
    """Somebody in WeChat, who talks to the customer service that they wrote to."""

    def __init__(self, server: FakeWeCom, person: str) -> None:
        self._server, self.id = server, person
        self._kf_id = ""

    async def greet(self, account: Account, text: str) -> str:
        """Write to a customer-service account."""
        self._kf_id = name_of(account)
        await self.write(self.id, text)
        return self.id

    async def write(self, _place: str, text: str) -> None:
        """Write again."""
        self._server.write(self._kf_id, self.id, text)
        await asyncio.sleep(0)

    async def write_unreadable(self, _place: str) -> None:
        """Send a picture."""
        self._server.write(self._kf_id, self.id, "", msgtype="image")

    async def rename(self, name: str) -> None:
        """Take a new name, which nobody is told."""
        self._server.names[self.id] = name

    async def received(self, _place: str, account: Account) -> list[str]:
        """Ask the platform what the account wrote to them."""
        return self._server.received(name_of(account), self.id)


class WeComRig:
    """Customer-service accounts of one corp; a member for the wall."""

    able = frozenset(
        {"names", "history", "retold", "renames", "unreadable", "keys", "wall", "twice"}
    )
    most = 1_000
    nowhere = "wm-nobody-here"
    send_part = "POST /cgi-bin/kf/send_msg"
    listen_part = "POST /cgi-bin/kf/sync_msg"

    def __init__(self, server: FakeWeCom) -> None:
        self.server = server
        self.channel = WeCom()
        self.accounts: dict[str, Account] = {}
        #: What callbacks told, by handle.
        self.told: list[tuple[str, Event]] = []
        self.is_away = False
        server.call_back = self._call_back

    async def account(self, name: str = "Shop") -> Account:
        """Make a customer-service account with that name."""
        kf_id = f"wk{next(_numbers):030d}"
        self.server.add_kf(kf_id, name)
        return self._account(kf_id, name)

    async def member(self, name: str = "Zhang San") -> Account:
        """Make a member who keeps customers."""
        userid = f"member{next(_numbers)}"
        self.server.add_member(userid, name)
        return self._account(userid, name)

    async def human(self) -> WeComHuman:
        """Make somebody in WeChat."""
        return WeComHuman(self.server, self.server.customer("Lin"))

    async def served(self) -> tuple[Session, Account, WeComHuman]:
        """Give a customer-service account to which somebody wrote."""
        account, human = await self.account(), await self.human()
        session = await self.channel.open(account, Vault().keep)
        await human.greet(account, "hello")
        return session, account, human

    async def kept(self) -> tuple[Session, Account, str]:
        """Give a member with a customer."""
        account = await self.member()
        person = self.server.customer("Lin")
        self.server.add(name_of(account), person)
        return await self.channel.open(account, Vault().keep), account, person

    def hook(self, told: Mapping[str, str], account: Account) -> HookAnswer:
        """Let WeCom call the account's address."""
        query, body = self.server.envelope(told)
        hook = Hook("POST", account.handle, query, {}, body, clock.now())
        addressee = self.accounts[self.channel.addressee(hook)]
        return self.channel.take_hook(hook, addressee)

    def spoil_events(self) -> None:
        """Put messages without form before all that come from now on."""

        def _spoil(raw: bytes) -> bytes:
            told = json.loads(raw)
            real = told["msg_list"]
            if real:
                broken = [None, {}, {**real[0], "send_time": "noon"}]
                late = {**real[0], "send_time": 10**18}
                half = {**real[0], "msgid": "strange", "text": {"content": "\ud800"}}
                empty = {**real[0], "text": {"content": ["no text"]}}
                told["msg_list"] = [*broken, late, half, empty, *real]
            return json.dumps(told).encode()

        self.server.faults.always(self.listen_part, rewrite(_spoil))

    def wrong(self, account: Account) -> Account:
        """Return the account with a secret that is none."""
        return dataclasses.replace(account, secret={**account.secret, "secret": "wrong"})

    def hasten(self, patch: pytest.MonkeyPatch) -> None:
        """Shorten every call."""
        patch.setattr(http, "CALL_SECONDS", 1.0)

    def hold_request(self) -> Held:
        """Stand before the platform."""
        return self.server.faults.hold_request(self.send_part)

    def hold_answer(self) -> Held:
        """Stand behind the platform."""
        return self.server.faults.hold_answer(self.send_part)

    def cut_answer(self) -> None:
        """Break off."""
        self.server.faults.once(self.send_part, proxy.cut_answer)

    def garble(self) -> None:
        """Answer the next look with half of an object."""
        fault = proxy.answer_with(200, b'{"errcode": 0, "next_cursor"')
        self.server.faults.once(self.listen_part, fault)

    def tell_twice(self) -> None:
        """List every message twice."""
        self.server.twice = True

    async def walled(self) -> tuple[Account, str]:
        """Make a member, whose customers' moments are the wall."""
        account = await self.member()
        return account, account.handle

    async def on_wall(self, account: Account, _wall: str) -> list[str]:
        """Let the member tap, and read what the customers see."""
        self.server.tap_moments(name_of(account))
        return self.server.members[name_of(account)].wall

    async def lose(self) -> None:
        """Answer nothing, and call nobody."""
        self.is_away = True
        await self.server.go_away()

    async def bring_back(self) -> None:
        """Listen again."""
        self.is_away = False
        await self.server.come_back()

    def _account(self, name: str, shown: str) -> Account:
        handle = f"{self.server.corp}:{name}"
        secret = {
            "secret": self.server.secret,
            "callback_token": self.server.callback_token,
            "callback_key": self.server.callback_key,
        }
        # A lost platform shows at the next look, since no connection stands.
        options = {"api": self.server.url, "look": 5, "repeated_code": MSGID_REPEATED}
        account = Account(next(_numbers), handle, shown, secret, options)
        self.accounts[handle] = account
        return account

    def _call_back(self, told: Mapping[str, str]) -> None:
        if self.is_away or not self.accounts:
            return
        # One address serves all of the app; which one that is does not matter.
        answer = self.hook(told, next(iter(self.accounts.values())))
        assert (answer.status, answer.body) == (200, b"success")
        for handle, events in answer.events.items():
            self.told += [(handle, event) for event in events]


@contextlib.asynccontextmanager
async def wecom_rig(wecom: FakeWeCom) -> AsyncIterator[WeComRig]:
    """Give a rig with a platform of its own."""
    async with wecom.running():
        rig = WeComRig(wecom)
        yield rig
        await rig.channel.aclose()


def name_of(account: Account) -> str:
    """Return the `open_kfid` or the `userid` of an account."""
    return account.handle.partition(":")[2]
