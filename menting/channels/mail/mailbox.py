"""One account's mailbox over IMAP: plain blocking calls, made in threads of a pool."""

import contextlib
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import imap_tools
from imap_tools.errors import ImapToolsError, MailboxLoginError

from menting.channels import base
from menting.channels.http import short
from menting.channels.mail import fetched
from menting.channels.mail.columns import Server, Tls

CALL_SECONDS = 20.0
#: Read of a mail at most. What a person wrote stands before the files, as a rule.
MOST_BYTES = 128 * 1024
#: Asked for their time at once: servers take lines of 8 kB at least.
MOST_DATES = 500
_IDLE_TAG = b"menting1"
#: RFC 5530: the server is not able to look at the password now.
_NOT_NOW = re.compile(r"\[(UNAVAILABLE|INUSE|LIMIT)\]|too many|try again", re.IGNORECASE)
LATER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What a mailbox says of its numbers; `validity` changes when they begin anew."""

    validity: int
    next_uid: int


@dataclass(frozen=True, slots=True)
class Login:
    """How an account signs in at the server that holds its mail."""

    server: Server
    tls: ssl.SSLContext = field(repr=False)
    user: str
    password: str = field(repr=False)


class Mailbox:
    """A connection to one mailbox, which is never changed: what is unread stays so."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._box: imap_tools.BaseMailBox | None = None
        self._is_closed = False
        self._can_idle = False

    @property
    def is_connected(self) -> bool:
        """Say whether there is a connection to be closed."""
        return self._box is not None

    @property
    def is_open(self) -> bool:
        """Say whether it is signed in and was not interrupted since."""
        return self.is_connected and not self._is_closed

    def sign_in(self) -> None:
        """Connect and sign in. Raises AuthFailed, Throttled and Unreachable."""
        try:
            with _lost():
                self._box = self._connect()
            self._authenticate(self._box)
            with _lost():
                self._introduce(self._box.client)
        except base.ChannelError:
            self.close()
            raise
        if self._is_closed:  # given up while this thread waited for the server
            self.close()

    def look(self) -> Standing:
        """Open the inbox for reading only, and return where it stands."""
        with _lost():
            self._open_box.folder.set("INBOX", readonly=True)
            validity, following = self._number("UIDVALIDITY"), self._number("UIDNEXT")
            self.was_told()
        return Standing(validity, following)

    def since(self, at: datetime) -> list[int]:
        """Return the numbers of the mails that the server got at `at` or later."""
        # SEARCH knows days only, in the server's zone.
        day = at - _DAY
        found = self._search(f"SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}")
        newest_first, late = sorted(found, reverse=True), list[int]()
        for first in range(0, len(found), MOST_DATES):
            rows = self._fetch(
                newest_first[first : first + MOST_DATES], "(UID INTERNALDATE)"
            )
            fresh = [raw.uid for raw in rows if raw.at >= at]
            late += fresh
            if not fresh:
                break  # older ones have lower numbers
        return sorted(late)

    def after(self, uid: int) -> list[int]:
        """Return the numbers above `uid` in their order."""
        # "N:*" names the last mail even when its number is below N (RFC 3501, 6.4.8).
        return sorted(new for new in self._search(f"UID {uid + 1}:*") if new > uid)

    def was_told(self) -> bool:
        """Say whether the server told of new mail in between, and forget it."""
        _, told = self._open_box.client.response("EXISTS")
        return told != [None]

    def fetch(self, uids: Sequence[int]) -> list[fetched.Raw]:
        """Return mails in the order of their numbers; those gone meanwhile are left out."""
        rows = self._fetch(uids, f"(UID INTERNALDATE BODY.PEEK[]<0.{MOST_BYTES}>)")
        return sorted(rows, key=lambda raw: raw.uid)

    @property
    def can_idle(self) -> bool:
        """Say whether the server tells of new mail by itself (RFC 2177)."""
        return self._can_idle

    def begin_idle(self) -> bool:
        """Ask to be told of new mail; return whether something was told at once."""
        with _lost():
            self._socket.sendall(_IDLE_TAG + b" IDLE\r\n")
            heard = self._hear(b"+")
        return any(b" EXISTS" in line for line in heard)

    def end_idle(self) -> None:
        """Stop being told; other commands are possible again."""
        with _lost():
            self._socket.sendall(b"DONE\r\n")
            self._hear(_IDLE_TAG)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when the server tells something."""
        return self._socket.fileno()

    def interrupt(self) -> None:
        """Let a call that waits in another thread fail at once; from any thread."""
        self._is_closed = True
        if self._box is not None:
            with contextlib.suppress(OSError):
                self._box.client.socket().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection without a word: nothing waits to be written."""
        self._is_closed = True
        box, self._box = self._box, None
        if box is not None:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                box.client.shutdown()

    @property
    def _open_box(self) -> imap_tools.BaseMailBox:
        if self._box is None:
            raise base.Unreachable("the mailbox is closed")
        return self._box

    @property
    def _socket(self) -> socket.socket:
        return self._open_box.client.socket()

    def _connect(self) -> imap_tools.BaseMailBox:
        server, tls = self._login.server, self._login.tls
        host, port = server.host, server.port
        match server.tls:
            case Tls.TLS:
                return imap_tools.MailBox(host, port, CALL_SECONDS, ssl_context=tls)
            case Tls.STARTTLS:
                return imap_tools.MailBoxStartTls(host, port, CALL_SECONDS, ssl_context=tls)
            case Tls.NONE:
                return imap_tools.MailBoxUnencrypted(host, port, CALL_SECONDS)

    def _authenticate(self, box: imap_tools.BaseMailBox) -> None:
        user, password = self._login.user, self._login.password
        sign_in = box.login if (user + password).isascii() else box.login_utf8
        try:
            with _lost():
                sign_in(user, password, initial_folder=None)
        except base.Unreachable as error:
            cause = error.__cause__
            is_answer = isinstance(cause, imaplib.IMAP4.error | MailboxLoginError)
            if not is_answer or isinstance(cause, imaplib.IMAP4.abort):
                raise
            raise _of_sign_in(str(cause)) from None  # its own text may repeat the secret

    def _introduce(self, client: imaplib.IMAP4) -> None:
        """Learn what the server can do now, and say who asks (RFC 2971).

        Many tell of IDLE only after the sign-in, and NetEase's (163, 126) let nobody in who
        does not say a name.
        """
        _, told = client.capability()
        able = told[-1].upper().split() if told and told[-1] else []
        self._can_idle = b"IDLE" in able
        if b"ID" in able:
            client.xatom("ID", '("name" "menting")')

    def _number(self, name: str) -> int:
        _, told = self._open_box.client.response(name)
        if not told or not isinstance(told[0], bytes) or not told[0].isdigit():
            raise base.Unreachable(f"the mailbox has no {name}")
        return int(told[0])

    def _search(self, criteria: str) -> list[int]:
        with _lost():
            told = self._uid("SEARCH", criteria)
            return [int(word) for row in told if row for word in row.split()]

    def _fetch(self, uids: Sequence[int], parts: str) -> list[fetched.Raw]:
        with _lost():
            told = self._uid("FETCH", ",".join(map(str, uids)), parts)
        return list(fetched.rows(told))

    def _uid(self, *command: str) -> list[bytes]:
        status, told = self._open_box.client.uid(*command)
        if status != "OK":
            raise base.Unreachable(f"the mailbox refuses {command[0]}")
        return told

    def _hear(self, until: bytes) -> list[bytes]:
        """Return the lines up to one that begins so, read past imaplib's own buffer.

        What comes in one packet with that line would lie in the buffer unseen.
        """
        said = b""
        while True:
            more = self._socket.recv(65536)
            if not more:
                raise base.Unreachable("the mailbox closed the connection")
            said += more
            if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                continue
            lines = said.split(b"\r\n")
            refused = any(line.startswith(_IDLE_TAG) for line in lines) and until == b"+"
            if refused or len(said) > MOST_BYTES:
                raise base.Unreachable("the mailbox refuses IDLE")
            if not lines[-1] and any(line.startswith(until) for line in lines):
                return lines


_DAY = timedelta(days=1)
#: Not by strftime, which speaks the machine's language.
_MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)


@contextlib.contextmanager
def _lost() -> Iterator[None]:
    """Turn what goes wrong on the way into Unreachable: reading changes nothing.

    What the server said is not told: it may be a piece of somebody's mail.
    """
    try:
        yield
    except OSError as error:
        raise base.Unreachable(f"the mailbox: {short(error)}") from error
    except (imaplib.IMAP4.abort, ValueError) as error:
        raise base.Unreachable("the mailbox broke off, or speaks no IMAP") from error
    except (imaplib.IMAP4.error, ImapToolsError) as error:
        raise base.Unreachable("the mailbox refused a command") from error


def _of_sign_in(said: str) -> base.ChannelError:
    if _NOT_NOW.search(said):
        return base.Throttled("the mailbox puts the sign-in off", retry_after=LATER_SECONDS)
    return base.AuthFailed("the mailbox does not accept user and password")
