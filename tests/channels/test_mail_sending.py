"""The mails that go out, and what a mail server's answers prove."""

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from menting.base import config
from menting.channels import base
from menting.channels.base import Button, Image, Inbound, Outgoing
from menting.channels.mail import address, letter, proof, refusal
from menting.channels.mail.signing import BadKeyError, Signer
from tests.channels.mails import ANN, AT, SHOP
from tests.servers.correspondent import text_of

_KEY = rsa.generate_private_key(65537, 2048)
_PEM = _KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let people reach the house by https."""
    monkeypatch.setenv("MENTING_PUBLIC_URL", "https://desk.example.org")
    config.current.cache_clear()
    yield
    config.current.cache_clear()


def _made(message: Outgoing, *, name: str = "Shop", subject: str = "") -> EmailMessage:
    return _read(_content(message, name=name, subject=subject))


def _content(message: Outgoing, *, name: str = "Shop", subject: str = "") -> bytes:
    frame = letter.Frame(SHOP, name)
    return frame.letter(ANN, message, subject=subject, at=AT).content


def _read(content: bytes) -> EmailMessage:
    read = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(read, EmailMessage)
    assert not read.defects
    return read


@given(st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" \n")))
def test_any_text_arrives_as_it_was_in_seven_bits(text: str) -> None:
    content = _content(Outgoing("k", text))
    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert text_of(_read(content)) == "\n".join(text.splitlines())


@given(st.text(max_size=200), st.text(max_size=80))
def test_no_text_or_name_makes_a_header_of_its_own(text: str, name: str) -> None:
    mail = _made(Outgoing("k", text), name=name)
    assert set(mail.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"),
        *("List-Unsubscribe", "Auto-Submitted"),
        *("Content-Type", "Content-Transfer-Encoding"),
    }
    assert mail["From"].addresses[0].addr_spec == SHOP


def test_dots_at_the_start_of_lines_are_doubled() -> None:
    content = _content(Outgoing("k", ".\n..\nend."))
    assert letter.on_the_wire(content).endswith(b"\r\n\r\n..\r\n...\r\nend.\r\n")


def test_the_message_id_is_the_same_at_every_try_and_differs_by_recipient() -> None:
    one = proof.message_id(SHOP, "key", ANN)
    assert one == proof.message_id(SHOP, "key", ANN)
    assert one != proof.message_id(SHOP, "key", "bob@people.test")
    assert one.startswith("<key.")
    assert one.endswith("@shop.test>")
    assert proof.is_ours(SHOP, proof.message_id(SHOP, "an odd: key", ANN), ANN)


def test_the_first_line_is_the_subject() -> None:
    assert _made(Outgoing("k", "\n 周日开门 ☀ \nmore"))["Subject"] == "周日开门 ☀"
    assert len(str(_made(Outgoing("k", "long " * 100))["Subject"])) == 100
    assert _made(Outgoing("k", "=?utf-8?q?trick?="))["Subject"] == "=?utf-8?q?trick?="


def test_an_answer_stands_in_the_thread_of_what_it_answers() -> None:
    answered = Inbound("<7@people.test>", AT)
    mail = _made(Outgoing("k", "yes", answers=answered), subject="Open on Sunday?")
    assert mail["Subject"] == "Re: Open on Sunday?"
    assert mail["In-Reply-To"] == mail["References"] == "<7@people.test>"
    assert mail["List-Unsubscribe"] is None
    again = _made(Outgoing("k", "yes", answers=answered), subject="回复：营业时间")
    assert again["Subject"] == "回复：营业时间"


def test_a_mail_without_an_id_is_answered_without_naming_it() -> None:
    mail = _made(Outgoing("k", "yes", answers=Inbound("sha256:00", AT)))
    assert mail["In-Reply-To"] is None
    assert mail["Subject"] == "yes"


@pytest.mark.usefixtures("public")
def test_a_campaign_s_mail_can_be_unsubscribed_by_one_click() -> None:
    mail = _made(Outgoing("k", "news"))
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link, mailto = str(mail["List-Unsubscribe"]).split(", ")
    root = f"<https://desk.example.org/hooks/mail/{SHOP.replace('@', '%40')}/unsubscribe/"
    assert link.startswith(root)
    assert mailto.startswith(f"<mailto:{SHOP.replace('@', '%40')}?subject=unsubscribe%20")
    assert "ann" not in str(mail["List-Unsubscribe"])


def test_without_https_nobody_is_promised_one_click() -> None:
    mail = _made(Outgoing("k", "news"))
    assert mail["List-Unsubscribe-Post"] is None
    assert "http://localhost" in str(mail["List-Unsubscribe"])


def test_buttons_and_a_picture_stand_in_html_beside_the_text() -> None:
    image = Image(b"\x89PNG\r\n", "image/png", "the <shop>")
    button = Button("Look & see", "https://shop.test/?a=1&b=2")
    mail = _made(Outgoing("k", "first\n\nsecond <3", image=image, buttons=(button,)))
    assert "Look & see: https://shop.test/?a=1&b=2" in text_of(mail)
    page = mail.get_body(("html",))
    assert isinstance(page, EmailMessage)
    shown = page.get_content()
    assert 'href="https://shop.test/?a=1&amp;b=2"' in shown
    assert "second &lt;3" in shown
    assert 'alt="the &lt;shop&gt;"' in shown
    [picture] = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture["Content-ID"] == "<image>"
    assert picture.get_payload(decode=True) == b"\x89PNG\r\n"


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize("text", ["hello", "周日开门 ☀ " * 40, ".dots\n\n  spaces  \n\n"])
def test_a_signature_covers_both_headers_of_unsubscribing(text: str) -> None:
    signer = Signer("s1", _PEM.replace("\n", "\\n"), domain="shop.test")
    signed = signer.sign(_content(Outgoing("k", text)))
    assert dkim.verify(signed, dnsfunc=_dns)
    named = signed.partition(b" h=")[2].partition(b";")[0]
    covered = {name.strip() for name in named.split(b":")}
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"from", b"to"} <= covered
    for broken in (
        signed.replace(b"One-Click", b"Two-Click"),
        signed.replace(b"Content-Type: text/plain", b"Content-Type: text/html"),
        signed + b"more\r\n",
    ):
        assert not dkim.verify(broken, dnsfunc=_dns)


def _dns(name: bytes, timeout: int = 5) -> bytes:
    assert name == b"s1._domainkey.shop.test."
    public_key = _KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return b"v=DKIM1; k=rsa; p=" + b"".join(public_key.splitlines()[1:-1])


@pytest.mark.parametrize("key", ["", "nonsense", _PEM[:200]])
def test_a_key_that_cannot_sign_is_told(key: str) -> None:
    with pytest.raises(BadKeyError):
        Signer("s1", key, domain="shop.test")


@pytest.mark.parametrize(
    "text", ["", "ann", "a b@c.test", "<a@c.test>", "a@c.test\r\nRCPT TO:<b@c.test>", "a@"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(base.Refused):
        address.envelope(text)


def test_a_domain_in_any_script_is_written_in_ascii() -> None:
    assert address.envelope("info@例子.test") == "info@xn--fsqu00a.test"


@pytest.mark.parametrize(
    ("code", "said", "error", "waits"),
    [
        (550, "5.1.1 <ann@people.test> no such user", base.Refused, None),
        (554, "5.7.1 looks like spam", base.Refused, None),
        (552, "5.2.2 mailbox full", base.Refused, None),
        (421, "4.7.0 try again later", base.Throttled, 60),
        (450, "4.2.0 Greylisted, come back in 300 seconds", base.Throttled, 300),
        (451, "4.7.1 rate limit exceeded, wait 5 minutes", base.Throttled, 300),
        (454, "4.7.0 too many messages", base.Throttled, 60),
        (451, "4.3.0 local error", base.Refused, None),
        (452, "4.3.1 out of disk", base.Refused, None),
        (550, "5.4.5 Daily sending quota exceeded", base.Throttled, 3600),
        (530, "5.7.0 authentication required", base.AuthFailed, None),
        (-1, "garbage", base.Unreachable, None),
    ],
)
def test_each_answer_proves_what_the_standard_says(
    code: int, said: str, error: type[base.ChannelError], waits: float | None
) -> None:
    proven = refusal.of(code, said)
    assert type(proven) is error
    assert "ann@people.test" not in str(proven)
    if isinstance(proven, base.Refused):
        assert proven.permanent is (code >= 500)
        assert not proven.withdraws
    if isinstance(proven, base.Throttled):
        assert proven.retry_after == waits
        assert proven.of_peer is ("Greylisted" in said)
