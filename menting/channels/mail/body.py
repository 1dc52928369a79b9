"""A mail's body with the headers that describe it: ready bytes, in seven bits."""

import binascii
import html
import quopri
from email.message import EmailMessage
from email.policy import SMTP
from functools import lru_cache

from menting.channels.base import Button, Image, Outgoing

#: RFC 5322, 2.1.1, without CRLF.
MOST_LINE = 998
_SEVEN_BITS = SMTP.clone(cte_type="7bit")
_ASCII = bytes(range(128))
_HTML = (
    '<!doctype html><html><head><meta charset="utf-8"></head>'
    '<body style="font-family: sans-serif">{inner}</body></html>'
)
_BUTTON = (
    '<p><a href="{url}" style="display: inline-block; padding: .6em 1em;'
    ' border-radius: 4px; background: #2f5d50; color: #fff; text-decoration: none">'
    "{label}</a></p>"
)


def of(message: Outgoing) -> bytes:
    """Return header lines, an empty line and the body, with CRLF at each end of line.

    Seven bits whatever the server offers: a relay that recodes eight of them on the way
    breaks a DKIM signature (RFC 6376, 5.3).
    """
    if message.image is None and not message.buttons:
        return _plain(message.text)
    return _rich(message.text, message.buttons, message.image)


# A campaign's text is mostly the same for all: it is encoded once.
@lru_cache(maxsize=64)
def _plain(text: str) -> bytes:
    raw = "\r\n".join(text.splitlines()).encode("utf-8", "replace") + b"\r\n"
    encoding, body = _in_seven_bits(raw)
    head = (
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}"
    )
    return head.encode() + b"\r\n\r\n" + body


def _in_seven_bits(raw: bytes) -> tuple[str, bytes]:
    if raw.isascii() and max(map(len, raw.split(b"\r\n"))) <= MOST_LINE:
        return "7bit", raw
    # Each foreign byte takes three; base64 takes four for three of any kind.
    if len(raw.translate(None, delete=_ASCII)) * 6 < len(raw):
        return "quoted-printable", quopri.encodestring(raw)
    coded = binascii.b2a_base64(raw, newline=False)
    return "base64", b"".join(
        coded[at : at + 76] + b"\r\n" for at in range(0, len(coded), 76)
    )


def _rich(text: str, buttons: tuple[Button, ...], image: Image | None) -> bytes:
    plain, page = EmailMessage(policy=_SEVEN_BITS), EmailMessage(policy=_SEVEN_BITS)
    plain.set_content("\n\n".join([text, *(f"{one.label}: {one.url}" for one in buttons)]))
    page.set_content(_page(text, buttons, image), subtype="html")
    if image is not None:
        main, _, sub = image.media_type.partition("/")
        page.add_related(
            image.content, maintype=main, subtype=sub, cid="<image>", disposition="inline"
        )
    plain.make_alternative()
    plain.attach(page)
    for part in (plain, page):
        del part["MIME-Version"]  # it stands once, in the frame
    return bytes(plain)


def _page(text: str, buttons: tuple[Button, ...], image: Image | None) -> str:
    blocks = [
        f"<p>{html.escape(block).replace(chr(10), '<br>')}</p>"
        for block in text.split("\n\n")
    ]
    if image is not None:
        alt = html.escape(image.alt)
        blocks.append(f'<p><img src="cid:image" alt="{alt}" style="max-width: 100%"></p>')
    blocks += [
        _BUTTON.format(url=html.escape(one.url), label=html.escape(one.label))
        for one in buttons
    ]
    return _HTML.format(inner="".join(blocks))
