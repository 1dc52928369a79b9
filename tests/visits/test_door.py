"""The door: who may report, what is kept of it, and what a bad beacon is told."""

import asyncio
import errno
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from menting.base import clock
from menting.visits import caller as callers
from menting.visits import stamps
from menting.visits.daily import BRIDGE_MS, Days, Salts
from menting.visits.door import Door
from menting.visits.spool import Spool
from menting.visits.visit import Visit
from tests.visits import spooled
from tests.visits.conftest import FIREFOX, KEY, ORIGIN, SHANGHAI, Caller

WECHAT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.40"
)
QQ = (
    "Mozilla/5.0 (Linux; Android 13; V2148A) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/109 MQQBrowser/6.2 Mobile Safari/537.36 V1_AND_SQ_8.9 QQ/8.9.75"
)


def kept(tmp_path: Path) -> list[Visit]:
    return spooled.visits(tmp_path / "spool")


async def test_a_beacon_is_on_disk_when_it_is_answered(
    caller: Caller, tmp_path: Path
) -> None:
    answer = await caller.beacon(
        path="/hello?q=1#x", referrer="https://www.news.example/a?b"
    )
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    (visit,) = kept(tmp_path)
    assert (visit.space, visit.path, visit.referrer) == (1, "/hello", "news.example")
    assert (visit.browser, visit.os, visit.device) == ("Firefox", "Linux", "desktop")
    assert 0 < visit.anon < 1 << 31
    assert visit.who == 0


async def test_an_origin_that_is_not_the_spaces_own_is_refused(
    caller: Caller, tmp_path: Path
) -> None:
    for origin in ("https://evil.example", "https://blog.example", "null", ""):
        answer = await caller.beacon(headers={"origin": origin})
        assert answer.status == 403
        assert set(answer.problem()) == {"status", "error", "where", "remedy"}
    assert (await caller.beacon(space="nowhere")).status == 403
    assert kept(tmp_path) == []


async def test_a_preflight_is_answered_for_a_known_origin_only(caller: Caller) -> None:
    answer = await caller.request("OPTIONS", "/v")
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    refused = await caller.request(
        "OPTIONS", "/v", headers={"origin": "https://evil.example"}
    )
    assert refused.status == 403
    assert "access-control-allow-origin" not in refused.headers


async def test_the_script_is_small_cached_and_keeps_nothing(caller: Caller) -> None:
    answer = await caller.request("GET", "/v.js")
    assert answer.status == 200
    assert len(answer.body) < 1000
    assert "max-age" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")
    for word in (b"cookie", b"localStorage", b"sessionStorage", b"eval"):
        assert word not in answer.body
    assert (await caller.request("HEAD", "/v.js")).body == b""
    assert (await caller.request("PUT", "/v")).status == 405


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"space": "garden"}',
        b'{"space": "garden", "path": "no slash"}',
        b'{"space": "garden", "path": 5}',
        b'{"space": "", "path": "/"}',
        b'{"space": "garden", "path": "/", "id": ' + b'"' + b"x" * 200 + b'"}',
        b'{"space": "garden", "path": "/\xff\xfe"}',
        b'{"space": "garden", "path": "/\\ud800"}',
        b'{"space": "garden", "path": "/' + b"x" * 5000 + b'"}',
    ],
)
async def test_a_malformed_beacon_is_told_where_and_what_to_do(
    caller: Caller, tmp_path: Path, body: bytes
) -> None:
    answer = await caller.request("POST", "/v", body=body)
    assert answer.status == 422
    problem = answer.problem()
    assert problem["error"]
    assert problem["where"]
    assert problem["remedy"]
    assert kept(tmp_path) == []


async def test_a_body_that_is_too_large_is_refused(caller: Caller) -> None:
    assert (await caller.request("POST", "/v", body=b"x" * 9000)).status == 413
    declared = await caller.request("POST", "/v", headers={"content-length": "9000"})
    assert declared.status == 413


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    body=st.one_of(
        st.binary(max_size=200),
        st.dictionaries(
            st.sampled_from(["space", "path", "referrer", "id", "stamp", "who", "x"]),
            st.one_of(
                st.text(),
                st.none(),
                st.integers(),
                st.just("garden"),
                st.text().map("/".__add__),
            ),
        ).map(lambda beacon: json.dumps(beacon).encode()),
    )
)
def test_no_body_is_ever_answered_500(
    tmp_path_factory: pytest.TempPathFactory, snapshot: Any, body: bytes
) -> None:
    async def send() -> int:
        spool = Spool(tmp_path_factory.mktemp("spool"))
        door = Door(spool=spool, spaces=lambda: snapshot, key=KEY)
        try:
            return (await Caller(door).request("POST", "/v", body=body)).status
        finally:
            spool.close()

    assert asyncio.run(send()) in {204, 403, 422}


async def test_a_bot_is_answered_and_not_kept(caller: Caller, tmp_path: Path) -> None:
    agent = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    assert (await caller.beacon(headers={"user-agent": agent})).status == 204
    assert kept(tmp_path) == []


@pytest.mark.parametrize("signal", [{"sec-gpc": "1"}, {"dnt": "1"}])
async def test_who_asks_not_to_be_tracked_is_counted_without_any_id(
    caller: Caller, tmp_path: Path, signal: dict[str, str]
) -> None:
    caller.peer = "1.2.3.4"
    who = stamps.sign_who(KEY, space_id=1, who=7, until=1 << 44)
    answer = await caller.beacon(headers=signal, referrer="https://news.example/", who=who)
    assert answer.status == 204
    (visit,) = kept(tmp_path)
    assert (visit.anon, visit.who, visit.country, visit.referrer) == (0, 0, "", "")


async def test_a_country_is_kept_and_the_address_is_not(
    caller: Caller, tmp_path: Path
) -> None:
    caller.peer = "1.2.3.4"
    await caller.beacon()
    assert kept(tmp_path)[0].country == "AU"


async def test_one_caller_has_one_id_a_day_and_space(
    caller: Caller, tmp_path: Path
) -> None:
    with time_machine.travel(datetime(2026, 3, 1, 3, tzinfo=UTC), tick=False) as now:
        await caller.beacon()
        await caller.beacon(path="/b")
        await caller.beacon(space="blog", headers={"origin": "https://blog.example"})
        caller.peer = "203.0.113.10"
        await caller.beacon()
        caller.peer = "203.0.113.9"
        now.shift(86_400)
        await caller.beacon()
    first, again, elsewhere, other, next_day = (visit.anon for visit in kept(tmp_path))
    assert first == again
    assert len({first, elsewhere, other, next_day}) == 4


async def test_days_are_counted_in_the_zones_of_space_and_house(
    caller: Caller, tmp_path: Path
) -> None:
    with time_machine.travel(datetime(2026, 2, 28, 17, tzinfo=UTC), tick=False):
        await caller.beacon()
        await caller.beacon(space="blog", headers={"origin": "https://blog.example"})
    shanghai, new_york = kept(tmp_path)
    assert shanghai.day == shanghai.house_day + 1
    assert new_york.day == new_york.house_day == shanghai.house_day


async def test_a_repeated_opening_counts_once(caller: Caller, tmp_path: Path) -> None:
    answers_given = await asyncio.gather(*(caller.beacon(id="same") for _ in range(5)))
    assert {answer.status for answer in answers_given} == {204}
    await caller.beacon(id="other")
    await caller.beacon()
    await caller.beacon()
    assert len(kept(tmp_path)) == 4


async def test_a_page_that_the_server_recorded_and_its_beacon_count_once(
    caller: Caller, tmp_path: Path
) -> None:
    number, stamp = caller.door.mint()
    await caller.door.record(
        vid=number,
        space_slug="garden",
        path="/hello",
        headers=[(b"user-agent", FIREFOX.encode()), (b"referer", b"https://a.example/x")],
        client=("203.0.113.9", 1),
        who=5,
    )
    assert (await caller.beacon(stamp=stamp, path="/@garden/hello")).status == 204
    (visit,) = kept(tmp_path)
    assert (visit.vid, visit.path, visit.who, visit.anon) == (number, "/hello", 5, 0)
    assert visit.referrer == "a.example"
    for forged in ("nonsense", stamp[:-2] + "xx", stamps.mint(b"other" * 7)[1]):
        await caller.beacon(stamp=forged)
    assert len(kept(tmp_path)) == 4


async def test_the_server_records_no_bot_and_no_unknown_space(
    caller: Caller, tmp_path: Path
) -> None:
    for slug, agent in (("garden", "curl/8.0"), ("nowhere", FIREFOX)):
        await caller.door.record(
            vid=1,
            space_slug=slug,
            path="/",
            headers=[(b"user-agent", agent.encode())],
            client=None,
        )
    assert kept(tmp_path) == []


async def test_a_visitor_is_named_by_a_signed_word_alone(
    caller: Caller, tmp_path: Path
) -> None:
    later = clock.millis(clock.now()) + 60_000
    good = stamps.sign_who(KEY, space_id=1, who=1 << 60, until=later)
    over = stamps.sign_who(KEY, space_id=1, who=8, until=later - 120_000)
    foreign = stamps.sign_who(KEY, space_id=2, who=9, until=later)
    for token in (good, over, foreign, good[:-3] + "abc", "é", "x"):
        assert (await caller.beacon(who=token)).status == 204
    assert [visit.who for visit in kept(tmp_path)] == [1 << 60, 0, 0, 0, 0, 0]
    assert kept(tmp_path)[0].anon == 0


async def test_a_full_disk_is_answered_503_and_the_repeat_is_kept(
    caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fdatasync

    def refuse(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", refuse)
    answer = await caller.beacon(id="same")
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    monkeypatch.setattr(os, "fdatasync", sync)
    assert (await caller.beacon(id="same")).status == 204
    assert len(kept(tmp_path)) == 1


async def test_a_forwarded_address_counts_from_a_trusted_proxy_only(
    make_caller: Callable[..., Caller], tmp_path: Path
) -> None:
    given = {"x-forwarded-for": "9.9.9.9, 1.2.3.4, 10.0.0.7"}
    behind = make_caller(trusted_proxies=("10.0.0.0/8",))
    behind.peer = "10.0.0.1"
    await behind.beacon(headers=given)
    behind.peer = "8.8.8.8"
    await behind.beacon(headers=given)
    await make_caller().beacon(headers=given)
    assert [visit.country for visit in kept(tmp_path)] == ["AU", "US", ""]


def test_addresses_stop_at_the_last_one_that_is_no_proxy() -> None:
    addresses = callers.Addresses(("10.0.0.0/8", "::1"))
    for forwarded, found in (
        ("1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"),
        ("192.168.1.5", "192.168.1.5"),
        ("2001:db8::7", "2001:db8::7"),
        ("garbage", "10.0.0.1"),
        ("", "10.0.0.1"),
    ):
        assert addresses.address("10.0.0.1", forwarded=forwarded) == found


def test_in_app_browsers_have_their_own_names() -> None:
    assert callers.agent(WECHAT)[1:] == ("phone", "WeChat", "iOS")
    assert callers.agent(QQ)[1:] == ("phone", "QQ", "Android")
    assert callers.agent("") == (False, "", "", "")


def test_salts_are_destroyed_half_an_hour_after_their_day() -> None:
    salts, days = Salts(), Days()
    at = clock.millis(datetime(2026, 3, 1, 3, tzinfo=UTC))
    day = days.day(at, zone=SHANGHAI)
    ends = days.end(day, zone=SHANGHAI)

    def identify() -> int:
        return salts.anonymous_id(space=1, day=day, ends=ends, caller="x")

    first = identify()
    salts.destroy(ends + BRIDGE_MS - 1)
    assert identify() == first
    assert salts.next_end() == ends + BRIDGE_MS
    salts.destroy(ends + BRIDGE_MS)
    assert salts.next_end() == 0
    assert identify() != first


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # hypothesis wants naive bounds
def test_days_are_those_of_the_calendar_in_the_zone(at: datetime) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC).date()
    day = Days().day(clock.millis(at), zone=SHANGHAI)
    assert day == (at.astimezone(SHANGHAI).date() - epoch).days
