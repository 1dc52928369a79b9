"""QQ Connect for websites, from wiki.connect.qq.com: authorize, token, me, get_user_info.

Errors come as JSON with `error`, also where the status is 200, as the documentation says.
"""

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from typing_extensions import override

#: The documented numbers: wrong client, wrong secret, code reused, token not good.
NO_CLIENT, NO_SECRET, CODE_USED, TOKEN_BAD = 100008, 100009, 100020, 100016


@dataclass
class QQConnect:
    """One site's entry and the people who sign in."""

    client_id: str = "101234567"
    client_secret: str = "test-secret"
    redirect_host: str = "testserver"
    nickname: str = "林见山"
    openid: str = field(default_factory=lambda: secrets.token_hex(16).upper())
    #: The next answer of a path, in place of the true one.
    instead: dict[str, bytes] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    url: str = ""

    def agree(self, address: str) -> str:
        """Say yes as a person on QQ's page; return where the browser is sent back to."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["response_type"] == "code"
        assert asked["client_id"] == self.client_id
        assert asked["state"]
        back = asked["redirect_uri"]
        assert urlsplit(back).hostname == self.redirect_host
        code = secrets.token_hex(16)
        self.codes[code] = back
        return f"{back}?{urlencode({'code': code, 'state': asked['state']})}"

    def answer(self, path: str, query: dict[str, str]) -> bytes:
        """Answer one call."""
        if path in self.instead:
            return self.instead.pop(path)
        told = {
            "/oauth2.0/token": self._token,
            "/oauth2.0/me": self._me,
            "/user/get_user_info": self._info,
        }[path](query)
        text = json.dumps(told, ensure_ascii=False)
        is_json = query.get("fmt") == "json" or path.startswith("/user/")
        if path.endswith("token") and not is_json and "error" not in told:
            return urlencode(told).encode()
        return (text if is_json else f"callback( {text} );\n").encode()

    def _token(self, query: dict[str, str]) -> dict[str, Any]:
        if query.get("client_id") != self.client_id:
            return {"error": NO_CLIENT, "error_description": "client id is illegal"}
        if query.get("client_secret") != self.client_secret:
            return {"error": NO_SECRET, "error_description": "client secret is illegal"}
        if self.codes.pop(query.get("code", ""), None) != query.get("redirect_uri"):
            return {"error": CODE_USED, "error_description": "code is reused error"}
        token = secrets.token_hex(16).upper()
        self.tokens.add(token)
        refresh = secrets.token_hex(16)
        return {"access_token": token, "expires_in": "7776000", "refresh_token": refresh}

    def _me(self, query: dict[str, str]) -> dict[str, Any]:
        if query.get("access_token") not in self.tokens:
            return {"error": TOKEN_BAD, "error_description": "access token check failed"}
        return {"client_id": self.client_id, "openid": self.openid}

    def _info(self, query: dict[str, str]) -> dict[str, Any]:
        asked = (query.get("oauth_consumer_key"), query.get("openid"))
        is_good = query.get("access_token") in self.tokens
        if not is_good or asked != (self.client_id, self.openid):
            return {"ret": -23, "msg": "token is invalid"}
        return {
            "ret": 0,
            "msg": "",
            "is_lost": 0,
            "nickname": self.nickname,
            "gender": "男",
            "province": "江苏",
            "city": "淮安",
            "year": "1988",
            "figureurl_qq_1": "http://thirdqq.qlogo.cn/40",
            "figureurl_qq_2": "http://thirdqq.qlogo.cn/100",
        }


@contextmanager
def running(platform: QQConnect) -> Iterator[QQConnect]:
    """Listen on loopback within the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = platform.answer(parts.path, dict(parse_qsl(parts.query)))
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        #: Other clients of the platform send this where the documentation says GET.
        do_POST = do_GET  # noqa: N815  # the name that http.server looks for

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    platform.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield platform
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
