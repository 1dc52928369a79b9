"""The shapes of Mastodon's documentation, for the fake server."""

import html
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

DOMAIN = "mastodon.example"
MENTION = re.compile(r"(?<![/\w])@(\w+)(?:@([\w.-]+\w))?")
_URL = re.compile(r"https?://[^\s<]+")


class ApiError(Exception):
    """A documented refusal."""

    def __init__(
        self, status: int, error: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.status, self.error, self.headers = status, error, headers or {}


@dataclass(slots=True)
class User:
    """Somebody on this server, or on another one (`acct` with a host)."""

    id: str
    acct: str
    name: str
    token: str = ""
    disabled: bool = False
    #: What a filter of the account sets aside: neither streamed nor listed unasked.
    filters_strangers: bool = False
    notices: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, tuple[datetime, dict[str, Any]]] = field(default_factory=dict)
    streams: set[web.WebSocketResponse] = field(default_factory=set)
    calls: list[datetime] = field(default_factory=list)


def shown(notice: dict[str, Any]) -> dict[str, Any]:
    """Return a notification as it is listed."""
    return {name: value for name, value in notice.items() if name != "filtered"}


def account(user: User, root: str) -> dict[str, Any]:
    """Return an account as it is shown."""
    return {
        "id": user.id,
        "username": user.acct.partition("@")[0],
        "acct": user.acct,
        "display_name": user.name,
        "locked": False,
        "bot": False,
        "created_at": "2022-11-13T00:00:00.000Z",
        "note": "",
        "url": f"{root}/@{user.acct}",
        "avatar": f"{root}/avatars/original/missing.png",
        "fields": [],
        "emojis": [],
    }


def to_html(text: str, named: dict[str, User], root: str) -> str:
    """Return a text as Mastodon stores it."""

    def _link(found: re.Match[str]) -> str:
        url = found.group()
        scheme, _, rest = url.partition("//")
        return (
            f'<a href="{url}" target="_blank" rel="nofollow noopener">'
            f'<span class="invisible">{scheme}//</span><span class="">{rest}</span></a>'
        )

    def _name(found: re.Match[str]) -> str:
        name, host = found.groups()
        acct = name if host in (None, DOMAIN) else f"{name}@{host}"
        if acct not in named:
            return found.group()
        return (
            f'<span class="h-card" translate="no"><a href="{root}/@{acct}" '
            f'class="u-url mention">@<span>{name}</span></a></span>'
        )

    marked = MENTION.sub(_name, _URL.sub(_link, html.escape(text, quote=False)))
    paragraphs = marked.split("\n\n")
    return "".join(f"<p>{part}</p>" for part in paragraphs).replace("\n", "<br />")


def weight(text: str) -> int:
    """Return the characters that count."""
    return len(re.sub(r"(@\w+)@[\w.-]+", r"\1", _URL.sub("x" * 23, text)))


async def body(request: web.Request) -> dict[str, Any]:
    """Return what was sent, as JSON or as a form."""
    if request.content_type == "application/json":
        told: dict[str, Any] = await request.json()
        return told
    form = await request.post()
    sent: dict[str, Any] = {name: form[name] for name in form if not name.endswith("[]")}
    for name in {name for name in form if name.endswith("[]")}:
        sent[name.removesuffix("[]")] = list(form.getall(name))
    return sent


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def iso(at: datetime) -> str:
    """Return a time as Mastodon writes it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
