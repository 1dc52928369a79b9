"""The customer-service part of a fake WeCom's API."""

import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from tests.fakes.wecom_app import WeComApp
from tests.fakes.wecom_state import (
    MOST_ANSWERS,
    MSGID_REPEATED,
    WINDOW_SECONDS,
    CodeError,
    ok,
)


class CustomerService(WeComApp):
    """Messages are pulled, and answered five times in 48 hours."""

    def kf_routes(self) -> list[web.RouteDef]:
        """Return what is below `kf/`."""
        ways = {
            "account/list": self._kf_list,
            "sync_msg": self._sync,
            "send_msg": self._send,
            "customer/batchget": self._batchget,
            "add_contact_way": self._kf_link,
        }
        return [web.post(f"/cgi-bin/kf/{path}", way) for path, way in ways.items()]

    async def _kf_list(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        start = body.get("offset", 0)
        ids = list(self.kf)[start : start + min(body.get("limit", 100), 100)]
        listed = [
            {"open_kfid": kf_id, "name": self.kf[kf_id].name, "avatar": "http://p/0"}
            for kf_id in ids
        ]
        return ok({"account_list": listed})

    async def _sync(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        account = self._kf_of(body)
        if body.get("token") and body["token"] not in self._nudges:
            raise CodeError(95007, "invalid msg token")
        start = int(body.get("cursor") or 0)
        end = start + min(body.get("limit", 1000), 1000, 100)
        listed = account.said[start:end]
        if self.twice:
            listed = [item for item in listed for _ in range(2)]
        return ok(
            {
                "next_cursor": str(min(end, len(account.said))),
                "has_more": int(end < len(account.said)),
                "msg_list": listed,
            }
        )

    async def _send(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        account, person = self._kf_of(body), body["touser"]
        msgid = body.get("msgid") or f"auto{next(self._numbers)}"
        if person not in self.names:
            raise CodeError(40096, "invalid external userid")
        if (body["open_kfid"], msgid) in self._msgids:
            raise CodeError(MSGID_REPEATED, "msgid repeated")
        at, count = account.windows.get(person, [0.0, 0])
        if time.time() - at > WINDOW_SECONDS:
            raise CodeError(95002, "send msg out of time")
        if count >= MOST_ANSWERS:
            raise CodeError(95001, "send msg count limit")
        _check_content(body)
        account.windows[person] = [at, count + 1]
        self._msgids.add((body["open_kfid"], msgid))
        if person in account.rejected_by:
            event = {"event_type": "msg_send_fail", "external_userid": person}
            more = {"fail_msgid": msgid, "fail_type": 10}
            self.happen(body["open_kfid"], event | more)
        else:
            account.sent.append(body)
        return ok({"msgid": msgid})

    async def _batchget(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        asked = body["external_userid_list"]
        found = [
            {"external_userid": person, "nickname": self.names[person], "avatar": ""}
            for person in asked
            if person in self.names
        ]
        missing = [person for person in asked if person not in self.names]
        return ok({"customer_list": found, "invalid_external_userid": missing})

    async def _kf_link(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        self._kf_of(body)
        url = f"https://work.weixin.qq.com/kf/kfc1?enc_scene=ENC{body.get('scene', '')}"
        return ok({"url": url})


def _check_content(body: Mapping[str, Any]) -> None:
    if body["msgtype"] == "text" and len(body["text"]["content"].encode()) > 2048:
        raise CodeError(40058, "invalid text size")
    if body["msgtype"] == "msgmenu":
        menu = body["msgmenu"]
        if len(menu["head_content"].encode()) > 1024:
            raise CodeError(40058, "invalid head size")
        if len(menu["list"]) > 10:
            raise CodeError(95008, "too many menu items")
        if any(item["type"] != "view" or not item["view"]["url"] for item in menu["list"]):
            raise CodeError(95009, "invalid menu item")
