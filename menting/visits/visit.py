"""What a visit is: the beacon as it comes, the record as it is kept, the spaces as seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Annotated
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import msgspec

#: Longest path and host that are kept, in characters; what is longer is cut.
PATH_LENGTH = 500
HOST_LENGTH = 100

#: `date.toordinal()` of 1970-01-01.
_EPOCH = 719_163

_Url = Annotated[str, msgspec.Meta(max_length=4096)]
_Token = Annotated[str, msgspec.Meta(max_length=128)]


class Beacon(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON body of `POST /v`."""

    #: The slug of the space whose page was opened.
    space: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    path: Annotated[str, msgspec.Meta(max_length=4096, pattern="^/")]
    referrer: _Url | None = None
    #: Chosen by the page for one opening, so that a repeated beacon counts once.
    id: _Token | None = None
    #: Says that the server has recorded this opening itself.
    stamp: _Token | None = None
    #: Who opened it, signed by the server, for a visitor who agreed to be named.
    who: _Token | None = None


class Visit(msgspec.Struct, frozen=True, array_like=True):
    """The record in the spool: an array, so that a visit takes some 60 bytes.

    New fields go to the end with a default: a spool outlives the program that wrote it.
    There is no address and no user agent in it, and no name.
    """

    #: Milliseconds since 1970, UTC.
    at: int
    space: int
    #: Days since 1970 in the space's own zone, and in the house's (for space 0).
    day: int
    house_day: int
    path: str
    #: A host, or empty.
    referrer: str = ""
    #: ISO 3166-1 alpha-2, or empty.
    country: str = ""
    device: str = ""
    browser: str = ""
    os: str = ""
    #: The visitor's number (63 bits), 0 for nobody known.
    who: int = 0
    #: The nameless id of one space and day (31 bits), 0 for none.
    anon: int = 0
    #: The visit's own number (63 bits).
    vid: int = 0


@dataclass(frozen=True, slots=True)
class SpaceSeen:
    """A space as far as the door needs to know it."""

    id: int
    slug: str
    #: `scheme://host[:port]` of each page that may report visits to this space.
    origins: frozenset[str]
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The spaces by slug, and the zone in which all of them together are counted."""

    spaces: Mapping[str, SpaceSeen]
    house_zone: ZoneInfo


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Visit).decode
decode_beacon = msgspec.json.Decoder(Beacon).decode


def bare_path(path: str) -> str:
    """Return a path without query and fragment, readable, and cut to PATH_LENGTH."""
    bare = path.partition("?")[0].partition("#")[0]
    if "%" in bare:
        bare = unquote(bare, errors="replace")
    return bare[:PATH_LENGTH]


@lru_cache(maxsize=8192)
def host_of(url: str) -> str:
    """Return the host of a referrer without `www.`; empty for none or a broken one."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.")[:HOST_LENGTH]


def day_of(day: date) -> int:
    """Return days since 1970."""
    return day.toordinal() - _EPOCH


def date_of(day: int) -> date:
    """Return the date of `day` days since 1970."""
    return date.fromordinal(day + _EPOCH)
