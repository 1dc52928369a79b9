"""The part of a fake WeCom's API that members' customers, masses and moments are in."""

import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from tests.fakes.wecom_app import WeComApp
from tests.fakes.wecom_state import CodeError, Mass, Moment, ok


class Contacts(WeComApp):
    """Mass messages and moments are tasks that wait for a member's tap."""

    def contact_routes(self) -> list[web.RouteDef]:
        """Return what is below `externalcontact/`."""
        ways = {
            name: getattr(self, f"_{name}")
            for name in (
                *("add_msg_template", "get_groupmsg_list_v2", "get_groupmsg_send_result"),
                *("cancel_groupmsg_send", "add_moment_task", "get_moment_task"),
                *("cancel_moment_task", "add_contact_way"),
            )
        }
        root = "/cgi-bin/externalcontact"
        return [
            web.get(f"{root}/get_moment_task_result", self._moment_job),
            *(web.post(f"{root}/{path}", way) for path, way in ways.items()),
        ]

    async def _add_msg_template(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if not (body.get("text", {}).get("content") or body.get("attachments")):
            raise CodeError(41089, "empty content")
        if len(body["text"]["content"].encode()) > 4000:
            raise CodeError(40058, "invalid text size")
        member = self.members.get(body["sender"])
        if member is None:
            raise CodeError(60111, "userid not found")
        good = [person for person in body["external_userid"] if person in member.customers]
        failed = [person for person in body["external_userid"] if person not in good]
        if not good:
            raise CodeError(84061, "not external contact")
        for attachment in body.get("attachments", []):
            self._check_media(attachment["image"]["media_id"])
        msgid = f"msg{next(self._numbers)}"
        self.masses[msgid] = Mass(body, int(time.time()), dict.fromkeys(good, 0))
        return ok({"fail_list": failed, "msgid": msgid})

    async def _get_groupmsg_list_v2(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if body["end_time"] - body["start_time"] > 31 * 86400:
            raise CodeError(40058, "invalid time range")
        listed = [
            {
                "msgid": msgid,
                "create_time": str(mass.at),
                "create_type": 0,
                "text": mass.body["text"],
            }
            for msgid, mass in self.masses.items()
            if body["start_time"] <= mass.at <= body["end_time"]
        ]
        start = int(body.get("cursor") or 0)
        end = start + min(body.get("limit", 50), 100)
        cursor = str(end) if end < len(listed) else ""
        return ok({"next_cursor": cursor, "group_msg_list": listed[start:end]})

    async def _get_groupmsg_send_result(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        mass = self.masses.get(body["msgid"])
        if mass is None:
            raise CodeError(41047, "invalid msgid")
        if not mass.is_dispatched:
            raise CodeError(41063, "the task is being dispatched")
        is_mine = mass.body["sender"] == body["userid"]
        listed = [
            {"external_userid": person, "userid": body["userid"], "status": status}
            for person, status in mass.status.items()
            if is_mine
        ]
        return ok({"next_cursor": "", "send_list": listed})

    async def _cancel_groupmsg_send(self, request: web.Request) -> web.Response:
        self.masses[(await self._body(request))["msgid"]].is_cancelled = True
        return ok({})

    async def _add_moment_task(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if len(body["text"]["content"]) > 2000:
            raise CodeError(40058, "invalid text size")
        for attachment in body.get("attachments", []):
            self._check_media(attachment["image"]["media_id"])
        jobid, moment = f"job{next(self._numbers)}", f"mom{next(self._numbers)}"
        self.moments[jobid] = Moment(body, moment)
        return ok({"jobid": jobid})

    async def _moment_job(self, request: web.Request) -> web.Response:
        self._check(request)
        moment = self.moments[request.query["jobid"]]
        told: dict[str, Any] = {"status": moment.status, "type": "add_moment_task"}
        if moment.status == 3:
            made = {"errcode": 0, "errmsg": "ok", "moment_id": moment.moment_id}
            users = moment.body["visible_range"]["sender_list"]["user_list"]
            if not set(users) <= set(self.members):
                made = {"errcode": 41059, "errmsg": "no valid sender", "moment_id": ""}
            told["result"] = made
        return ok(told)

    async def _get_moment_task(self, request: web.Request) -> web.Response:
        moment = self._moment(await self._body(request))
        users = moment.body["visible_range"]["sender_list"]["user_list"]
        listed = [
            {"userid": user, "publish_status": int(user in moment.published)}
            for user in users
        ]
        return ok({"next_cursor": "", "task_list": listed})

    async def _cancel_moment_task(self, request: web.Request) -> web.Response:
        self._moment(await self._body(request)).is_cancelled = True
        return ok({})

    async def _add_contact_way(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if len(body.get("state", "")) > 30:
            raise CodeError(40058, "invalid state size")
        if body["type"] != 1 or len(body["user"]) != 1:
            raise CodeError(40058, "invalid user")
        if body["user"][0] not in self.members:
            raise CodeError(41054, "user cannot be used")
        self.members[body["user"][0]].contact_ways.append(body)
        number = next(self._numbers)
        qr_code = f"https://wework.qpic.cn/wwpic/{number}"
        return ok({"config_id": f"config{number}", "qr_code": qr_code})

    def _moment(self, body: Mapping[str, Any]) -> Moment:
        return next(
            moment
            for moment in self.moments.values()
            if moment.moment_id == body["moment_id"]
        )
