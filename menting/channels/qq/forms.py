"""How a message is written for QQ: the best form first, then what is left if it is refused.

msg_type 0 text, 2 Markdown, 7 media; buttons hang on Markdown alone.
https://bot.q.qq.com/wiki/develop/api-v2/server-inter/message/send-receive/send.html
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from menting.channels import base

#: A button shows so many characters; a row holds five, a keyboard five rows.
LABEL_CHARS, ROW, ROWS = 10, 5, 5
#: In msg_type 0 channels know no type at all, and neither pictures nor buttons by it.
RICH = frozenset({"c2c", "group"})
TITLE_CHARS = 30

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-!|~])")


class Form(NamedTuple):
    """One way to write a message; `number` tells it from the others of the message."""

    number: int
    body: dict[str, Any]


def of(message: base.Outgoing, kind: str, *, file: str, markdown: bool) -> list[Form]:
    """Return the forms to try one after the other; `file` is an uploaded picture."""
    texts = [(1, with_links(message.text, message.buttons))]
    if message.buttons:
        texts.append((2, message.text))
    if file:
        media = {"msg_type": 7, "media": {"file_info": file}}
        return [Form(number + 2, {**media, "content": text}) for number, text in texts]
    written = [Form(number, _text(text, kind)) for number, text in texts]
    if message.buttons and kind in RICH and markdown:
        return [Form(0, _markdown(message)), *written]
    return written


def with_links(text: str, buttons: Iterable[base.Button]) -> str:
    """Return the text with its links below, for where there are no buttons."""
    return "\n".join([text, *(f"{button.label}: {button.url}" for button in buttons)])


def thread(message: base.Outgoing) -> dict[str, Any]:
    """Return a post for a forum; its title is the beginning of its first line."""
    title = message.text.strip().partition("\n")[0][:TITLE_CHARS]
    content = with_links(message.text, message.buttons)
    return {"title": title, "content": content, "format": 1}


def sequence(key: str, form: int) -> int:
    """Return the msg_seq of a key: at every retry the same, for every form another.

    31 bits: of the five answers that QQ allows, two share one with a chance of 1 in 10^8.
    """
    digest = hashlib.sha256(f"{form} {key}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % (2**31 - 1) + 1


def _text(text: str, kind: str) -> dict[str, Any]:
    return {"msg_type": 0, "content": text} if kind in RICH else {"content": text}


def _markdown(message: base.Outgoing) -> dict[str, Any]:
    return {
        "msg_type": 2,
        "markdown": {"content": _MARKDOWN.sub(r"\\\1", message.text)},
        "keyboard": {"content": {"rows": _rows(message.buttons)}},
    }


def _rows(buttons: Sequence[base.Button]) -> list[dict[str, Any]]:
    shown = [_button(n, button) for n, button in enumerate(buttons[: ROW * ROWS])]
    return [{"buttons": shown[n : n + ROW]} for n in range(0, len(shown), ROW)]


def _button(number: int, button: base.Button) -> dict[str, Any]:
    label = button.label[:LABEL_CHARS]
    return {
        "id": str(number),
        "render_data": {"label": label, "visited_label": label, "style": 1},
        # type 0 opens an address, permission 2 is everybody.
        "action": {"type": 0, "permission": {"type": 2}, "data": button.url},
    }
