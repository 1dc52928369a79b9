"""How people leave by mail: one click, a mail, a complaint, an address that is dead."""

from email.message import EmailMessage

import pytest

from menting.base import config
from menting.channels.base import Account, Event, EventType
from menting.channels.hook import ForgedError, Hook, MalformedError
from menting.channels.mail import letter, proof
from menting.channels.mail.channel import Mail
from tests.channels.mails import ANN, AT, SHOP, told

_SHOP = Account(1, SHOP, "Shop & Sons", {})
_BOB = "bob@people.test"
_CLICK = b"List-Unsubscribe=One-Click"


def _hook(
    method: str = "POST", body: bytes = _CLICK, *, token: str = "", accepts: str = ""
) -> Hook:
    path = f"{SHOP}/unsubscribe/{token or proof.token(SHOP, ANN)}"
    return Hook(method, path, {}, {"accept-language": accepts}, body, AT)


def _left(events: list[Event] | tuple[Event, ...]) -> list[str]:
    return [event.sender.id for event in events if event.type is EventType.LEFT]


@pytest.mark.parametrize(
    "body",
    [
        _CLICK,
        b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
        b"One-Click\r\n--b--\r\n",
    ],
)
def test_one_click_ends_it_at_once(body: bytes) -> None:
    hook = _hook(body=body)
    assert Mail().addressee(hook) == SHOP
    answer = Mail().take_hook(hook, _SHOP)
    assert answer.status == 200
    [event] = answer.events[SHOP]
    assert (event.type, event.sender.id, event.peer.id) == (EventType.LEFT, ANN, ANN)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_scanner_that_follows_the_link_ends_nothing(method: str) -> None:
    answer = Mail().take_hook(_hook(method, b""), _SHOP)
    assert answer.events == {}
    assert b'<form method="post">' in answer.body
    assert b"Shop &amp; Sons" in answer.body


@pytest.mark.parametrize(
    ("accepts", "lang"),
    [("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"), ("de,en", "en"), ("", "en")],
)
def test_the_page_speaks_the_reader_s_language(accepts: str, lang: str) -> None:
    for method in ("GET", "POST"):
        answer = Mail().take_hook(_hook(method, accepts=accepts), _SHOP)
        assert f'<html lang="{lang}">'.encode() in answer.body


def test_a_second_click_counts_anew_but_a_form_sent_twice_does_not() -> None:
    [first] = Mail().take_hook(_hook(), _SHOP).events[SHOP]
    [again] = Mail().take_hook(_hook(token=proof.token(SHOP, ANN)), _SHOP).events[SHOP]
    hook = _hook()
    [one], [same] = (Mail().take_hook(hook, _SHOP).events[SHOP] for _ in range(2))
    assert one.id == same.id
    assert first.id != again.id


def test_a_link_of_another_account_or_a_made_up_one_is_forged() -> None:
    other = proof.token("other@shop.test", ANN)
    for token in (other, "A" * 80, proof.token(SHOP, ANN)[:-4] + "AAAA", "A"):
        with pytest.raises(ForgedError):
            Mail().take_hook(_hook(token=token), _SHOP)


def test_a_post_of_anything_else_ends_nothing() -> None:
    for hook in (_hook(body=b""), _hook(body=b"List-Unsubscribe=no"), _hook("PUT")):
        with pytest.raises(MalformedError):
            Mail().take_hook(hook, _SHOP)
    with pytest.raises(MalformedError):
        Mail().addressee(Hook("POST", "elsewhere", {}, {}, b"", AT))


def test_no_address_can_be_read_in_a_link() -> None:
    assert ANN.encode() not in proof.token(SHOP, ANN).encode()
    assert proof.token(SHOP, ANN) != proof.token(SHOP, ANN)
    assert config.current().public_url in letter.unsubscribing(SHOP, ANN)[0]


def test_a_mail_with_the_token_ends_it_whoever_sends_it() -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = "forwarder@elsewhere.test", SHOP
    mail["Subject"] = f"unsubscribe {proof.token(SHOP, ANN)}"
    mail["Auto-Submitted"] = "auto-generated"
    assert _left(told(mail)) == [ANN]


def _report(kind: str, fields: str, returned: str, *, how: str = "rfc822-headers") -> bytes:
    """Return a report as mail servers write them (RFC 3464, RFC 5965)."""
    about = "delivery-status" if kind == "delivery-status" else "feedback-report"
    outer = "text" if how == "rfc822-headers" else "message"
    return (
        f"From: MAILER-DAEMON@mx.test\r\nTo: {SHOP}\r\nMessage-ID: <r@mx.test>\r\n"
        f"Content-Type: multipart/report; report-type={kind}; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nIt did not arrive.\r\n"
        f"--b\r\nContent-Type: message/{about}\r\n\r\n{fields}\r\n"
        f"--b\r\nContent-Type: {outer}/{how}\r\n\r\n{returned}\r\n--b--\r\n"
    ).encode()


def _bounce(
    status: str, *, to: str = ANN, action: str = "failed", shown: str = ANN
) -> bytes:
    fields = (
        "Reporting-MTA: dns; mx.test\r\n\r\n"
        f"Final-Recipient: rfc822; {to}\r\nAction: {action}\r\nStatus: {status}\r\n"
    )
    mail_id = proof.message_id(SHOP, "key-1", ANN)
    return _report("delivery-status", fields, f"To: {shown}\r\nMessage-ID: {mail_id}\r\n")


def test_a_dead_address_bounces_and_leaves() -> None:
    left, bounced = told(_bounce("5.1.1"))
    assert (left.type, left.sender.id) == (EventType.LEFT, ANN)
    assert bounced.type is EventType.BOUNCED
    assert bounced.about == proof.message_id(SHOP, "key-1", ANN)
    assert bounced.text == "there is no such mailbox (5.1.1)"


@pytest.mark.parametrize("status", ["5.2.2", "5.7.1", "5.0.0", "5.4.4"])
def test_what_is_not_the_address_s_fault_bounces_alone(status: str) -> None:
    assert [event.type for event in told(_bounce(status))] == [EventType.BOUNCED]


def test_a_delay_and_a_word_of_arrival_are_no_bounce() -> None:
    assert told(_bounce("4.4.1", action="delayed")) == []
    assert told(_bounce("2.0.0", action="delivered")) == []


def test_a_forwarded_mail_bounces_for_whom_it_was_sent_to() -> None:
    left, _ = told(_bounce("5.1.1", to="ann@elsewhere.test"))
    assert left.sender.id == ANN


def test_nobody_can_let_another_leave_by_a_forged_bounce() -> None:
    assert told(_bounce("5.1.1", to=_BOB, shown=_BOB)) == []
    mail_id = "<key-1.00000000000000000000@shop.test>"
    assert told(_bounce("5.1.1").replace(b"Message-ID: <key-1", b"X: <")) == []
    fields = f"Final-Recipient: rfc822; {ANN}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    forged = _report("delivery-status", fields, f"To: {ANN}\r\nMessage-ID: {mail_id}\r\n")
    assert told(forged) == []


def test_a_complaint_leaves() -> None:
    returned = f"To: {ANN}\r\nMessage-ID: {proof.message_id(SHOP, 'k', ANN)}\r\n\r\nnews"
    report = _report("feedback-report", "Feedback-Type: abuse\r\n", returned, how="rfc822")
    assert _left(told(report)) == [ANN]


def test_a_complaint_with_its_author_blacked_out_leaves_by_the_link() -> None:
    [link, *_] = letter.unsubscribing(SHOP, ANN)
    returned = f"To: [redacted]\r\nMessage-ID: <x@y>\r\n{link}\r\n"
    report = _report("feedback-report", "Feedback-Type: abuse\r\n", returned)
    assert _left(told(report)) == [ANN]


def test_a_report_that_it_is_no_spam_ends_nothing() -> None:
    returned = f"To: {ANN}\r\nMessage-ID: {proof.message_id(SHOP, 'k', ANN)}\r\n"
    assert told(_report("feedback-report", "Feedback-Type: not-spam\r\n", returned)) == []
