"""What is particular to WeCom, against a fake held to wechatpy."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import time_machine
from pydantic import ValidationError

from menting.base import clock
from menting.channels import base
from menting.channels.base import Cap, Outgoing, Peer
from menting.channels.wecom.channel import WeCom, WeComSecret
from tests.contract.rig import Vault
from tests.contract.wecom import WeComRig, wecom_rig
from tests.fakes.wecom import FakeWeCom
from tests.servers import proxy


@pytest.fixture
async def rig(wecom: FakeWeCom) -> AsyncIterator[WeComRig]:
    """Give a fake platform and the channel."""
    async with wecom_rig(wecom) as made:
        yield made


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"secret": ""}, "at least 1"),
        ({"secret": "x", "api": "qyapi.weixin.qq.com"}, "http"),
        ({"secret": "x", "callback_key": "short"}, "43 letters"),
        ({"secret": "x", "kind": "robot"}, "customer_service"),
        ({"secret": "x", "calls": "0"}, "greater"),
    ],
)
def test_a_bad_roster_line_says_what_is_wrong(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        WeComSecret.model_validate(columns)


def test_empty_columns_mean_the_usual() -> None:
    empty = dict.fromkeys(("api", "calls", "look", "repeated_code", "callback_key"), "")
    made = WeComSecret.model_validate({"secret": "x", **empty})
    assert (made.api, made.look) == ("https://qyapi.weixin.qq.com", 300)


async def test_a_handle_of_another_form_needs_an_operator(rig: WeComRig) -> None:
    account = dataclasses.replace(await rig.account(), handle="shop")
    with pytest.raises(base.AuthFailed, match="CORPID:NAME"):
        await rig.channel.open(account, Vault().keep)


@pytest.mark.parametrize("name", ["wk-not-there", "not-there"])
async def test_a_name_that_the_app_may_not_serve_needs_an_operator(
    rig: WeComRig, name: str
) -> None:
    account = await rig.account()
    other = dataclasses.replace(account, handle=f"{rig.server.corp}:{name}")
    with pytest.raises(base.AuthFailed):
        await rig.channel.open(other, Vault().keep)


@pytest.mark.parametrize("code", [60020, 48002, 301002])
async def test_what_only_the_console_of_wecom_can_change_needs_an_operator(
    rig: WeComRig, code: int
) -> None:
    account = await rig.account()
    rig.server.codes["account/list"] = code
    with pytest.raises(base.AuthFailed, match=str(code)):
        await rig.channel.open(account, Vault().keep)


async def test_each_of_the_two_kinds_may_do_what_it_can(rig: WeComRig) -> None:
    kf, _, _ = await rig.served()
    member, _, _ = await rig.kept()
    assert (Cap.BUTTON in kf.caps, Cap.WALL in kf.caps) == (True, False)
    assert (Cap.BUTTON in member.caps, Cap.WALL in member.caps) == (False, True)
    with pytest.raises(base.Unsupported):
        await kf.post(Peer("", "wall"), Outgoing("key-wall", "hello"))


async def test_many_accounts_share_one_token_and_one_renewal(rig: WeComRig) -> None:
    accounts = [await rig.account() for _ in range(20)]
    opened = [rig.channel.open(account, Vault().keep) for account in accounts]
    sessions = await asyncio.gather(*opened)
    assert rig.server.tokens_given == 1
    rig.server.forget_tokens()
    person = rig.server.customer("Lin")
    await asyncio.gather(*(session.fetch_profile(person) for session in sessions))
    assert rig.server.tokens_given == 2
    asked = [line for line in rig.server.faults.seen if "gettoken" in line]
    assert len(asked) == 2


async def test_a_token_is_renewed_before_it_ends(rig: WeComRig) -> None:
    session, _, human = await rig.served()
    with time_machine.travel(clock.now() + timedelta(seconds=7000), tick=True):
        await session.fetch_profile(human.id)
    asked = [line for line in rig.server.faults.seen if "gettoken" in line]
    assert len(asked) == 2


async def test_a_token_that_is_refused_twice_needs_an_operator(rig: WeComRig) -> None:
    session, _, human = await rig.served()
    stale = proxy.answer_with(200, json.dumps({"errcode": 42001}).encode())
    rig.server.faults.always("batchget", stale)
    with pytest.raises(base.AuthFailed, match="42001"):
        await session.fetch_profile(human.id)


async def test_no_error_tells_the_token_or_the_secret(rig: WeComRig) -> None:
    session, account, human = await rig.served()
    await rig.lose()
    fresh = WeCom()
    for call in (
        session.send(Peer(human.id), Outgoing("key-lost", "hello")),
        fresh.open(account, Vault().keep),
    ):
        with pytest.raises(base.Unreachable) as lost:
            await call
        assert rig.server.secret not in str(lost.value)
        assert "token1" not in str(lost.value)
        assert lost.value.__suppress_context__
    await fresh.aclose()


def test_accounts_of_one_corp_share_one_limit() -> None:
    channel = WeCom()
    bonds = {channel.bond(f"ww1:wk{number}", {"calls": 60}) for number in range(3)}
    [bond] = bonds
    assert (bond.name, bond.rate.interval) == ("wecom:ww1", 1_000_000)
    assert channel.bond("ww2:wk1", {}) != bond
