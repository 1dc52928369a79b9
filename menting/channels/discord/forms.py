"""The bodies of messages and threads."""

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import Any

import aiohttp

from menting.channels.base import Image, Outgoing

MOST_TITLE = 100
ROW = 5  # buttons in a row
FILE_NAME = "picture"


def message(sent: Outgoing) -> dict[str, Any]:
    """Return a message of a conversation or channel, known by its nonce.

    https://docs.discord.com/developers/resources/message#create-message
    """
    body = _content(sent) | {"nonce": nonce(sent.key), "enforce_nonce": True}
    if sent.answers is not None:
        body["message_reference"] = {
            "message_id": sent.answers.id,
            # What was answered may be deleted by now; the answer goes out all the same.
            "fail_if_not_exists": False,
        }
    return body


def thread(sent: Outgoing) -> dict[str, Any]:
    """Return a thread of a forum; its first line is its title.

    https://docs.discord.com/developers/resources/channel#start-thread-in-forum-or-media-channel
    """
    title = sent.text.strip().partition("\n")[0][:MOST_TITLE]
    return {"name": title, "message": _content(sent)}


def with_file(body: dict[str, Any], image: Image) -> aiohttp.FormData:
    """Return a body with its picture, as a form."""
    form = aiohttp.FormData()
    form.add_field("payload_json", json.dumps(body), content_type="application/json")
    form.add_field(
        "files[0]", image.content, filename=FILE_NAME, content_type=image.media_type
    )
    return form


def nonce(key: str) -> str:
    """Return 24 characters of a key: Discord takes 25 at most."""
    return urlsafe_b64encode(hashlib.sha256(key.encode()).digest()[:18]).decode()


def _content(sent: Outgoing) -> dict[str, Any]:
    # Nobody is called by what a text happens to contain, @everyone least of all.
    body: dict[str, Any] = {"content": sent.text, "allowed_mentions": {"parse": []}}
    if sent.buttons:
        shown = [
            {"type": 2, "style": 5, "label": one.label, "url": one.url}
            for one in sent.buttons
        ]
        body["components"] = [
            {"type": 1, "components": shown[start : start + ROW]}
            for start in range(0, len(shown), ROW)
        ]
    if sent.image is not None:
        picture = {"id": 0, "filename": FILE_NAME, "description": sent.image.alt}
        body["attachments"] = [picture]
    return body
