"""WeCom's envelope and the fake API against wechatpy, which shares no code with either."""

import asyncio
import json
import time
from typing import Any

from menting.base import clock
from menting.channels.hook import Hook
from menting.channels.wecom import callback
from tests.fakes import sdk
from tests.fakes.wecom import FakeWeCom

SDK = ("wechatpy==1.8.18", "cryptography", "setuptools<81")

OPENS = """
import sys
from wechatpy.enterprise.crypto import WeChatCrypto
token, key, corp, body, signature, timestamp, nonce, echo, echo_signature = sys.argv[1:]
crypto = WeChatCrypto(token, key, corp)
print(crypto.decrypt_message(body, signature, timestamp, nonce))
print(crypto.check_signature(echo_signature, timestamp, nonce, echo))
"""

SEALS = """
import sys
from wechatpy.enterprise.crypto import WeChatCrypto
token, key, corp, message, timestamp = sys.argv[1:]
print(WeChatCrypto(token, key, corp).encrypt_message(message, "nonce1", timestamp))
"""

CALLS = """
import json, sys
import requests
from wechatpy.enterprise import WeChatClient
from wechatpy.exceptions import WeChatClientException
url, corp, secret, person, picture = sys.argv[1:]
WeChatClient.API_BASE_URL = url + "/cgi-bin/"

def token(secret):
    # Its own way to a token has the platform's address written in.
    query = {"corpid": corp, "corpsecret": secret}
    return requests.get(url + "/cgi-bin/gettoken", params=query).json()

client = WeChatClient(corp, secret, access_token=token(secret)["access_token"])
external = client.external_contact
errors = []
for call in (
    lambda: client.user.get("nobody"),
    lambda: external.get("wm-nobody"),
    lambda: external.add_msg_template(
        {"external_userid": ["wm-nobody"], "sender": "zhangsan", "text": {"content": "x"}}
    ),
):
    try:
        call()
    except WeChatClientException as error:
        errors.append(error.errcode)
media = client.media.upload("image", ("shop.png", bytes.fromhex(picture), "image/png"))
print(json.dumps({
    "name": client.user.get("zhangsan")["name"],
    "customer": external.get(person)["external_contact"]["name"],
    "sent": external.add_msg_template(
        {"external_userid": [person], "sender": "zhangsan", "text": {"content": "open"}}
    )["fail_list"],
    "way": external.add_contact_way(1, 2, state="fair", user=["zhangsan"])["qr_code"][:8],
    "media": media["type"],
    "errors": [*errors, token("wrong")["errcode"]],
}))
"""


async def _run(script: str, *given: str) -> str:
    def _started() -> str:
        return sdk.run(sdk.python(*SDK), script, *given)

    return await asyncio.to_thread(_started)


async def test_an_independent_library_opens_the_fake_s_envelopes() -> None:
    server = FakeWeCom()
    query, body = server.envelope({"Event": "kf_msg_or_event", "State": "春 & 秋"})
    echo = server.encrypt(b"1616140317555161061")
    signature, timestamp, nonce = (
        query[name] for name in ("msg_signature", "timestamp", "nonce")
    )
    echo_signature = server.signature(timestamp, nonce, echo)
    opened = await _run(
        OPENS,
        *(server.callback_token, server.callback_key, server.corp, body.decode()),
        *(signature, timestamp, nonce, echo, echo_signature),
    )
    assert "<![CDATA[春 & 秋]]>" in opened
    assert opened.splitlines()[-1] == "1616140317555161061"


async def test_the_channel_opens_an_independent_library_s_envelopes() -> None:
    server, timestamp = FakeWeCom(), str(int(time.time()))
    keys = callback.Keys(server.callback_token, server.callback_key, server.corp)
    for length in range(5):  # each length of padding matters; a few stand for all
        message = f"<xml><State>{'好' * length}</State></xml>"
        sealed = await _run(SEALS, *keys, message, timestamp)
        envelope = callback.fields(sealed.encode())
        query = {
            "msg_signature": envelope["MsgSignature"],
            "timestamp": timestamp,
            "nonce": "nonce1",
        }
        hook = Hook("POST", "", query, {}, sealed.encode(), clock.now())
        assert callback.opened(hook, keys).decode() == message


async def test_an_independent_client_calls_the_fake() -> None:
    async with FakeWeCom().running() as server:
        server.add_member("zhangsan", "Zhang San")
        person = server.customer("Lin")
        server.members["zhangsan"].customers.add(person)
        given = (server.url, server.corp, server.secret, person, b"\x89PNG".hex())
        told: dict[str, Any] = json.loads(await _run(CALLS, *given))
    assert told == {
        "name": "Zhang San",
        "customer": "Lin",
        "sent": [],
        "way": "https://",
        "media": "image",
        "errors": [60111, 40096, 84061, 40001],
    }
