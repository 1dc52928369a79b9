"""The fake of QQ Connect, signed in at by another project's client of it."""

import json

from tests.fakes import sdk
from tests.fakes.qq_connect import QQConnect, running

SCRIPT = """
import json, sys
from social_core.backends.qq import QQOAuth2
from social_core.strategy import BaseStrategy
from social_core.storage import BaseStorage

url, way, code = sys.argv[1:]

class Strategy(BaseStrategy):
    session = {"qq_state": "state"}
    def get_setting(self, name):
        told = {"SOCIAL_AUTH_QQ_KEY": "101234567", "SOCIAL_AUTH_QQ_SECRET": "test-secret"}
        return told[name]
    def request_data(self, merge=True): return {"code": code, "state": "state"}
    def request_host(self): return "testserver"
    def build_absolute_uri(self, path=None): return path
    def session_get(self, name, default=None): return self.session.get(name, default)
    def session_set(self, name, value): self.session[name] = value
    def session_pop(self, name): return self.session.pop(name, None)
    def session_setdefault(self, name, value): return self.session.setdefault(name, value)

class QQ(QQOAuth2):
    AUTHORIZATION_URL = url + "/oauth2.0/authorize"
    ACCESS_TOKEN_URL = url + "/oauth2.0/token"
    OPENID_URL = url + "/oauth2.0/me"

backend = QQ(Strategy(BaseStorage), redirect_uri="http://testserver/back")
backend.OPENID_URL = url + "/oauth2.0/me"
if way == "start":
    print(backend.auth_url())
else:
    token = backend.request_access_token(
        backend.access_token_url(), params=backend.auth_complete_params("state"),
        headers=backend.auth_headers(), auth=backend.auth_complete_credentials(),
        method=backend.ACCESS_TOKEN_METHOD)
    held = {"access_token": token["access_token"]}
    answer = backend.request(url + "/oauth2.0/me", params=held)
    openid = json.loads(answer.text[10:-3])["openid"]
    asked = {**held, "oauth_consumer_key": "101234567", "openid": openid}
    info = backend.get_json(url + "/user/get_user_info", params=asked)
    print(json.dumps(backend.get_user_details(info)))
"""


def test_another_client_signs_in() -> None:
    python = sdk.python("social-auth-core==4.9.1")
    with running(QQConnect()) as platform:
        address = sdk.run(python, SCRIPT, platform.url, "start", "").strip()
        back = platform.agree(address)
        code = back.partition("code=")[2].partition("&")[0]
        told = json.loads(sdk.run(python, SCRIPT, platform.url, "back", code))
    assert told["username"] == platform.nickname
