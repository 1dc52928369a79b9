"""WeCom's API and its callbacks as the documentation describes them."""

import base64
import hashlib
import itertools
import os
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from typing_extensions import override

from tests.fakes.platform import FakePlatform

WINDOW_SECONDS = 48 * 3600
MOST_ANSWERS = 5
#: No document names it: the fake's own code for a `msgid` that was used before.
MSGID_REPEATED = 95099


class CodeError(Exception):
    """A refusal with its code; WeCom answers it with status 200."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(slots=True)
class KfAccount:
    """A customer-service account."""

    name: str
    #: What `sync_msg` tells, oldest first; its cursor is the place in it.
    said: list[dict[str, Any]] = field(default_factory=list)
    #: When a customer wrote last, and what they were answered since.
    windows: dict[str, list[float]] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)
    rejected_by: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Member:
    """A member who keeps customers."""

    name: str
    customers: set[str] = field(default_factory=set)
    wall: list[str] = field(default_factory=list)
    contact_ways: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Mass:
    """A mass message; `status` by customer."""

    body: dict[str, Any]
    at: int
    status: dict[str, int]
    is_cancelled: bool = False
    is_dispatched: bool = True


@dataclass(slots=True)
class Moment:
    """A moment that was asked for; `status` 3 once it is made."""

    body: dict[str, Any]
    moment_id: str
    status: int = 3
    published: set[str] = field(default_factory=set)
    is_cancelled: bool = False


class FakeWeCom(FakePlatform):
    """One corp with one app, which serves its customer service and its customers."""

    corp = "ww1a2b3c4d5e6f7a8b"
    secret = "the-app-s-secret"
    callback_token = "QDG6eK"
    callback_key = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"

    def __init__(self) -> None:
        super().__init__()
        self.kf: dict[str, KfAccount] = {}
        self.members: dict[str, Member] = {}
        self.names: dict[str, str] = {}
        self.masses: dict[str, Mass] = {}
        self.moments: dict[str, Moment] = {}
        self.uploads: dict[str, tuple[str, int]] = {}
        self.twice = False
        #: The code of the next call whose path contains the key.
        self.codes: dict[str, int] = {}
        self.tokens_given = 0
        #: Gets the fields of each callback, once it is to be sent.
        self.call_back: Callable[[Mapping[str, str]], None] = lambda _: None
        self._numbers = itertools.count(1)
        self._token, self._until = "", 0.0
        self._msgids: set[tuple[str, str]] = set()
        self._nudges: set[str] = set()

    @override
    def routes(self) -> list[web.RouteDef]:
        contacts = {
            name: getattr(self, f"_{name}")
            for name in (
                *("add_msg_template", "get_groupmsg_list_v2", "get_groupmsg_send_result"),
                *("cancel_groupmsg_send", "add_moment_task", "get_moment_task"),
                *("cancel_moment_task", "add_contact_way"),
            )
        }
        kf = {
            "account/list": self._kf_list,
            "sync_msg": self._sync,
            "send_msg": self._send,
            "customer/batchget": self._batchget,
            "add_contact_way": self._kf_link,
        }
        root = "/cgi-bin"
        return [
            web.get(f"{root}/gettoken", self._gettoken),
            web.get(f"{root}/user/get", self._user),
            web.get(f"{root}/externalcontact/get", self._customer),
            web.get(f"{root}/externalcontact/get_moment_task_result", self._moment_job),
            web.post(f"{root}/media/upload", self._upload),
            web.post(f"{root}/media/upload_attachment", self._upload),
            *(web.post(f"{root}/kf/{path}", way) for path, way in kf.items()),
            *(
                web.post(f"{root}/externalcontact/{path}", way)
                for path, way in contacts.items()
            ),
        ]

    @override
    def refuses(self, error: Exception) -> web.Response | None:
        if not isinstance(error, CodeError):
            return None
        hint = f"{error.message}, hint: [1], from ip: 127.0.0.1, more info at https://open"
        return web.json_response({"errcode": error.code, "errmsg": hint})

    # What people and members do.

    def add_kf(self, kf_id: str, name: str) -> None:
        """Open a customer-service account."""
        self.kf[kf_id] = KfAccount(name)

    def add_member(self, userid: str, name: str) -> None:
        """Let a member keep customers."""
        self.members[userid] = Member(name)

    def customer(self, name: str) -> str:
        """Make somebody in WeChat, and return the id by which this corp knows them."""
        person = f"wm{next(self._numbers):030d}"
        self.names[person] = name
        return person

    def write(self, kf_id: str, person: str, text: str, msgtype: str = "text") -> None:
        """Let a customer write to the customer service."""
        content = {"content": text} if msgtype == "text" else {"media_id": "MEDIA"}
        self.kf[kf_id].windows[person] = [time.time(), 0]
        self._say(
            kf_id,
            {
                "origin": 3,
                "open_kfid": kf_id,
                "external_userid": person,
                "msgtype": msgtype,
                msgtype: content,
            },
        )

    def happen(self, kf_id: str, event: Mapping[str, Any]) -> None:
        """Tell an event of a customer-service account."""
        told = {"open_kfid": kf_id, **event}
        self._say(kf_id, {"origin": 4, "msgtype": "event", "event": told})

    def enter(self, kf_id: str, person: str, link: str) -> None:
        """Let a customer open a conversation by a link."""
        query = dict(
            part.split("=", 1) for part in urlsplit(link).query.split("&") if "=" in part
        )
        # WeCom proves the scene by `enc_scene`; the parameter is the caller's own.
        event = {
            "event_type": "enter_session",
            "external_userid": person,
            "scene": query["enc_scene"].removeprefix("ENC"),
            "scene_param": query.get("scene_param", ""),
            "welcome_code": "WELCOME",
        }
        self.happen(kf_id, event)

    def add(self, userid: str, person: str, state: str = "") -> None:
        """Let a customer and a member add each other."""
        self.members[userid].customers.add(person)
        self._change("add_external_contact", userid, person, {"State": state})

    def remove(self, userid: str, person: str, by: str = "del_follow_user") -> None:
        """Let the customer remove the member, or the other way round."""
        self.members[userid].customers.discard(person)
        self._change(by, userid, person, {})

    def tap(self, msgid: str) -> None:
        """Let the member confirm a mass message."""
        mass = self.masses[msgid]
        customers = self.members[mass.body["sender"]].customers
        mass.status = {person: 1 if person in customers else 2 for person in mass.status}

    def tap_moments(self, userid: str) -> None:
        """Let the member publish all moments that wait."""
        for moment in self.moments.values():
            if userid not in moment.published and not moment.is_cancelled:
                moment.published.add(userid)
                self.members[userid].wall.append(moment.body["text"]["content"])

    def received(self, kf_id: str, person: str) -> list[str]:
        """Return what a customer got from the customer service."""
        return [_words(body) for body in self.kf[kf_id].sent if body["touser"] == person]

    def forget_tokens(self) -> None:
        """Take no token that was given before."""
        self._until = 0.0

    # Callbacks.

    def envelope(
        self, told: Mapping[str, str], *, at: int | None = None
    ) -> tuple[dict[str, str], bytes]:
        """Return the query and the body of a callback."""
        inner = "".join(f"<{name}>{_cdata(value)}</{name}>" for name, value in told.items())
        encrypted = self.encrypt(f"<xml>{inner}</xml>".encode())
        body = f"<xml><ToUserName>{_cdata(self.corp)}</ToUserName>"
        body += (
            f"<Encrypt>{_cdata(encrypted)}</Encrypt><AgentID>{_cdata('')}</AgentID></xml>"
        )
        return self.signed(encrypted, at=at), body.encode()

    def signed(self, encrypted: str, *, at: int | None = None) -> dict[str, str]:
        """Return a callback's query."""
        timestamp, nonce = str(at or int(time.time())), str(next(self._numbers))
        signature = self.signature(timestamp, nonce, encrypted)
        return {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce}

    def signature(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """Return what proves that a callback is WeCom's."""
        parts = sorted([self.callback_token, timestamp, nonce, encrypted])
        joined = "".join(parts).encode()
        return hashlib.sha1(joined, usedforsecurity=False).hexdigest()

    def encrypt(self, message: bytes, corp: str = "") -> str:
        """Return a message in its envelope."""
        key = base64.b64decode(self.callback_key + "=")
        plain = os.urandom(16) + struct.pack(">I", len(message)) + message
        plain += (corp or self.corp).encode()
        count = 32 - len(plain) % 32
        sealer = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
        sealed = sealer.update(plain + bytes([count]) * count) + sealer.finalize()
        return base64.b64encode(sealed).decode()

    # The API.

    async def _gettoken(self, request: web.Request) -> web.Response:
        if request.query["corpid"] != self.corp:
            raise CodeError(40013, "invalid corpid")
        if request.query["corpsecret"] != self.secret:
            raise CodeError(40001, "invalid credential")
        self._spoil(request)
        if time.time() > self._until:
            self._token = f"token{next(self._numbers)}"
            self._until = time.time() + 7200
            self.tokens_given += 1
        told = {"access_token": self._token, "expires_in": int(self._until - time.time())}
        return _ok(told)

    async def _user(self, request: web.Request) -> web.Response:
        self._check(request)
        member = self.members.get(request.query["userid"])
        if member is None:
            raise CodeError(60111, "userid not found")
        return _ok({"userid": request.query["userid"], "name": member.name})

    async def _customer(self, request: web.Request) -> web.Response:
        self._check(request)
        person = request.query["external_userid"]
        if person not in self.names:
            raise CodeError(40096, "invalid external userid")
        follows = [
            {"userid": userid}
            for userid, member in self.members.items()
            if person in member.customers
        ]
        if not follows:
            raise CodeError(84061, "not external contact")
        shown = {
            "external_userid": person,
            "name": self.names[person],
            "type": 1,
            "avatar": "http://p.qlogo.cn/0",
        }
        return _ok({"external_contact": shown, "follow_user": follows})

    async def _kf_list(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        start = body.get("offset", 0)
        ids = list(self.kf)[start : start + min(body.get("limit", 100), 100)]
        listed = [
            {"open_kfid": kf_id, "name": self.kf[kf_id].name, "avatar": "http://p/0"}
            for kf_id in ids
        ]
        return _ok({"account_list": listed})

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
        return _ok(
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
        return _ok({"msgid": msgid})

    async def _batchget(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        asked = body["external_userid_list"]
        found = [
            {"external_userid": person, "nickname": self.names[person], "avatar": ""}
            for person in asked
            if person in self.names
        ]
        missing = [person for person in asked if person not in self.names]
        return _ok({"customer_list": found, "invalid_external_userid": missing})

    async def _kf_link(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        self._kf_of(body)
        url = f"https://work.weixin.qq.com/kf/kfc1?enc_scene=ENC{body.get('scene', '')}"
        return _ok({"url": url})

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
        return _ok({"fail_list": failed, "msgid": msgid})

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
        return _ok({"next_cursor": cursor, "group_msg_list": listed[start:end]})

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
        return _ok({"next_cursor": "", "send_list": listed})

    async def _cancel_groupmsg_send(self, request: web.Request) -> web.Response:
        self.masses[(await self._body(request))["msgid"]].is_cancelled = True
        return _ok({})

    async def _add_moment_task(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if len(body["text"]["content"]) > 2000:
            raise CodeError(40058, "invalid text size")
        for attachment in body.get("attachments", []):
            self._check_media(attachment["image"]["media_id"])
        jobid, moment = f"job{next(self._numbers)}", f"mom{next(self._numbers)}"
        self.moments[jobid] = Moment(body, moment)
        return _ok({"jobid": jobid})

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
        return _ok(told)

    async def _get_moment_task(self, request: web.Request) -> web.Response:
        moment = self._moment(await self._body(request))
        users = moment.body["visible_range"]["sender_list"]["user_list"]
        listed = [
            {"userid": user, "publish_status": int(user in moment.published)}
            for user in users
        ]
        return _ok({"next_cursor": "", "task_list": listed})

    async def _cancel_moment_task(self, request: web.Request) -> web.Response:
        self._moment(await self._body(request)).is_cancelled = True
        return _ok({})

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
        return _ok({"config_id": f"config{number}", "qr_code": qr_code})

    async def _upload(self, request: web.Request) -> web.Response:
        self._check(request)
        sent = (await request.post())["media"]
        assert isinstance(sent, web.FileField)
        if not sent.filename or not sent.content_type.startswith("image/"):
            raise CodeError(40004, "invalid media type")
        media_id = f"media{next(self._numbers)}"
        way = request.path.rpartition("/")[2]
        self.uploads[media_id] = way, len(sent.file.read())
        return _ok({"type": "image", "media_id": media_id, "created_at": "1"})

    # Within.

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

    def _moment(self, body: Mapping[str, Any]) -> Moment:
        return next(
            moment
            for moment in self.moments.values()
            if moment.moment_id == body["moment_id"]
        )

    def _check_media(self, media_id: str) -> None:
        if media_id not in self.uploads:
            raise CodeError(40007, "invalid media_id")

    def _say(self, kf_id: str, item: Mapping[str, Any]) -> None:
        number = next(self._numbers)
        told = {"msgid": f"msgid{number}", "send_time": int(time.time()), **item}
        self.kf[kf_id].said.append(told)
        nudge = f"ENC{number}"
        self._nudges.add(nudge)
        event = {"Event": "kf_msg_or_event", "Token": nudge, "OpenKfId": kf_id}
        self.call_back(dict(self._event(event)))

    def _change(self, kind: str, userid: str, person: str, more: Mapping[str, str]) -> None:
        event = {
            "Event": "change_external_contact",
            "ChangeType": kind,
            "UserID": userid,
            "ExternalUserID": person,
        }
        self.call_back(dict(self._event({**event, **more})))

    def _event(self, event: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        yield "ToUserName", self.corp
        yield "FromUserName", "sys"
        yield "CreateTime", str(int(time.time()))
        yield "MsgType", "event"
        yield from event.items()


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


def _words(body: Mapping[str, Any]) -> str:
    if body["msgtype"] == "msgmenu":
        lines = [f"[{item['view']['content']}]" for item in body["msgmenu"]["list"]]
        return "\n".join([body["msgmenu"]["head_content"], *lines])
    return str(body["text"]["content"])


def _ok(told: Mapping[str, Any]) -> web.Response:
    return web.json_response({"errcode": 0, "errmsg": "ok", **told})


def _cdata(text: str) -> str:
    return f"<![CDATA[{text}]]>"


@pytest.fixture
def wecom() -> FakeWeCom:
    """Give a fake WeCom that is not yet running."""
    return FakeWeCom()
