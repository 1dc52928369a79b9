"""How an app of a fake WeCom proves itself, and what tests make it be refused."""

import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from tests.fakes.wecom_people import WeComPeople
from tests.fakes.wecom_state import CodeError, KfAccount


class WeComApp(WeComPeople):
    """Checks tokens before anything else."""

    def _check(self, request: web.Request) -> None:
        token = request.query.get("access_token", "")
        if not token:
            raise CodeError(41001, "access_token missing")
        if token != self._token:
            raise CodeError(40014, "invalid access_token")
        if time.time() > self._until:
            raise CodeError(42001, "access_token expired")
        self._spoil(request)

    def _spoil(self, request: web.Request) -> None:
        for part in [part for part in self.codes if part in request.path]:
            raise CodeError(self.codes.pop(part), "as the test wants it")

    async def _body(self, request: web.Request) -> dict[str, Any]:
        self._check(request)
        told: dict[str, Any] = await request.json()
        return told

    def _kf_of(self, body: Mapping[str, Any]) -> KfAccount:
        if body["open_kfid"] not in self.kf:
            raise CodeError(95000, "invalid open_kfid")
        return self.kf[body["open_kfid"]]

    def _check_media(self, media_id: str) -> None:
        if media_id not in self.uploads:
            raise CodeError(40007, "invalid media_id")
