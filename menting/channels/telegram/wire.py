"""Call the Bot API as one bot and map each refusal to a channel's error."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from menting.channels import base
from menting.channels.http import MOST_REASON, Answer, Http, seconds_of

#: The person's own doing, or their account is gone (telegram-bot-api, Client.cpp).
WITHDRAWALS = ("bot was blocked by the user", "user is deactivated")


class ConflictError(base.Unreachable):
    """A webhook is set, or another program polls: one bot has one receiver."""


class MovedError(base.Refused):
    """The group was upgraded and has another id now; nothing was sent."""

    def __init__(self, chat: int) -> None:
        super().__init__("the group has another id now")
        self.chat = chat


class Wire:
    """One bot, called over the connections that all sessions share."""

    def __init__(self, http: Http, api: str, token: str) -> None:
        self._http, self._token = http, token
        self._root = f"{api.rstrip('/')}/bot{token}"

    async def call(
        self,
        method: str,
        body: Mapping[str, Any] | None = None,
        *,
        form: aiohttp.FormData | None = None,
        seconds: float | None = None,
    ) -> Any:
        """Call a method and return its `result`; `form` carries files, instead of a body.

        Raises Unreachable, Uncertain, Throttled, Refused, AuthFailed, ConflictError and
        MovedError.
        """
        content = {"data": form} if form is not None else {"json": body or {}}
        answer = await self._http.ask(
            "POST", f"{self._root}/{method}", seconds=seconds, **content
        )
        told = answer.json()
        if answer.status == 200 and told is not None and told.get("ok") is True:
            return told.get("result")
        raise self._error(answer, told)

    def _error(self, answer: Answer, told: dict[str, Any] | None) -> base.ChannelError:
        if answer.status < 300 or answer.status >= 500:
            return base.Uncertain(f"status {answer.status} without a usable answer")
        if told is None or told.get("ok") is not False:
            reason = f"status {answer.status}, and no word of Telegram"
            return base.Refused(reason, permanent=False)
        words = str(told.get("description", "")).replace(self._token, "…")[:MOST_REASON]
        return _refusal(answer.status, words, _parameters(told))


def _refusal(status: int, words: str, parameters: Mapping[str, Any]) -> base.ChannelError:
    if status == 429:
        wait = seconds_of(parameters.get("retry_after"))
        return base.Throttled("Telegram asks to wait", retry_after=wait)
    # A token of another form is no address at all: 404.
    if status in (401, 404):
        return base.AuthFailed(f"Telegram does not know this token: {words}")
    if status == 409:
        return ConflictError(words)
    moved = parameters.get("migrate_to_chat_id")
    if isinstance(moved, int):
        return MovedError(moved)
    withdraws = status == 403 and words.endswith(WITHDRAWALS)
    return base.Refused(words or f"status {status}", withdraws=withdraws)


def _parameters(told: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = told.get("parameters")
    return parameters if isinstance(parameters, dict) else {}
