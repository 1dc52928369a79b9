"""What customers and members do at a fake WeCom, and the callbacks that tell of it."""

import base64
import hashlib
import itertools
import os
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.fakes.platform import FakePlatform
from tests.fakes.wecom_state import KfAccount, Mass, Member, Moment


class WeComPeople(FakePlatform):
    """One corp with one app, and those who know it."""

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


def _words(body: Mapping[str, Any]) -> str:
    if body["msgtype"] == "msgmenu":
        lines = [f"[{item['view']['content']}]" for item in body["msgmenu"]["list"]]
        return "\n".join([body["msgmenu"]["head_content"], *lines])
    return str(body["text"]["content"])


def _cdata(text: str) -> str:
    return f"<![CDATA[{text}]]>"
