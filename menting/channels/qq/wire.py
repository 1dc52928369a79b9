"""Call QQ's open API as one bot."""

from collections.abc import Mapping
from typing import Any

import structlog

from menting.channels import base
from menting.channels.http import Answer, Http
from menting.channels.qq.errors import CODES, Kind, error_of, is_known
from menting.channels.qq.token import AccessToken

log = structlog.get_logger(__name__)


class Wire:
    """The API of one host with the token of one bot."""

    __slots__ = ("_api", "_http", "token")

    def __init__(self, http: Http, api: str, token: AccessToken) -> None:
        self._http, self._api, self.token = http, api, token

    async def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send one request and return its JSON object.

        A token that is not valid is renewed once: QQ carried nothing out then. Raises
        Unreachable, Uncertain, Throttled, RefusedCodeError and AuthFailed.
        """
        token = await self.token.get()
        answer = await self._ask(method, path, token, body)
        if _is_token_refused(answer):
            token = await self.token.get(refused=token)
            answer = await self._ask(method, path, token, body)
        return _outcome(answer)

    async def _ask(
        self, method: str, path: str, token: str, body: Mapping[str, Any] | None
    ) -> Answer:
        headers = {"Authorization": f"QQBot {token}", "X-Union-Appid": self.token.appid}
        return await self._http.ask(method, self._api + path, json=body, headers=headers)


def code_of(told: Mapping[str, Any]) -> int:
    """Return the error code of a body; `err_code` goes before the older `code`."""
    for name in ("err_code", "code", "retcode"):
        said = told.get(name)
        if isinstance(said, int | str) and str(said).lstrip("-").isdigit():
            return int(said)
    return 0


def _is_token_refused(answer: Answer) -> bool:
    code = code_of(answer.json() or {})
    if is_known(code):
        return CODES.get(code, (None, ""))[0] is Kind.TOKEN
    return answer.status == 401


def _outcome(answer: Answer) -> dict[str, Any]:
    told = answer.json()
    code = code_of(told or {})
    is_taken = 200 <= answer.status < 300
    if is_taken and told is not None and (not code or _is_review(code)):
        return told
    if _is_token_refused(answer):
        raise base.AuthFailed(f"QQ does not accept a new access token (code {code})")
    log.info(
        "QQ refused a call",
        status=answer.status,
        code=code,
        trace=(told or {}).get("trace_id") or answer.headers.get("X-Tps-trace-ID"),
    )
    raise error_of(answer.status, code, answer.headers.get("Retry-After"))


def _is_review(code: int) -> bool:
    return CODES.get(code, (None, ""))[0] is Kind.REVIEW
