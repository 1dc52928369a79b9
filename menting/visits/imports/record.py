"""What an importer yields: page views, lines that are none, and lines it cannot read."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PageView:
    """One opening of a page by a person."""

    line: int
    at: datetime
    path: str
    referrer: str
    #: Address and user agent, for the nameless id of the day; goes into no file.
    caller: str
    country: str
    device: str
    browser: str
    os: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A whole line that is no page view of a person."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that cannot be read."""

    line: int
    reason: str


Record = PageView | Passed | Rejected
