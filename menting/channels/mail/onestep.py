"""The page and the one click that end what a person agreed to (RFC 8058)."""

import hashlib
import html
import re
from urllib.parse import parse_qs

from menting.base import crypto
from menting.channels.base import Account, Event, EventType, Peer, Profile
from menting.channels.hook import ForgedError, Hook, HookAnswer, MalformedError
from menting.channels.mail import proof

_PATH = re.compile(r"([^/\s]+@[^/\s]+)/unsubscribe/([A-Za-z0-9_-]{1,600})")
_FORM = re.compile(
    rb'name="?List-Unsubscribe"?[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\nOne-Click\r\n',
    re.IGNORECASE,
)
_PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>{title}</title></head>
<body><main><h1>{title}</h1><p>{text}</p>{form}</main></body></html>
"""
_BUTTON = (
    '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
    "<button>{label}</button></form>"
)
#: No Django below the channels, so no gettext either: title, text and button, and what
#: is said when it is done.
_WORDS = {
    "en": (
        ("No more mail?", "{name} will no longer write to you.", "Unsubscribe"),
        ("You are unsubscribed", "{name} no longer writes to you.", ""),
    ),
    "zh-Hans": (
        ("不再接收邮件？", "{name} 将不再给您写信。", "退订"),
        ("您已退订", "{name} 不再给您写信。", ""),
    ),
}


def addressee(hook: Hook) -> str:
    """Return the account in a link's path. Raises MalformedError."""
    return _parts(hook)[0]


def take(hook: Hook, account: Account) -> HookAnswer:
    """End the agreement at once on a POST; a GET, also a scanner's, only shows a page.

    Raises ForgedError when the link is not ours, and MalformedError.
    """
    _, token = _parts(hook)
    try:
        person = proof.holder(account.handle, token)
    except crypto.CannotOpenError as error:
        raise ForgedError("the link is not of this account") from error
    if hook.method in ("GET", "HEAD"):
        return _page(hook, account, is_done=False)
    if hook.method != "POST" or not _is_one_click(hook.body):
        raise MalformedError("it must be a POST of List-Unsubscribe=One-Click")
    return _page(hook, account, is_done=True, events=(_left(hook, token, person),))


def _parts(hook: Hook) -> tuple[str, str]:
    found = _PATH.fullmatch(hook.path)
    if found is None:
        raise MalformedError("the link must be HANDLE/unsubscribe/TOKEN")
    return found[1], found[2]


def _is_one_click(body: bytes) -> bool:
    """Say whether it is the form of RFC 8058, in either of its two encodings."""
    if _FORM.search(body):
        return True
    told = parse_qs(body.decode("latin-1"), max_num_fields=20)
    return "One-Click" in told.get("List-Unsubscribe", [])


def _left(hook: Hook, token: str, person: str) -> Event:
    # Another click counts anew, for the person may have agreed again in between; a form
    # sent twice does not.
    digest = hashlib.sha256(token.encode()).hexdigest()[:32]
    return Event(
        f"one-click:{digest}:{hook.at:%Y%m%d%H%M%S}",
        EventType.LEFT,
        Peer(person, "user"),
        Profile(person),
        hook.at,
    )


def _page(
    hook: Hook, account: Account, *, is_done: bool, events: tuple[Event, ...] = ()
) -> HookAnswer:
    lang = _language(hook.headers.get("accept-language", ""))
    title, text, label = _WORDS[lang][is_done]
    name = html.escape(account.name or account.handle)
    page = _PAGE.format(
        lang=lang,
        title=title,
        text=text.format(name=name),
        form=_BUTTON.format(label=label) if label else "",
    )
    return HookAnswer(
        body=page.encode(),
        content_type="text/html; charset=utf-8",
        events={account.handle: events} if events else {},
    )


def _language(accepted: str) -> str:
    """Return the first language of ours that the browser names; most name them in order."""
    for part in accepted.split(","):
        name = part.partition(";")[0].strip().lower()
        if name.startswith("zh"):
            return "zh-Hans"
        if name.startswith("en"):
            return "en"
    return "en"
