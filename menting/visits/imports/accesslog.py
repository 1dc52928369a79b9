"""Access logs of web servers: Common, Combined and vhost lines, plain or gzipped."""

import gzip
import mimetypes
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import apachelogs

from menting.visits import caller, visit
from menting.visits.imports.record import PageView, Passed, Record, Rejected

_VHOST = (
    "%v:%p " + apachelogs.COMBINED,
    "%v " + apachelogs.COMBINED,
    "%v:%p " + apachelogs.COMMON,
    "%v " + apachelogs.COMMON,
)
#: Tried in order; a line is of the first that fits it (names as in Apache's manual).
FORMATS: dict[str, tuple[str, ...]] = {
    "accesslog": (apachelogs.COMBINED, apachelogs.COMMON, *_VHOST),
    "common": (apachelogs.COMMON,),
    "combined": (apachelogs.COMBINED,),
    "vhost": _VHOST,
}
#: Longer lines are attacks or damage; browsers' and servers' limits lie below.
LINE_MAX = 64 * 1024
_SHOWN = frozenset({200, 304})
_PAGE_TYPES = frozenset({None, "text/html", "application/xhtml+xml"})
#: Suffixes of files that pages load, where Python's own table knows no type.
_ASSETS = (".woff", ".woff2", ".ttf", ".eot", ".otf", ".map", ".webp", ".avif", ".ico")
#: The tables of the machine are left out, so that an import is the same everywhere.
_TYPES = mimetypes.MimeTypes(filenames=())


def read(path: Path, *, form: str, host: str = "", after: int = 0) -> Iterator[Record]:
    """Yield a record for each line behind line `after`.

    `form` is a key of FORMATS; `host` takes one virtual host of a vhost log. The HTTP user
    (%u) is not looked at: a log-in name is no visitor who agreed. Raises OSError when the
    file cannot be read.
    """
    parsers = [
        apachelogs.LogParser(each, encoding="utf-8", errors="replace")
        for each in FORMATS[form]
    ]
    with _open(path) as file:
        for number, raw in enumerate(_lines(file), start=1):
            if number > after:
                yield _record(number, raw, parsers, host)


def _open(path: Path) -> gzip.GzipFile | IO[bytes]:
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if is_gzip else path.open("rb")


def _lines(file: gzip.GzipFile | IO[bytes]) -> Iterator[bytes]:
    """Yield lines, one without end cut at LINE_MAX and the rest of it dropped."""
    while raw := file.readline(LINE_MAX):
        whole = raw
        while not raw.endswith(b"\n") and len(raw) == LINE_MAX:
            raw = file.readline(LINE_MAX)
        yield whole


def _record(
    number: int, raw: bytes, parsers: list[apachelogs.LogParser], host: str
) -> Record:
    if len(raw) >= LINE_MAX:
        return Rejected(number, f"longer than {LINE_MAX} bytes")
    # Servers write bytes beyond ASCII as \xHH; one that wrote them raw is read the same.
    line = raw.decode("ascii", errors="backslashreplace").rstrip("\r\n")
    for parser in parsers:
        try:
            entry = parser.parse(line)
        except (apachelogs.InvalidEntryError, ValueError):
            continue
        if host and getattr(entry, "virtual_host", "").partition(":")[0] != host:
            return Passed(number, "another host")
        return _judge(number, entry)
    return Rejected(number, "is not of this format")


def _judge(number: int, entry: apachelogs.LogEntry) -> Record:
    at = entry.request_time
    if not isinstance(at, datetime) or at.year < 1970:
        return Rejected(number, "the time is missing or before 1970")
    if entry.final_status not in _SHOWN:
        return Passed(number, "not answered 200 or 304")
    parts = (entry.request_line or "").split(" ")
    if len(parts) != 3:
        return Rejected(number, "the request line is not METHOD PATH PROTOCOL")
    path = _path(parts[1])
    if parts[0] != "GET" or path is None:
        return Passed(number, "not a page")
    # Common has no headers at all.
    headers = getattr(entry, "headers_in", {})
    user_agent = (headers.get("User-Agent") or "")[: caller.AGENT_LENGTH]
    agent = caller.agent(user_agent)
    if agent.is_bot:
        return Passed(number, "a bot")
    address = entry.remote_host or ""
    return PageView(
        line=number,
        at=at,
        path=visit.bare_path(path),
        referrer=visit.host_of(headers.get("Referer") or ""),
        caller=address + user_agent,
        country=caller.country(address),
        device=agent.device,
        browser=agent.browser,
        os=agent.os,
    )


def _path(target: str) -> str | None:
    """Return the path of a page, or None for an asset or no path at all."""
    if target.startswith(("http://", "https://")):
        try:
            target = urlsplit(target).path or "/"
        except ValueError:
            return None
    path = target.partition("?")[0].partition("#")[0]
    if not path.startswith("/") or path.lower().endswith(_ASSETS):
        return None
    kind, coding = _TYPES.guess_type(path)
    return path if kind in _PAGE_TYPES and coding is None else None
