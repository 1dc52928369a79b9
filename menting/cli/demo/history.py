"""Write the access log of an invented site since 2011, and count it without the product.

Stands alone: it shares no code with what is to be checked by it.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

FIRST = datetime(2011, 3, 2, 0, 14, 9, tzinfo=UTC)
MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
PATHS = (
    "/",
    "/archive",
    "/reading",
    "/opening-hours",
    "/guestbook",
    "/about",
    "/2011/first",
)
REFERRERS = ("-", "-", "-", "https://search.example/q", "https://social.example/p/1")
BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/33.0.1750.146 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1",
)
#: Lines of a real log that are no visit: a crawler, a picture, a refused page, a scan.
NO_VISITS = (
    ("/", 200, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    ("/logo.png", 200, BROWSERS[0]),
    ("/missing", 404, BROWSERS[1]),
)


@dataclass(slots=True)
class Counted:
    """What the log holds, counted by the writer."""

    visits: int = 0
    by_month: Counter[str] = field(default_factory=Counter)
    by_path: Counter[str] = field(default_factory=Counter)
    oldest: str = ""


def write(path: Path, *, visits: int, seed: int, until: datetime, zone: str) -> Counted:
    """Write `visits` visits and some lines that are none; months are those of `zone`."""
    dice = random.Random(seed)  # noqa: S311  # invented data, repeatable by its seed
    counted = Counted()
    times = sorted(_times(dice, visits, until))
    with path.open("w", encoding="utf-8") as log:
        for at in times:
            if dice.random() < 0.01:
                log.write(_noise(dice, at))
            log.write(_visit(dice, at, counted, ZoneInfo(zone)))
    counted.oldest = times[0].astimezone(ZoneInfo(zone)).date().isoformat()
    return counted


def _times(dice: random.Random, visits: int, until: datetime) -> Iterator[datetime]:
    yield FIRST
    span = (until - FIRST).total_seconds()
    for _ in range(visits - 1):
        yield FIRST + timedelta(seconds=int(span * dice.random() ** 0.6))


def _visit(dice: random.Random, at: datetime, counted: Counted, zone: ZoneInfo) -> str:
    path = dice.choice(PATHS)
    counted.visits += 1
    counted.by_month[at.astimezone(zone).strftime("%Y-%m")] += 1
    counted.by_path[path] += 1
    return _line(dice, at, path, 200, dice.choice(REFERRERS), dice.choice(BROWSERS))


def _noise(dice: random.Random, at: datetime) -> str:
    path, status, browser = dice.choice(NO_VISITS)
    return _line(dice, at, path, status, "-", browser)


def _line(dice: random.Random, at: datetime, path: str, status: int, *said: str) -> str:
    referrer, browser = said
    # 198.51.100.0/24 is kept for documentation (RFC 5737): nobody's address.
    host = f"198.51.100.{dice.randrange(1, 255)}"
    stamp = f"{at:%d}/{MONTHS[at.month - 1]}/{at:%Y:%H:%M:%S} +0000"
    request = f"GET {path} HTTP/1.1"
    return f'{host} - - [{stamp}] "{request}" {status} 2326 "{referrer}" "{browser}"\n'
