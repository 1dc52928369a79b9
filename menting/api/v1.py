"""Version 1 of the API: its nouns, and how it writes and refuses."""

import json
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.renderers import BaseRenderer
from typing_extensions import override

from menting.api import accounts, campaigns, people, problem, refusals, spaces, visits


class _Plain(BaseRenderer):
    """Writes JSON as the commands do: times in full, with their offset."""

    media_type = "application/json"

    @override
    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> str:
        return json.dumps(data, ensure_ascii=False, default=_time)


class _Api(NinjaAPI):
    """The library's API, with refusals of our own."""

    @override
    def on_exception(
        self, request: HttpRequest, exc: Exception | type[Exception]
    ) -> HttpResponse:
        if isinstance(exc, type):
            exc = exc()
        return problem.answer(refusals.of(exc))


api = _Api(
    title="Menting",
    version="1",
    description="The front desk's HTTP API; docs/api.md is its guide.",
    renderer=_Plain(),
    openapi_url=None,
    docs_url=None,
    urls_namespace="api",
)
for _part in (accounts, people, campaigns, visits, spaces):
    api.add_router("", _part.noun)


def _time(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in an answer")
