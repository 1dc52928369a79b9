"""What is particular to Matrix, against a real Synapse."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from pydantic import ValidationError

import menting.channels.matrix
from menting.channels import base
from menting.channels.base import EventType, Outgoing, Peer
from menting.channels.matrix import wire
from menting.channels.matrix.channel import Matrix, MatrixSecret
from menting.cli.demo.homeserver import Homeserver
from tests.contract.matrix import MatrixRig, matrix_rig
from tests.contract.rig import Vault, listening
from tests.servers import proxy

pytestmark = pytest.mark.homeserver


@pytest.fixture
async def rig(homeserver: Homeserver) -> AsyncIterator[MatrixRig]:
    """Give a Synapse behind a proxy."""
    async with matrix_rig(homeserver) as made:
        yield made


def _with(account: base.Account, **secret: str) -> base.Account:
    return dataclasses.replace(account, secret={**account.secret, **secret})


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"homeserver": "matrix.example.org", "password": "x"}, "http"),
        ({"homeserver": "https://matrix.example.org"}, "token or as_token"),
        ({"homeserver": "https://a.example", "password": "x", "wall": "news"}, "#ALIAS"),
    ],
)
def test_a_bad_roster_line_says_what_is_wrong(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        MatrixSecret.model_validate(columns)


async def test_a_handle_without_its_server_needs_an_operator(rig: MatrixRig) -> None:
    account = dataclasses.replace(await rig.account(), handle="shop")
    with pytest.raises(base.AuthFailed, match="@name:server"):
        await rig.channel.open(account, Vault().keep)


async def test_another_accounts_token_is_not_used(rig: MatrixRig) -> None:
    mine, other, vault = await rig.account(), await rig.account(), Vault()
    await rig.channel.open(other, vault.keep)
    stolen = _with(mine, token=vault.kept[-1]["token"])
    with pytest.raises(base.AuthFailed, match="another account"):
        await rig.channel.open(stolen, Vault().keep)


async def test_a_refused_token_is_refreshed_on_the_same_device(rig: MatrixRig) -> None:
    account, vault = await rig.account(), Vault()
    await rig.channel.open(account, vault.keep)
    first = vault.kept[-1]
    assert first["refresh_token"]
    without = {**first, "token": "syt_no_longer", "password": ""}
    session = await rig.channel.open(
        dataclasses.replace(account, secret=without), vault.keep
    )
    assert session.profile.id == account.handle
    assert vault.kept[-1]["token"] not in ("syt_no_longer", first["token"])
    assert vault.kept[-1]["device_id"] == first["device_id"]


async def test_poll_and_send_share_one_refresh(rig: MatrixRig) -> None:
    account, vault, human = await rig.account(), Vault(), await rig.human()
    session = await rig.channel.open(account, vault.keep)
    async with listening(session) as heard:
        place = await human.greet(account, "hello")
        await heard.texts(1)
        await rig.expire(vault.kept[-1])
        keys = [Outgoing(f"key-{n}", f"answer {n}") for n in range(5)]
        await asyncio.gather(*(session.send(Peer(place), key) for key in keys))
        await human.write(place, "thanks")
        await heard.texts(2)
    assert len(vault.kept) == 2
    assert len(await human.received(place, account)) == 5


@pytest.mark.parametrize("code", sorted(wire.CLOSED))
async def test_an_account_that_its_server_closed_is_banned(
    rig: MatrixRig, code: str
) -> None:
    body = json.dumps({"errcode": code, "error": "closed", "soft_logout": True}).encode()
    rig.proxy.once("/login", proxy.answer_with(401, body))
    with pytest.raises(base.AuthFailed) as failed:
        await rig.channel.open(await rig.account(), Vault().keep)
    assert failed.value.banned


async def test_an_address_that_is_no_homeserver_is_tried_again(
    rig: MatrixRig,
) -> None:
    rig.proxy.once("/login", proxy.answer_with(404, b"<html>not here</html>"))
    with pytest.raises(base.Unreachable):
        await rig.channel.open(await rig.account(), Vault().keep)


async def test_a_wait_in_the_header_counts(rig: MatrixRig) -> None:
    rig.proxy.once("/login", proxy.answer_with(429, b"slow down", {"Retry-After": "17"}))
    with pytest.raises(base.Throttled) as throttled:
        await rig.channel.open(await rig.account(), Vault().keep)
    assert throttled.value.retry_after == 17


async def test_a_reason_names_no_person(rig: MatrixRig) -> None:
    session = await rig.channel.open(await rig.account(), Vault().keep)
    told = {
        "errcode": "M_FORBIDDEN",
        "error": "@lin:example.org is not in !r:example.org",
    }
    rig.proxy.once(rig.send_part, proxy.answer_with(403, json.dumps(told).encode()))
    with pytest.raises(base.Refused) as refused:
        await session.send(Peer("!room:example.org"), Outgoing("key-named", "hello"))
    assert str(refused.value) == "M_FORBIDDEN: … is not in …"


async def test_what_was_written_before_the_first_sign_in_is_no_news(rig: MatrixRig) -> None:
    account, human = await rig.account(), await rig.human()
    vault = Vault()
    async with listening(await rig.channel.open(account, vault.keep)) as heard:
        place = await human.greet(account, "old")
        await heard.texts(1)
    async with listening(await rig.channel.open(account, vault.keep)) as fresh:
        await human.write(place, "new")
        assert await fresh.texts(1) == ["new"]
        assert [event.audience for event in fresh.events] == [1]


async def test_what_a_group_said_before_the_invitation_is_no_news(rig: MatrixRig) -> None:
    account, human = await rig.account(), await rig.human()
    room = await human.open_room()
    await human.say(room, "among ourselves")
    await human.invite(room, account.handle)
    written = [f"since {number}" for number in range(120)]  # more than a sync tells
    for text in written:
        await human.say(room, text)
    async with listening(await rig.channel.open(account, Vault().keep)) as heard:
        assert await heard.texts(120) == written


async def test_a_third_person_makes_a_room_no_dialogue(rig: MatrixRig) -> None:
    account, human, third = await rig.account(), await rig.human(), await rig.human()
    async with listening(await rig.channel.open(account, Vault().keep)) as heard:
        place = await human.greet(account, "hello")
        await heard.texts(1)
        await human.invite(place, third.id)
        await third.join(place)
        await heard.until(lambda now: any(e.sender.id == third.id for e in now))
        await human.write(place, "now we are three")
        await heard.texts(2)
    assert [event.audience for event in heard.events if event.text] == [1, 2]


async def test_a_room_that_was_encrypted_from_the_start_is_told(rig: MatrixRig) -> None:
    account, human = await rig.account(), await rig.human()
    async with listening(await rig.channel.open(account, Vault().keep)) as heard:
        room = await human.open_room(account.handle, encrypted=True)
        await heard.until(lambda now: any(e.type is EventType.UNREADABLE for e in now))
    unread = [event for event in heard.events if event.type is EventType.UNREADABLE]
    assert [(event.peer.id, event.sender.id) for event in unread] == [(room, human.id)]


async def test_an_invitation_waits_and_is_not_forgotten(
    rig: MatrixRig,
) -> None:
    account, human, vault = await rig.account(), await rig.human(), Vault()
    slow = json.dumps({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 60_000}).encode()
    rig.proxy.once("/join", proxy.answer_with(429, slow))
    async with listening(await rig.channel.open(account, vault.keep)) as heard:
        await human.greet(account, "hello")
        await heard.until(lambda _: b"!" in heard.resume)
    async with listening(
        await rig.channel.open(account, vault.keep), heard.resume
    ) as later:
        assert await later.texts(1) == ["hello"]


async def test_an_invitation_taken_back_does_not_hold_the_others_up(rig: MatrixRig) -> None:
    account, human = await rig.account(), await rig.human()
    body = json.dumps({"errcode": "M_FORBIDDEN", "error": "not invited"}).encode()
    rig.proxy.once("/join", proxy.answer_with(403, body))
    async with listening(await rig.channel.open(account, Vault().keep)) as heard:
        await human.open_room(account.handle)
        await human.greet(account, "hello")
        assert await heard.texts(1) == ["hello"]


async def test_no_invitation_is_taken_up_where_the_operator_says_so(rig: MatrixRig) -> None:
    account, human = await rig.account(), await rig.human()
    shy = dataclasses.replace(account, options={"accept_invitations": False})
    async with listening(await rig.channel.open(shy, Vault().keep)) as heard:
        room = await human.open_room(account.handle)
        await heard.until(lambda _: room.encode() in heard.resume)
        await human.say(room, "hello")
        await asyncio.sleep(0.5)
    assert heard.events == []
    assert not any("/join" in path for path in rig.proxy.seen)


async def test_a_post_goes_to_the_accounts_own_public_room_once(rig: MatrixRig) -> None:
    account = await rig.account()
    owner = await rig.owner(account)
    wall = await owner.open_room(public=True)
    with_wall = dataclasses.replace(account, options={"wall": wall})
    session = await rig.channel.open(with_wall, Vault().keep)
    for _ in range(2):
        await session.post(Peer(wall, "wall"), Outgoing("key-post", "open on Sunday"))
    assert await owner.read(wall, account.handle) == ["open on Sunday"]


async def test_no_post_goes_to_a_wall_of_another_or_a_closed_room(rig: MatrixRig) -> None:
    account, human = await rig.account(), await rig.human()
    public = await human.open_room(public=True)
    closed = await (await rig.owner(account)).open_room()
    for room in (public, closed):
        named = dataclasses.replace(account, options={"wall": room})
        session = await rig.channel.open(named, Vault().keep)
        with pytest.raises(base.Refused, match="wall must be"):
            await session.post(Peer(room, "wall"), Outgoing("key-wall", "hello"))
    assert await human.read(public, account.handle) == []


async def test_a_room_that_is_not_named_as_the_wall_gets_no_post(rig: MatrixRig) -> None:
    session = await rig.channel.open(await rig.account(), Vault().keep)
    with pytest.raises(base.Unsupported):
        await session.post(Peer("!any:localhost", "wall"), Outgoing("key-any", "hello"))


async def test_a_wall_that_cannot_be_looked_at_gets_no_post(
    rig: MatrixRig,
) -> None:
    account = await rig.account()
    wall = await (await rig.owner(account)).open_room(public=True)
    named = dataclasses.replace(account, options={"wall": wall})
    session = await rig.channel.open(named, Vault().keep)
    rig.proxy.once("/join", proxy.answer_with(502, b"no gateway"))
    with pytest.raises(base.Unreachable):
        await session.post(Peer(wall, "wall"), Outgoing("key-late", "hello"))


async def test_the_channel_only_calls_what_a_guest_would(rig: MatrixRig) -> None:
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        place = await human.greet(account, "hello")
        await heard.texts(1)
        await session.send(Peer(place), Outgoing("key-guest", "hello"))
        await session.fetch_profile(human.id)
    forbidden = ("createRoom", "/invite", "/members", "/joined_members", "user_directory")
    called = [unquote(path) for path in rig.proxy.seen]
    assert [path for path in called if any(part in path for part in forbidden)] == []
    source = Path(menting.channels.matrix.__file__).parent
    said = "".join(path.read_text() for path in source.glob("*.py"))
    assert [part for part in forbidden if part in said] == []


async def test_an_idle_account_writes_no_place_at_each_poll(
    rig: MatrixRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await rig.channel.open(await rig.account(), Vault().keep)
    monkeypatch.setattr("menting.channels.matrix.session.POLL_SECONDS", 0.05)
    stored: list[bytes] = []

    async def _deliver(_events: list[base.Event], resume: bytes) -> None:
        stored.append(resume)

    task = asyncio.create_task(session.listen(_deliver, b""))
    await rig.proxy.until_seen("/sync", 4)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(stored) == 1


async def test_closing_the_channel_leaves_no_connection() -> None:
    channel = Matrix()
    account = base.Account(
        1, "@shop:localhost", "Shop", {"homeserver": "http://127.0.0.1:9", "password": "x"}
    )
    with pytest.raises(base.Unreachable):
        await channel.open(account, Vault().keep)
    await channel.aclose()
    await channel.aclose()
