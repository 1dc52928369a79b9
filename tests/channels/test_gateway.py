"""The gateway protocol, against gateways that do as each test says."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import msgspec
import pytest
from aiohttp import web
from typing_extensions import override

from menting.channels import base, gateway, line
from menting.channels.base import Event
from menting.channels.gateway import Fate, Gateway, Turnstile
from menting.channels.http import Http
from tests.channels.gateways import Caller, Script, Side, Talk
from tests.contract.rig import Heard

SESSION = b'{"session":"one","seq":4,"asked":7,"intents":7}'


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    """Give connections that are closed afterwards."""
    made = Http()
    yield made
    await made.aclose()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "AFRESH_SECONDS", (0.0, 0.01))


async def _listen(
    http: Http,
    script: Script,
    *,
    resume: bytes = b"",
    closes: Mapping[int, Fate] | None = None,
    heard: Heard | None = None,
) -> Side:
    side = Side(script.url, closes)
    ours = Gateway(http, side, Turnstile())
    await asyncio.wait_for(ours.listen((heard or Heard()).deliver, resume), 15)


async def test_an_event_is_stored_with_the_place_after_it(http: Http) -> None:
    async def _talk(caller: Caller) -> None:
        said = await caller.ready()
        assert said == {"op": 2, "d": {"token": "token 0", "intents": 7}}
        await caller.event(2)
        await caller.tell(1)
        assert await caller.heard() == {"op": 1, "d": 2}

    heard = Heard()
    async with Script(_talk).running() as script:
        with pytest.raises(base.Unreachable):
            await _listen(http, script, heard=heard)
    assert [event.text for event in heard.events] == ["event 2"]
    assert b'"session":"one","seq":2' in heard.resume


async def test_an_event_that_is_not_stored_is_not_acknowledged(http: Http) -> None:
    async def _talk(caller: Caller) -> None:
        await caller.ready()
        await caller.event(2)
        await caller.until_closed()

    class Full(Heard):
        @override
        async def deliver(self, events: list[Event], resume: bytes) -> None:
            if events:
                raise RuntimeError("the disk is full")
            await super().deliver(events, resume)

    heard = Full()
    async with Script(_talk).running() as script:
        with pytest.raises(RuntimeError):
            await _listen(http, script, heard=heard)
    assert b'"seq":1' in heard.resume


async def test_a_kept_session_is_resumed_and_nothing_is_lost(http: Http) -> None:
    async def _talk(caller: Caller) -> None:
        said = await caller.hello()
        resume = {"token": "token 0", "session_id": "one", "seq": 4}
        assert said == {"op": 6, "d": resume}
        await caller.event(5)
        await caller.event(6)
        await caller.tell(0, s=7, t="RESUMED")
        await caller.tell(1)
        assert await caller.heard() == {"op": 1, "d": 7}

    heard = Heard()
    async with Script(_talk).running() as script:
        with pytest.raises(base.Unreachable):
            await _listen(http, script, resume=SESSION, heard=heard)
    assert [event.text for event in heard.events] == ["event 5", "event 6"]


async def test_a_place_of_another_form_begins_anew(http: Http) -> None:
    async def _talk(caller: Caller) -> None:
        assert (await caller.ready())["op"] == 2

    async with Script(_talk).running() as script:
        with pytest.raises(base.Unreachable):
            await _listen(http, script, resume=b"{")


async def test_other_intents_than_before_begin_anew(http: Http) -> None:
    async def _talk(caller: Caller) -> None:
        said = await caller.ready()
        assert (said["op"], said["d"]["intents"]) == (2, 7)

    async with Script(_talk).running() as script:
        with pytest.raises(base.Unreachable):
            await _listen(http, script, resume=SESSION.replace(b'"asked":7', b'"asked":3'))


async def _reconnect(caller: Caller) -> None:
    await caller.ready()
    await caller.tell(7)
    assert await caller.until_closed() == line.KEEP_SESSION


async def _resumed(caller: Caller) -> None:
    said = await caller.hello()
    assert (said["op"], said["d"]["session_id"]) == (6, "one")
    await caller.tell(0, s=2, t="RESUMED")


async def _identified(caller: Caller) -> None:
    assert (await caller.ready())["op"] == 2


async def test_whom_the_gateway_asks_to_reconnect_resumes(http: Http) -> None:
    async with Script(_reconnect, _resumed).running() as script:
        with pytest.raises(base.Unreachable):
            await _listen(http, script)
        assert len(script.came) == 3


@pytest.mark.parametrize(("valid", "then"), [(True, _resumed), (False, _identified)])
async def test_a_session_that_is_not_valid_begins_anew_unless_it_may_be_resumed(
    http: Http, valid: bool, then: Talk
) -> None:
    async def _invalid(caller: Caller) -> None:
        assert (await caller.hello())["op"] == 6
        await caller.tell(9, valid)
        await caller.until_closed()

    async with Script(_invalid, then).running() as script:
        with pytest.raises(base.Unreachable):
            await _listen(http, script, resume=SESSION)
        assert len(script.came) == 3


def _closing(code: int) -> Talk:
    async def _talk(caller: Caller) -> None:
        await caller.ready()
        await caller.close(code)

    return _talk


@pytest.mark.parametrize(
    ("fate", "then"), [(Fate.RESUME, _resumed), (Fate.IDENTIFY, _identified)]
)
async def test_a_close_code_says_whether_the_session_goes_on(
    http: Http, fate: Fate, then: Talk
) -> None:
    async with Script(_closing(4321), then).running() as script:
        with pytest.raises(base.Unreachable):
            await _listen(http, script, closes={4321: fate})
        assert len(script.came) == 3


@pytest.mark.parametrize(("fate", "banned"), [(Fate.FATAL, False), (Fate.BANNED, True)])
async def test_a_fatal_close_code_needs_an_operator(
    http: Http, fate: Fate, banned: bool
) -> None:
    async with Script(_closing(4321)).running() as script:
        with pytest.raises(base.AuthFailed, match="4321") as failed:
            await _listen(http, script, closes={4321: fate})
    assert failed.value.banned is banned


async def test_a_refused_token_is_renewed_once(http: Http) -> None:
    async def _old(caller: Caller) -> None:
        assert (await caller.hello())["d"]["token"] == "token 0"
        await caller.close(4004)

    async def _new(caller: Caller) -> None:
        assert (await caller.hello())["d"]["token"] == "token 1"
        await caller.close(4004)

    async with Script(_old, _new).running() as script:
        with pytest.raises(base.AuthFailed, match="4004"):
            await _listen(http, script, closes={4004: Fate.RENEW})


async def test_intents_that_are_not_granted_are_given_up_one_by_one(http: Http) -> None:
    def _refuse(intents: int) -> Talk:
        async def _talk(caller: Caller) -> None:
            assert (await caller.hello())["d"]["intents"] == intents
            await caller.close(4014)

        return _talk

    async def _grant(caller: Caller) -> None:
        assert (await caller.ready())["d"]["intents"] == 1

    heard = Heard()
    talks = (_refuse(7), _refuse(3), _grant)
    async with Script(*talks).running() as script:
        with pytest.raises(base.Unreachable):
            await _listen(http, script, closes={4014: Fate.NARROW}, heard=heard)
    assert b'"asked":7,"intents":1' in heard.resume


async def test_an_account_without_any_intents_needs_an_operator(http: Http) -> None:
    async def _refuse(caller: Caller) -> None:
        await caller.hello()
        await caller.close(4014)

    async with Script(*[_refuse] * 3).running() as script:
        with pytest.raises(base.AuthFailed, match="intents"):
            await _listen(http, script, closes={4014: Fate.NARROW})


async def test_a_session_that_is_never_resumed_is_given_up(http: Http) -> None:
    async def _refuse(caller: Caller) -> None:
        assert (await caller.hello())["op"] == 6
        await caller.close(4009)

    async with Script(_refuse, _refuse, _identified).running() as script:
        with pytest.raises(base.Unreachable):
            await _listen(http, script, resume=SESSION)


async def test_a_gateway_that_breaks_off_without_a_word_costs_no_session(
    http: Http,
) -> None:
    async def _break(caller: Caller) -> None:
        assert (await caller.hello())["op"] == 6
        await caller.raw('{"op":')
        await caller.until_closed()

    async with Script(_break, _break, _resumed).running() as script:
        with pytest.raises(base.Unreachable):
            await _listen(http, script, resume=SESSION)
        assert len(script.came) == 3


async def test_short_connections_in_a_row_are_left_to_the_keeper(http: Http) -> None:
    async with Script(*[_closing(4000)] * 9).running() as script:
        with pytest.raises(base.Unreachable, match="4000"):
            await _listen(http, script)
        assert len(script.came) == gateway.MOST_QUICK


@pytest.mark.parametrize("first", ['{"op":10}', '{"op":10,"d":{}}', '{"op":0}', "no", "[]"])
async def test_a_gateway_that_does_not_greet_is_unreachable(http: Http, first: str) -> None:
    async def _talk(caller: Caller) -> None:
        await caller.raw(first)
        await caller.until_closed()

    async with Script(_talk).running() as script:
        with pytest.raises(base.Unreachable, match="greet"):
            await _listen(http, script)


async def test_a_gateway_that_is_busy_throttles(http: Http) -> None:
    async def _busy(_: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "7"})

    async with Script().running(_busy) as script:
        with pytest.raises(base.Throttled) as throttled:
            await _listen(http, script)
    assert throttled.value.retry_after == 7


async def test_a_gateway_that_says_nothing_is_left(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "HELLO_SECONDS", 0.2)
    async with Script(Caller.until_closed).running() as script:
        with pytest.raises(base.Unreachable, match="greet"):
            await _listen(http, script)


async def test_a_connection_that_answers_no_heartbeat_is_resumed(http: Http) -> None:
    async def _mute(caller: Caller) -> None:
        await caller.hello(100)
        await caller.tell(0, {"session_id": "one"}, s=1, t="READY")
        assert await caller.heard() == {"op": 1, "d": 1}
        assert await caller.until_closed() == line.KEEP_SESSION

    async with Script(_mute, _resumed).running() as script:
        with pytest.raises(base.Unreachable):
            await _listen(http, script)
        assert script.came[1] - script.came[0] < 5


async def test_a_connection_whose_session_never_begins_is_left(http: Http) -> None:
    async def _deaf(caller: Caller) -> None:
        await caller.hello(100)
        assert (await caller.heard())["op"] == 1
        await caller.tell(11)
        await caller.until_closed()

    async with Script(_deaf).running() as script:
        with pytest.raises(base.Unreachable):
            await _listen(http, script)


async def test_an_answered_heartbeat_keeps_the_connection(http: Http) -> None:
    async def _talk(caller: Caller) -> None:
        await caller.hello(50)
        await caller.tell(0, {"session_id": "one"}, s=1, t="READY")
        for _ in range(5):
            assert await caller.heard() == {"op": 1, "d": 1}
            await caller.tell(11)

    async with Script(_talk).running() as script:
        with pytest.raises(base.Unreachable):
            await _listen(http, script)


async def test_connections_to_one_host_begin_one_by_one() -> None:
    turnstile = Turnstile(per_second=100)
    loop = asyncio.get_running_loop()
    began, came = loop.time(), []

    async def _one() -> None:
        await turnstile.turn()
        came.append(loop.time() - began)

    await asyncio.gather(*(_one() for _ in range(50)))
    assert 0.45 < max(came) < 2
    for second in range(10):
        assert sum(second / 10 <= at < (second + 1) / 10 for at in came) <= 12


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("wss://resume.example", "wss://resume.example/?v=10&encoding=json"),
        ("wss://resume.example:port", "wss://begin.example/?v=10&encoding=json"),
        ("", "wss://begin.example/?v=10&encoding=json"),
        (None, "wss://begin.example/?v=10&encoding=json"),
    ],
)
async def test_a_session_is_resumed_with_the_query_that_it_began_with(
    http: Http, told: str | None, kept: str
) -> None:
    async def _talk(caller: Caller) -> None:
        await caller.hello()
        body = {"session_id": "one", "resume_gateway_url": told}
        await caller.tell(0, body, s=1, t="READY")

    heard = Heard()
    async with Script(_talk).running() as script:
        side = Side(script.url + "?v=10&encoding=json")
        with pytest.raises(base.Unreachable):
            await Gateway(http, side, Turnstile()).listen(heard.deliver, b"")
    expected = kept.replace("wss://begin.example/", script.url)
    assert msgspec.json.decode(heard.resume)["url"] == expected
