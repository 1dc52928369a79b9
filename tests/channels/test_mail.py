"""What is particular to mail, against a real Postfix and Dovecot."""

import asyncio
import contextlib
import dataclasses
import imaplib
import re
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from menting.base import clock
from menting.base.pace import Rate
from menting.channels import base
from menting.channels.base import Account, EventType, Inbound, Outgoing, Peer
from menting.channels.mail import inbox, place
from menting.channels.mail.channel import Mail
from menting.channels.mail.columns import MailSecret, Tls
from menting.cli.demo.mailhost import Mailhost
from tests.contract.mail import MailRig, mail_rig
from tests.contract.rig import Heard, Vault, listening
from tests.servers import tls

pytestmark = pytest.mark.mailhost

_LINE = {"password": "x", "smtp_host": "smtp.shop.test", "imap_host": "imap.shop.test"}


@pytest.fixture
async def rig(mailhost: Mailhost) -> AsyncIterator[MailRig]:
    """Give both servers behind proxies."""
    async with mail_rig(mailhost) as made:
        yield made


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"smtp_tls": "none"}, "without TLS"),
        ({"imap_tls": "plain"}, "starttls"),
        ({"imap_tls": "starttls", "imap_port": "993"}, "993 is for tls"),
        ({"dkim_selector": "s1"}, "belong together"),
        ({"per_hour": "10", "domain_per_hour": "10"}, "either"),
    ],
)
def test_a_bad_roster_line_says_what_is_wrong(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        MailSecret.model_validate(_LINE | columns)


def test_empty_cells_mean_the_usual() -> None:
    empty = dict.fromkeys(("smtp_port", "imap_port", "smtp_tls", "per_hour", "user"), "")
    read = MailSecret.model_validate(_LINE | empty)
    assert (read.smtp.port, read.imap.port, read.smtp.tls) == (465, 993, Tls.TLS)
    begun = MailSecret.model_validate(
        _LINE | {"smtp_tls": "starttls", "imap_tls": "starttls"}
    )
    assert (begun.smtp.port, begun.imap.port) == (587, 143)


def test_a_stated_limit_binds_the_accounts_of_a_domain_or_one_alone() -> None:
    mail, shop = Mail(), "shop@shop.test"
    together = mail.bond(shop, _LINE | {"domain_per_hour": "100"})
    assert together == mail.bond("other@Shop.test", _LINE | {"domain_per_hour": "100"})
    alone = mail.bond(shop, _LINE | {"per_hour": 7})
    assert alone is not None
    assert alone.rate == Rate.per(7, timedelta(hours=1), burst=1)
    assert alone != mail.bond("other@shop.test", _LINE | {"per_hour": 7})
    assert mail.bond(shop, _LINE) is None
    assert mail.host(shop, _LINE) == "imap.shop.test"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"handle": "shop"}, "mail address"),
        ({"options": {**_LINE, "smtp_tls": "none"}}, "without TLS"),
        ({"options": {**_LINE, "dkim_selector": "s1", "dkim_key": "x"}}, "PEM"),
    ],
)
async def test_what_cannot_work_needs_an_operator(
    change: dict[str, Any], reason: str
) -> None:
    account = Account(1, "shop@shop.test", "Shop", {"password": "secret"}, _LINE)
    with pytest.raises(base.AuthFailed, match=reason) as failed:
        await Mail().open(dataclasses.replace(account, **change), Vault().keep)
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (rb"NO [UNAVAILABLE] not now", base.Throttled),
        (rb"NO [AUTHENTICATIONFAILED] wrong", base.AuthFailed),
        (rb"BAD what?", base.AuthFailed),
        (rb"*", base.Unreachable),
    ],
)
async def test_what_the_mailbox_says_to_a_password_decides(
    rig: MailRig, words: bytes, error: type[base.ChannelError]
) -> None:
    account = await rig.account()
    logged_in = re.compile(rb"OK (\[CAPABILITY [^\]]*\] )?Logged in")
    rig.imap.always(lambda said: logged_in.sub(words, said))
    with pytest.raises(error) as failed:
        await rig.channel.open(account, Vault().keep)
    assert "wrong" not in str(failed.value)


async def test_what_greets_in_another_language_is_no_mailbox(rig: MailRig) -> None:
    rig.imap.once(lambda _said: b"220 this is SMTP\r\n")
    with pytest.raises(base.Unreachable):
        await rig.channel.open(await rig.account(), Vault().keep)


async def test_an_answer_is_a_reply_to_the_letter_and_leaves_it_unread(
    rig: MailRig,
) -> None:
    account, human = await rig.account("华夏书店"), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        asked = human.letter(account.handle, "open?", subject="周日")
        await human.post(asked, account.handle)
        await heard.texts(1)
        event = heard.events[0]
        answers = Inbound(event.id, event.at)
        receipt = await session.send(event.peer, Outgoing("a-1", "yes", answers=answers))
    [mail] = await human.mails_of(account.handle)
    assert mail["Subject"] == "Re: 周日"
    assert mail["In-Reply-To"] == asked["Message-ID"] == event.id
    assert mail["Message-ID"] == receipt.message_id
    assert str(mail["From"]).startswith("华夏书店 <")
    assert await asyncio.to_thread(_flags, rig.host, account) == [b"1 (FLAGS ())"]


def _flags(host: Mailhost, account: Account) -> list[bytes]:
    with imaplib.IMAP4("127.0.0.1", host.imap_port) as box:
        box.login(account.handle, account.secret["password"])
        box.select("INBOX", readonly=True)
        rows = box.fetch("1:*", "FLAGS")[1]
        return [row.replace(b"\\Recent", b"") for row in rows if isinstance(row, bytes)]


async def test_a_mail_that_bounces_is_told_with_its_dead_address(rig: MailRig) -> None:
    account = await rig.account()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        receipt = await session.send(
            Peer("gone@people.test"), Outgoing("b-1", "are you there?")
        )
        await heard.until(lambda now: len(now) == 2)
    left, bounced = heard.events
    assert (left.type, left.sender.id) == (EventType.LEFT, "gone@people.test")
    assert (bounced.type, bounced.about) == (EventType.BOUNCED, receipt.message_id)
    assert bounced.text == "there is no such mailbox (5.1.1)"


async def test_a_mailbox_that_is_not_there_is_refused_without_its_name(
    rig: MailRig,
) -> None:
    session = await rig.channel.open(await rig.account(), Vault().keep)
    with pytest.raises(base.Refused, match=r"no such mailbox \(550 5\.1\.1\)") as refused:
        await session.send(Peer(rig.nowhere), Outgoing("n-1", "hi"))
    assert not refused.value.withdraws
    await session.close()


async def test_a_first_sign_in_reads_no_old_mail(rig: MailRig) -> None:
    account, human = await rig.account(), await rig.human()
    for days, text in ((2, "long ago"), (0, "just now")):
        mail = human.letter(account.handle, text).as_bytes()
        await asyncio.to_thread(_put, rig.host, account, mail, days)
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        assert await heard.texts(1) == ["just now"]


def _put(host: Mailhost, account: Account, mail: bytes, days: int) -> None:
    with imaplib.IMAP4("127.0.0.1", host.imap_port) as box:
        box.login(account.handle, account.secret["password"])
        at = imaplib.Time2Internaldate(time.time() - days * 86400)
        assert box.append("INBOX", "", at, mail)[0] == "OK"


async def test_a_mailbox_with_new_numbers_is_read_from_the_last_time(rig: MailRig) -> None:
    account, human = await rig.account(), await rig.human()
    await human.greet(account, "before")
    now = int(clock.now().timestamp())
    session = await rig.channel.open(account, Vault().keep)
    resume = place.token(place.Place(validity=1, uid=77, at=now))
    async with listening(session, resume) as heard:
        assert await heard.texts(1) == ["before"]


async def test_a_server_that_tells_nothing_by_itself_is_asked(
    rig: MailRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "POLL_SECONDS", 0.1)
    rig.imap.always(lambda said: said.replace(b" IDLE", b" IDLX"))
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        await human.greet(account, "hello")
        assert await heard.texts(1) == ["hello"]


async def test_the_wait_begins_anew_before_routers_forget_it(
    rig: MailRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "IDLE_SECONDS", 0.05)
    account, human = await rig.account(), await rig.human()
    session = await rig.channel.open(account, Vault().keep)
    async with listening(session) as heard:
        for number in range(3):
            await asyncio.sleep(0.2)
            await human.greet(account, f"after {number}")
        assert await heard.texts(3) == ["after 0", "after 1", "after 2"]


@pytest.mark.parametrize("kind", ["tls", "starttls"])
async def test_tls_protects_both_connections(
    rig: MailRig, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, human = await rig.account(), await rig.human()
    monkeypatch.setenv("SSL_CERT_FILE", str(rig.host.certificate))
    async with _protected(rig, kind) as (smtp, imap):
        ports = {"smtp_port": smtp, "imap_port": imap}
        kinds = {"smtp_tls": kind, "imap_tls": kind}
        options = {**account.options, **ports, **kinds}
        protected = dataclasses.replace(account, options=options)
        session = await rig.channel.open(protected, Vault().keep)
        async with listening(session) as heard:
            await human.greet(account, "hello")
            await heard.texts(1)
            await human.write(human.id, "again")
            await heard.texts(2)
            await session.send(Peer(human.id), Outgoing("t-1", "hi"))
        assert len(await human.mails_of(account.handle)) == 1


@contextlib.asynccontextmanager
async def _protected(rig: MailRig, kind: str) -> AsyncIterator[tuple[int, int]]:
    if kind == "starttls":
        yield rig.host.smtp_port, rig.host.imap_port
        return
    assert rig.host.certificate is not None
    async with (
        tls.before(rig.host.smtp_port, rig.host.certificate) as smtp,
        tls.before(rig.host.imap_port, rig.host.certificate) as imap,
    ):
        yield smtp, imap


@pytest.mark.parametrize("part", ["smtp", "imap"])
async def test_an_unknown_certificate_is_not_trusted(rig: MailRig, part: str) -> None:
    account = await rig.account()
    options = {**account.options, f"{part}_tls": "starttls"}
    with pytest.raises(base.Unreachable, match="certificate verify failed"):
        await rig.channel.open(dataclasses.replace(account, options=options), Vault().keep)


async def test_a_listener_that_is_stopped_frees_its_thread_at_once(rig: MailRig) -> None:
    session, heard = await rig.channel.open(await rig.account(), Vault().keep), Heard()
    task = asyncio.create_task(session.listen(heard.deliver, b""))
    await heard.first_place()
    rig.imap.hold_answer(b"DONE")
    await asyncio.sleep(0.1)
    task.cancel()
    began = time.monotonic()
    await asyncio.gather(task, return_exceptions=True)
    await session.close()
    assert time.monotonic() - began < 2
