"""WeCom's API and its callbacks as the documentation describes them."""

import time

import pytest
from aiohttp import web
from typing_extensions import override

from tests.fakes.wecom_contacts import Contacts
from tests.fakes.wecom_kf import CustomerService
from tests.fakes.wecom_state import CodeError, ok


class FakeWeCom(CustomerService, Contacts):
    """One corp with one app, which serves its customer service and its customers."""

    @override
    def routes(self) -> list[web.RouteDef]:
        root = "/cgi-bin"
        return [
            web.get(f"{root}/gettoken", self._gettoken),
            web.get(f"{root}/user/get", self._user),
            web.get(f"{root}/externalcontact/get", self._customer),
            web.post(f"{root}/media/upload", self._upload),
            web.post(f"{root}/media/upload_attachment", self._upload),
            *self.kf_routes(),
            *self.contact_routes(),
        ]

    @override
    def refuses(self, error: Exception) -> web.Response | None:
        if not isinstance(error, CodeError):
            return None
        hint = f"{error.message}, hint: [1], from ip: 127.0.0.1, more info at https://open"
        return web.json_response({"errcode": error.code, "errmsg": hint})

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
        return ok(told)

    async def _user(self, request: web.Request) -> web.Response:
        self._check(request)
        member = self.members.get(request.query["userid"])
        if member is None:
            raise CodeError(60111, "userid not found")
        return ok({"userid": request.query["userid"], "name": member.name})

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
        return ok({"external_contact": shown, "follow_user": follows})

    async def _upload(self, request: web.Request) -> web.Response:
        self._check(request)
        sent = (await request.post())["media"]
        assert isinstance(sent, web.FileField)
        if not sent.filename or not sent.content_type.startswith("image/"):
            raise CodeError(40004, "invalid media type")
        media_id = f"media{next(self._numbers)}"
        way = request.path.rpartition("/")[2]
        self.uploads[media_id] = way, len(sent.file.read())
        return ok({"type": "image", "media_id": media_id, "created_at": "1"})


@pytest.fixture
def wecom() -> FakeWeCom:
    """Give a fake WeCom that is not yet running."""
    return FakeWeCom()
