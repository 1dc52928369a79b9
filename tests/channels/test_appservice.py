"""Accounts of a Matrix application service: what is pushed, and to whom it is told."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from menting.base import clock
from menting.channels import base
from menting.channels.base import Account, EventType, Outgoing
from menting.channels.hook import ForgedError, Hook, HookAnswer, MalformedError
from menting.channels.matrix import push, service
from menting.channels.matrix.channel import Matrix, MatrixSecret
from menting.channels.matrix.service import Service
from tests.contract.appservice import AppserviceRig, appservice_rig
from tests.contract.rig import Vault, at, listening
from tests.servers.appservice import ServiceServer

DESK = Account(1, "@desk:x", "Desk", {"hs_token": "hs-secret"}, {"homeserver": "http://x"})
ROOM, SHOP, PERSON = "!r:x", "@shop:x", "@person:x"


def _hook(
    body: object, *, path: str = "transactions/1", method: str = "PUT", token: str = ""
) -> Hook:
    return Hook(
        method,
        f"@desk:x/_matrix/app/v1/{path}",
        {},
        {"authorization": f"Bearer {token or 'hs-secret'}"},
        body if isinstance(body, bytes) else json.dumps(body).encode(),
        clock.now(),
    )


def _event(number: int, kind: str = "m.room.message", **fields: Any) -> dict[str, Any]:
    return {
        "event_id": f"${number}",
        "type": kind,
        "sender": PERSON,
        "room_id": ROOM,
        "origin_server_ts": 1_700_000_000_000,
        "content": {"msgtype": "m.text", "body": f"text {number}"},
        **fields,
    }


def _member(number: int, who: str, now: str, before: str = "") -> dict[str, Any]:
    unsigned = {"prev_content": {"membership": before}} if before else {}
    return _event(
        number,
        "m.room.member",
        state_key=who,
        content={"membership": now},
        unsigned=unsigned,
    )


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Service:
    """Give a service whose account is in a dialogue."""
    monkeypatch.setattr(service, "SETTLE_SECONDS", 0.0)
    made = Service()
    made.learn(SHOP, [ROOM])
    made.count(ROOM, 2)
    return made


def _push(shared: Service, txn: int, *events: object) -> HookAnswer:
    return push.take(shared, _hook({"events": events}, path=f"transactions/{txn}"), DESK)


def _texts(answer: HookAnswer, handle: str = SHOP) -> list[str]:
    return [one.text for one in answer.events.get(handle, ()) if one.type == "message"]


@pytest.mark.parametrize("token", ["wrong", "hs-secret2", "HS-SECRET", "ä"])
def test_a_push_without_the_homeservers_token_is_forged(
    shared: Service, token: str
) -> None:
    with pytest.raises(ForgedError):
        push.take(shared, _hook(b"not even parsed", token=token), DESK)


def test_an_account_without_that_token_proves_nothing(shared: Service) -> None:
    bare = replace(DESK, secret={"password": "p"})
    hook = replace(_hook({"events": []}), headers={"authorization": "Bearer "})
    for asked in (hook, replace(hook, headers={})):
        with pytest.raises(ForgedError):
            push.take(shared, asked, bare)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"events": 7}', b"\xff", b"[" * 9999])
def test_a_proven_push_of_no_form_is_malformed(shared: Service, body: bytes) -> None:
    with pytest.raises(MalformedError):
        push.take(shared, _hook(body), DESK)


def test_the_path_names_the_account_that_proves_it() -> None:
    assert Matrix().addressee(_hook(b"")) == "@desk:x"
    with pytest.raises(MalformedError):
        Matrix().addressee(replace(_hook(b""), path="@desk:x/elsewhere"))


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "ping", 200, None),
        ("GET", "users/@ghost:x", 404, "M_NOT_FOUND"),
        ("GET", "rooms/#shop:x", 404, "M_NOT_FOUND"),
        ("GET", "thirdparty/protocol/irc", 404, "M_NOT_FOUND"),
        ("POST", "transactions/1", 404, "M_UNRECOGNIZED"),
        ("PUT", "transactions/", 404, "M_UNRECOGNIZED"),
    ],
)
def test_the_other_calls_of_the_homeserver_are_answered(
    shared: Service, method: str, path: str, status: int, code: str | None
) -> None:
    answer = push.take(shared, _hook({}, path=path, method=method), DESK)
    assert (answer.status, json.loads(answer.body).get("errcode")) == (status, code)


def test_what_is_pushed_before_any_account_is_up_comes_again() -> None:
    answer = _push(Service(), 1, _event(1))
    assert (answer.status, answer.events) == (503, {})


def test_each_account_in_a_room_is_told_and_no_other(shared: Service) -> None:
    shared.learn("@desk:x", [ROOM])
    shared.learn("@far:x", ["!elsewhere:x"])
    shared.count(ROOM, 3)
    answer = _push(shared, 1, _event(1), _event(2, room_id="!unknown:x"))
    assert answer.status == 200
    assert {handle: _texts(answer, handle) for handle in answer.events} == {
        SHOP: ["text 1"],
        "@desk:x": ["text 1"],
    }
    assert {event.audience for event in answer.events[SHOP]} == {2}


def test_a_transaction_that_comes_again_tells_the_same_and_counts_once(
    shared: Service,
) -> None:
    events = [_event(1), _member(2, "@other:x", "join"), _event(3)]
    first, second = (_push(shared, 1, *events) for _ in range(2))
    assert _texts(first) == _texts(second) == ["text 1", "text 3"]
    after = _push(shared, 2, _event(4))
    assert [one.audience for one in after.events[SHOP]] == [2]


def test_a_room_that_somebody_left_is_counted_before_more_is_told(shared: Service) -> None:
    left = _push(shared, 1, _member(1, PERSON, "leave", "join"))
    [told] = left.events[SHOP]
    assert (told.type, told.sender.id, told.audience) == (EventType.LEFT, PERSON, 1)
    assert _push(shared, 2, _event(2)).status == 503
    assert shared.to_count(SHOP) == ROOM
    shared.count(ROOM, 2)
    assert _texts(_push(shared, 2, _event(2))) == ["text 2"]


def test_an_account_put_out_is_told_so_and_hears_no_more(shared: Service) -> None:
    shared.learn("@desk:x", [ROOM])
    shared.count(ROOM, 3)
    events = [_event(1), _member(2, SHOP, "leave", "join")]
    for _ in range(2):  # the second time it is the same transaction again
        answer = _push(shared, 1, *events)
        assert [one.type for one in answer.events[SHOP]] == ["message", "left"]
        shared.count(ROOM, 2)
    assert set(_push(shared, 2, _event(3)).events) == {"@desk:x"}


def test_while_a_session_fetches_a_room_itself_nothing_of_it_is_told(
    shared: Service,
) -> None:
    shared.catch_up(SHOP, ROOM)
    assert _push(shared, 1, _event(1)).events == {}
    assert not shared.has_caught_up(SHOP, ROOM), (
        "something came meanwhile: it fetches again"
    )
    shared.catch_up(SHOP, ROOM)
    assert shared.has_caught_up(SHOP, ROOM)
    assert _texts(_push(shared, 2, _event(2))) == ["text 2"]


def test_an_invitation_is_noted_for_its_account_alone(shared: Service) -> None:
    new = "!new:x"
    invited = {**_member(1, SHOP, "invite"), "room_id": new}
    stranger = {**_member(2, "@ghost:x", "invite"), "room_id": new}
    assert _push(shared, 1, invited, stranger).events == {}
    assert shared.invited(SHOP) == [new]
    assert shared.invited("@ghost:x") == []


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"as_token": "t"}, "need each other"),
        ({"appservice": "menting", "password": "p"}, "need each other"),
        ({"hs_token": "t"}, "token or as_token"),
    ],
)
def test_a_line_names_the_service_and_its_token(columns: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MatrixSecret.model_validate({"homeserver": "http://x", **columns})


def test_the_accounts_of_a_service_are_held_by_one_process() -> None:
    channel, at_home = Matrix(), {"homeserver": "http://x"}
    bond = channel.bond("@a:x", {**at_home, "appservice": "menting"})
    assert bond is not None
    assert bond.one_holder
    assert bond == channel.bond("@b:x", {**at_home, "appservice": "menting"})
    assert bond != channel.bond("@a:x", {**at_home, "appservice": "other"})
    assert channel.bond("@a:x", at_home) is None


@pytest.fixture
async def rig(service_server: ServiceServer) -> AsyncIterator[AppserviceRig]:
    """Give a service of a real Synapse."""
    async with appservice_rig(service_server) as made:
        yield made


@pytest.mark.service_server
async def test_a_missing_account_of_the_namespace_is_made_with_its_name(
    rig: AppserviceRig,
) -> None:
    handle = f"@{rig.service.id}_new:localhost"
    session = await rig.channel.open(rig.given(1, handle, "新店"), Vault().keep)
    assert session.profile == base.Profile(handle, "新店")
    again = await rig.channel.open(rig.given(1, handle, "Other"), Vault().keep)
    assert again.profile.name == "新店", "what it is called there is the platform's word"


@pytest.mark.service_server
async def test_an_account_of_nobodys_or_anothers_namespace_is_not_taken(
    rig: AppserviceRig,
) -> None:
    for handle in ("@somebody:localhost", f"@{rig.service.id}_x:elsewhere"):
        with pytest.raises(base.AuthFailed):
            await rig.channel.open(rig.given(1, handle, ""), Vault().keep)


@pytest.mark.service_server
async def test_nobody_syncs_and_no_members_are_listed(rig: AppserviceRig) -> None:
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        place = await human.greet(account, "hello")
        await heard.texts(1)
        await human.write(place, "more")
        await heard.texts(2)
        await session.send(at(place), Outgoing("k", "hi"))
    asked = " ".join(rig.proxy.seen)
    assert "/joined_rooms" in asked
    assert not any(
        part in asked
        for part in ("/sync", "/members", "/joined_members", "/state", "/invite")
    )


@pytest.mark.service_server
async def test_a_key_is_found_though_the_homeserver_forgot_it(rig: AppserviceRig) -> None:
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        place = await human.greet(account, "hello")
        await heard.texts(1)
    sent = await session.send(at(place), Outgoing("k-1", "once"))
    for number in range(120):  # more than one page
        await session.send(at(place), Outgoing(f"more-{number}", "more"))
    rig.proxy.seen.clear()
    again = await session.send(at(place), Outgoing("k-1", "once", again=True))
    assert again.message_id == sent.message_id
    assert not any(seen.startswith("PUT") for seen in rig.proxy.seen)
