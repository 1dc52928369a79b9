"""Visitors of spaces sign in with QQ."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib import auth
from django.db import IntegrityError
from django.test import Client

from menting.base import config
from menting.users.models import Role, User
from tests.fakes.qq_connect import QQConnect, running

pytestmark = pytest.mark.django_db


@pytest.fixture
def qq(monkeypatch: pytest.MonkeyPatch) -> Iterator[QQConnect]:
    with running(QQConnect()) as platform:
        monkeypatch.setenv("MENTING_QQ_CONNECT__API", platform.url)
        config.current.cache_clear()
        yield platform
    monkeypatch.undo()
    config.current.cache_clear()


def _start(client: Client, after: str = "/@shop/me") -> str:
    started = client.post("/accounts/qq/login/", {"next": after})
    assert started.status_code == 302
    return str(started.headers["Location"])


def _sign_in(client: Client, qq: QQConnect) -> str:
    """Go the whole way; return where the browser ends."""
    back = urlsplit(qq.agree(_start(client)))
    ended = client.get(f"{back.path}?{back.query}")
    return str(ended.headers.get("Location", ended.status_code))


def test_a_visitor_signs_in_and_only_a_name_and_a_picture_are_kept(
    client: Client, qq: QQConnect
) -> None:
    assert _sign_in(client, qq) == "/@shop/me"
    user = User.objects.get()
    assert (user.name, user.email, user.role) == ("林见山", None, Role.NONE)
    kept = SocialAccount.objects.get()
    assert kept.uid == qq.openid
    assert set(kept.extra_data) == {
        *("openid", "nickname", "figureurl_qq_1", "figureurl_qq_2")
    }
    assert not SocialToken.objects.exists()


def test_the_same_person_again_is_the_same_visitor_under_a_new_nickname(
    client: Client, qq: QQConnect
) -> None:
    _sign_in(client, qq)
    qq.nickname = "林"
    _sign_in(Client(), qq)
    qq.openid = "0" * 32
    _sign_in(Client(), qq)
    assert User.objects.count() == 2
    assert [one.extra_data["nickname"] for one in SocialAccount.objects.order_by("pk")] == [
        "林",
        "林",
    ]


def test_a_visitor_has_no_way_into_the_console(client: Client, qq: QQConnect) -> None:
    _sign_in(client, qq)
    assert client.get("/console/").status_code in (302, 403)


def test_an_operator_who_is_signed_in_is_not_bound_to_a_qq(
    client: Client, qq: QQConnect
) -> None:
    owner = User.objects.create_user("owner@example.org", role=Role.OWNER)
    client.force_login(owner)
    back = urlsplit(qq.agree(_start(client)))
    client.get(f"{back.path}?{back.query}&process=connect")
    assert not SocialAccount.objects.exists()


def test_a_state_of_another_browser_signs_nobody_in(client: Client, qq: QQConnect) -> None:
    back = urlsplit(qq.agree(_start(client)))
    stranger = Client()
    stranger.get(f"{back.path}?{back.query}")
    assert not auth.get_user(stranger).is_authenticated
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/oauth2.0/token", b'{"error": 100020, "error_description": "code is reused"}'),
        ("/oauth2.0/me", b'callback( {"error": 100016, "error_description": "x"} );'),
        ("/oauth2.0/me", b'{"client_id": "another site", "openid": "A"}'),
        ("/oauth2.0/me", b"<html>"),
        ("/oauth2.0/me", b"[]"),
        ("/user/get_user_info", b'{"ret": -23, "msg": "token is invalid"}'),
    ],
)
def test_whatever_qq_refuses_signs_nobody_in(
    client: Client, qq: QQConnect, path: str, answer: bytes
) -> None:
    qq.instead[path] = answer
    assert _sign_in(client, qq) in ("200", "401", "403")
    assert not User.objects.exists()


def test_jsonp_is_read_as_well(client: Client, qq: QQConnect) -> None:
    body = f'callback( {{"client_id":"{qq.client_id}","openid":"{qq.openid}"}} );\n'
    qq.instead["/oauth2.0/me"] = body.encode()
    assert _sign_in(client, qq) == "/@shop/me"


def test_a_form_may_lead_to_qq_and_nowhere_else(client: Client, qq: QQConnect) -> None:
    policy = client.get("/accounts/login/").headers["Content-Security-Policy"]
    assert f"form-action 'self' {qq.url};" in policy


def test_an_operator_has_an_address() -> None:
    with pytest.raises(IntegrityError):
        User.objects.create(email=None, role=Role.OWNER)
