"""What people do on a fake Mastodon server, and what it keeps of it."""

import itertools
import json
from collections import defaultdict
from typing import Any

from tests.fakes import mastodon_forms as forms
from tests.fakes.mastodon_forms import DOMAIN, MENTION, User
from tests.fakes.platform import FakePlatform


class MastodonPeople(FakePlatform):
    """The people of one server; `calls` is what an account may call in five minutes."""

    def __init__(self, *, calls: int = 300, streaming: bool = True) -> None:
        super().__init__()
        self.users: dict[str, User] = {}
        self.calls, self.streaming = calls, streaming
        #: Rounds in which an upload is still processed (202, then 206).
        self.processing = 0
        self.media: dict[str, dict[str, Any]] = {}
        #: Texts as they were sent, by status.
        self.sources: dict[str, str] = {}
        self.twice = False
        self._processing: defaultdict[str, int] = defaultdict(int)
        self._numbers = itertools.count(1_000)

    def add(self, acct: str, name: str) -> User:
        """Register an account of this server, or let one of another be known here."""
        token = "" if "@" in acct else f"token-of-{acct}"
        user = User(str(next(self._numbers)), acct, name, token)
        self.users[acct] = user
        return user

    async def follow(self, person: User, target: User, kind: str = "follow") -> None:
        """Let a person follow an account, or ask to."""
        await self._notify(target, person, {"type": kind})

    async def mention(
        self, person: User, target: User, text: str, visibility: str = "direct", **rest: Any
    ) -> str:
        """Let a person write a status that names the account."""
        status = self._write(person, f"@{target.acct} {text}", visibility)
        status |= rest
        await self._notify(target, person, {"type": "mention", "status": status})
        return str(status["id"])

    def direct(self, author: User, reader: User) -> list[str]:
        """Return what an account wrote to a person alone, oldest first, without address."""
        return [
            self.sources[status["id"]].partition(" ")[2]
            for status in author.statuses
            if status["visibility"] == "direct"
            and [named["acct"] for named in status["mentions"]] == [reader.acct]
        ]

    def on_wall(self, author: User) -> list[str]:
        """Return what anybody sees of an account, oldest first."""
        return [
            self.sources[status["id"]]
            for status in author.statuses
            if status["visibility"] in ("public", "unlisted")
        ]

    def _write(self, author: User, text: str, visibility: str) -> dict[str, Any]:
        named = {
            user.acct: user
            for name, host in MENTION.findall(text)
            if (user := self.users.get(name if host in ("", DOMAIN) else f"{name}@{host}"))
        }
        status = {
            "id": str(next(self._numbers)),
            "created_at": forms.iso(forms.now()),
            "in_reply_to_id": None,
            "sensitive": False,
            "spoiler_text": "",
            "visibility": visibility,
            "content": forms.to_html(text, named, self.url),
            "account": forms.account(author, self.url),
            "media_attachments": [],
            "mentions": [
                {"id": user.id, "username": user.acct.partition("@")[0], "acct": acct}
                for acct, user in named.items()
            ],
        }
        self.sources[str(status["id"])] = text
        author.statuses.append(status)
        return status

    async def _notify(self, target: User, person: User, what: dict[str, Any]) -> None:
        notice = {
            "id": str(next(self._numbers)),
            "created_at": forms.iso(forms.now()),
            "account": forms.account(person, self.url),
            "filtered": target.filters_strangers,
            **what,
        }
        target.notices.append(notice)
        if notice["filtered"]:
            return
        frame = {
            "stream": ["user:notification"],
            "event": "notification",
            "payload": json.dumps(forms.shown(notice)),
        }
        for stream in set(target.streams):
            await stream.send_json(frame)
