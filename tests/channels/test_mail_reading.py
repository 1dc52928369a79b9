"""What is read in a mail, and that no mail stops the reading."""

import time
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from menting.channels.base import EventType
from menting.channels.mail import events, fetched, quote
from menting.channels.mail.fetched import Raw
from tests.channels.mails import ANN, AT, SHOP, letter, text, told


def test_a_letter_is_a_message_of_its_sender() -> None:
    [event] = told(letter("你好 👋", Subject="问候"))
    assert (event.id, event.type) == ("<1@people.test>", EventType.MESSAGE)
    assert (event.sender.id, event.sender.name) == (ANN, "Ann Reader")
    assert (event.peer.id, event.text, event.at, event.audience) == (ANN, "你好 👋", AT, 1)


def test_one_person_writes_in_any_case() -> None:
    assert told(letter(From="Ann@People.Test"))[0].sender.id == ANN


def test_a_mail_without_an_id_has_the_same_one_each_time() -> None:
    mail = letter()
    del mail["Message-ID"]
    assert told(mail)[0].id == told(mail)[0].id
    assert told(mail)[0].id.startswith("sha256:")


def test_a_mail_without_a_word_says_what_its_subject_says() -> None:
    assert text(letter("\n", Subject="stop")) == "stop"


@pytest.mark.parametrize(
    ("written", "new"),
    [
        ("stop\n\nOn Mon, Shop <shop@shop.test> wrote:\n> Reply STOP to end\n", "stop"),
        ("stop\n\nOn Mon, Shop\n<shop@shop.test> wrote:\n\n> a\n>\n> b\n", "stop"),
        ("退订\n\n在 2026-11-24，“Shop” <shop@shop.test> 写道：\n> 您好\n", "退订"),
        ("好的\n\n------------------ 原始邮件 ------------------\n发件人: Shop\n", "好的"),
        (f"好\n{'_' * 32}\n发件人: Shop\n", "好"),
        (f"a\n{'_' * 32}\nstop", f"a\n{'_' * 32}\nstop"),
        ("a\n--\nstop", "a\n--\nstop"),
        ("> would you?\nyes\n> and this?\nno\n-- \nAnn\n", "yes\nno"),
        ("> nothing but a quote\n", "> nothing but a quote"),
        ("nice >_<\n>_< really", "nice >_<\n>_< really"),
        ("On Sunday I come.\nI like: this", "On Sunday I come.\nI like: this"),
        ("On Sunday I come.\nOn Mon, Shop wrote:\n> a\n", "On Sunday I come."),
        ("see me@people.test:\nbye", "see me@people.test:\nbye"),
    ],
)
def test_only_what_is_new_in_a_reply_is_heard(written: str, new: str) -> None:
    assert quote.new_part(written) == new


@given(st.text())
def test_a_text_without_marks_is_kept_to_the_letter(written: str) -> None:
    plain = "".join(sign for sign in written if sign.isalnum())
    assert quote.new_part(plain) == plain


def test_a_reply_in_html_is_heard_without_its_quote() -> None:
    mail = letter()
    mail.set_content(
        "<style>p {}</style><div>stop&nbsp;</div>"
        "<div>On Monday, Shop &lt;shop@shop.test&gt; wrote:<br>"
        "<blockquote>Reply <b>YES</b><br>or not</blockquote></div>",
        subtype="html",
    )
    assert text(mail) == "stop"


def test_plain_text_goes_before_html() -> None:
    mail = letter("plain")
    mail.add_alternative("<p>rich</p>", subtype="html")
    assert text(mail) == "plain"


@pytest.mark.parametrize(
    ("charset", "body", "read"),
    [
        ("gb2312", "镕基".encode("gb18030"), "镕基"),
        ("", "你好".encode(), "你好"),
        ("x-unknown", "你好".encode("gb18030"), "你好"),
        ("utf-8", "你好".encode("gb18030"), "你好"),
        ("us-ascii", "naïve".encode(), "naïve"),
        ("hex", b"plain", "plain"),
    ],
)
def test_a_wrong_or_unknown_charset_is_guessed(
    charset: str, body: bytes, read: str
) -> None:
    head = f"From: {ANN}\r\nTo: {SHOP}\r\nContent-Type: text/plain"
    named = f"; charset={charset}" if charset else ""
    assert text(f"{head}{named}\r\n\r\n".encode() + body) == read


@pytest.mark.parametrize(
    ("headers", "audience"),
    [
        ({}, 1),
        ({"Cc": ANN}, 1),
        ({"Cc": "Bob <bob@people.test>"}, 2),
        ({"To": "bob@people.test"}, 3),
        ({"To": "undisclosed-recipients:;"}, 2),
    ],
)
def test_a_mail_to_others_as_well_is_no_dialogue(
    headers: dict[str, str], audience: int
) -> None:
    assert told(letter(**headers))[0].audience == audience


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"List_Id": "<news.people.test>"},
        {"Return_Path": "<>"},
        {"From": SHOP},
        {"From": "no address"},
    ],
)
def test_machines_lists_and_oneself_are_nobody_who_wrote(headers: dict[str, str]) -> None:
    assert told(letter(**headers)) == []


def test_what_a_person_sends_by_hand_says_so() -> None:
    assert text(letter("by hand", Auto_Submitted="no")) == "by hand"


def test_a_forged_sender_grants_nothing_in_that_persons_name() -> None:
    forged = letter(
        "subscribe", Authentication_Results="mx.shop.test; dmarc=fail header.from=x"
    )
    [event] = told(forged)
    assert (event.type, event.text) == (EventType.UNREADABLE, "")


def test_a_picture_alone_cannot_be_read() -> None:
    mail = letter()
    mail.set_content(b"GIF89a", "image", "gif")
    assert told(mail)[0].type is EventType.UNREADABLE


def _cut(mail: EmailMessage, at: float) -> bytes:
    content = mail.as_bytes()
    return content[: int(len(content) * at)]


@given(st.floats(0, 1))
def test_half_a_mail_is_read_as_far_as_it_goes(at: float) -> None:
    mail = letter("hello " * 50)
    mail.add_attachment(b"x" * 3000, maintype="application", subtype="zip")
    for event in told(_cut(mail, at)):
        assert event.sender.id


_HEADERS = st.sampled_from(
    [
        *("From", "To", "Cc", "Subject", "Message-ID", "Content-Type", "Precedence"),
        *("List-Id", "Content-Transfer-Encoding", "Content-Disposition", "Return-Path"),
        *("Auto-Submitted", "Authentication-Results", "Reply-To", "Date", "MIME-Version"),
    ]
)
_PIECES = st.sampled_from(
    [
        *(
            b"<",
            b">",
            b"@",
            b'"',
            b";",
            b",",
            b"(",
            b":",
            b"[",
            b"\\",
            b"\x00",
            b"\xff\xfe",
        ),
        *(b"=?utf-8?b?", b"?=", b"=?x?q?=", b"=?gb2312?b?yfG?=", b"a@b", b"\r\n "),
        *(b"multipart/mixed", b"multipart/report", b"message/rfc822", b"text/html"),
        *(b"message/delivery-status", b"charset=", b"boundary=b", b"base64"),
        *(b"ann@people.test", b"unsubscribe "),
    ]
)
_VALUES = st.lists(st.one_of(_PIECES, st.binary(max_size=8)), max_size=8).map(b"".join)
_BODIES = st.lists(
    st.one_of(
        _PIECES,
        st.binary(max_size=20),
        st.sampled_from([b"\r\n--b\r\n", b"\r\n\r\n", b"--b--", b"<![x", b"<!--", b"&#x"]),
        st.sampled_from([b"Action: failed\r\n", b"Status: 5.1.1\r\n", b"> a\r\n", b"<p "]),
    ),
    max_size=20,
).map(b"".join)


@given(st.lists(st.tuples(_HEADERS, _VALUES), max_size=8), _BODIES)
def test_no_mail_stops_the_reading(headers: list[tuple[str, bytes]], body: bytes) -> None:
    lines = [name.encode() + b": " + value for name, value in headers]
    content = b"\r\n".join(lines) + b"\r\n\r\n" + body
    read = events.of(Raw(1, AT, content), SHOP)
    for event in read.events:
        assert event.sender.id
        assert event.id


@given(st.binary(max_size=400))
def test_bytes_of_any_kind_stop_nothing(content: bytes) -> None:
    assert isinstance(events.of(Raw(1, AT, content), SHOP).subject, str)


_LONG = 40_000


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b"Cc: " + b'"' * _LONG, b""),
        (b"Cc: " + b"a@b," * _LONG, b""),
        (b"Cc: a@b\r\n" * _LONG, b""),
        (b"Subject: " + b"=?utf-8?q?a?= " * _LONG, b""),
        (b"Content-Type: text/plain; " + b"a=b;" * _LONG, b""),
        (b"Content-Disposition: " + b"a;" * _LONG, b""),
        (b"Content-Type: text/html", b"<!--" * _LONG),
        (b"Content-Type: text/html", b"<blockquote>x" * _LONG),
        (b"X: y", b"@" * _LONG * 4 + b"\r\n> quote"),
    ],
)
def test_no_mail_keeps_the_reader_for_long(header: bytes, body: bytes) -> None:
    began = time.process_time()
    events.of(Raw(1, AT, b"From: a@b.test\r\n" + header + b"\r\n\r\n" + body), SHOP)
    # Each took 5 to 60 s by the standard library's own way.
    assert time.process_time() - began < 3


def test_a_mail_of_the_same_second_is_not_older_than_what_it_answers() -> None:
    answer = [
        (b'1 (UID 7 INTERNALDATE "24-Nov-2026 10:00:00 +0000" BODY[] {1}', b"x"),
        b")",
    ]
    [raw] = fetched.rows(answer)
    second = datetime(2026, 11, 24, 10, 0, 0, tzinfo=UTC)
    assert second + timedelta(milliseconds=999) <= raw.at < second + timedelta(seconds=1)
