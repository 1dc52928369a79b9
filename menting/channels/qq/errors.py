"""What QQ's error codes mean. Only the code decides: the texts change without notice.

Codes from the pages of the two send calls (wiki, 2026-09-03) and, for guilds, of the
older open API.
"""

from enum import Enum, auto

from menting.channels import base
from menting.channels.http import seconds_of


class Kind(Enum):
    """What became of a call, and what may follow."""

    DUPLICATE = auto()  # this pair of msg_id and msg_seq was taken before
    EXPIRED = auto()  # the message can no longer be answered for free
    NO_ACTIVE = auto()  # may not begin to speak here
    FORM = auto()  # buttons or Markdown are not granted
    LINK = auto()  # a link is not filed at QQ
    WITHDREW = auto()  # the person unfriended the bot or turned its messages off
    BUSY = auto()  # the bot sends too fast
    PEER_FULL = auto()  # this conversation has had its share of today
    BOT_FULL = auto()  # the bot has sent its share of today
    LATER = auto()  # not sent, and may go well another time
    UNSURE = auto()  # "abnormal, try again later": it may have been sent
    TOKEN = auto()  # the access token is not valid
    ADDRESS = auto()  # this machine's address is not on the bot's list
    REVIEW = auto()  # taken, and read by a person first


CODES: dict[int, tuple[Kind, str]] = {
    40054005: (Kind.DUPLICATE, "taken before"),
    **dict.fromkeys(
        (304103, 304026, 304027, 304028, 40034005, 40034024, 40034025, 40034026),
        (Kind.EXPIRED, "can no longer be answered"),
    ),
    **dict.fromkeys((40034027, 40034128), (Kind.EXPIRED, "can no longer be answered")),
    40034105: (Kind.NO_ACTIVE, "has not allowed the bot to write first"),
    **dict.fromkeys(
        (304036, 304037, 304038, 304039, 304040, 305007, 40034009, 40034011, 40034029),
        (Kind.FORM, "buttons are not granted"),
    ),
    **dict.fromkeys((40034124, 40034127), (Kind.FORM, "buttons are not granted")),
    **dict.fromkeys((304003, 40054010), (Kind.LINK, "the link is not filed at QQ")),
    40054013: (Kind.WITHDREW, "the person turned the bot's messages off"),
    40054004: (Kind.WITHDREW, "the person is no friend of the bot"),
    304031: (Kind.WITHDREW, "the person closed the direct messages"),
    40034100: (Kind.BUSY, "the bot sends too fast"),
    304045: (Kind.PEER_FULL, "the channel has had its messages of today"),
    304049: (Kind.PEER_FULL, "the person has had their messages of today"),
    304047: (Kind.BOT_FULL, "the bot has written in its channels of today"),
    304050: (Kind.BOT_FULL, "the bot has sent its direct messages of today"),
    304018: (Kind.LATER, "the bot is not connected"),
    304022: (Kind.LATER, "not at this time of day"),
    40034004: (Kind.LATER, "the picture was not taken over"),
    40054002: (Kind.LATER, "the bot is muted"),
    40054006: (Kind.LATER, "the friendship could not be looked up"),
    40054016: (Kind.LATER, "the bot is off line"),
    **dict.fromkeys((50055001, 50055002), (Kind.UNSURE, "abnormal")),
    **dict.fromkeys(range(11241, 11245), (Kind.TOKEN, "the access token is not valid")),
    11298: (Kind.ADDRESS, "this machine's address is not on the bot's list at QQ"),
    **dict.fromkeys((304023, 304024), (Kind.REVIEW, "is read by QQ before it goes out")),
    40034122: (Kind.NO_ACTIVE, "has been called back in this period already"),
    40034123: (Kind.NO_ACTIVE, "cannot be called back"),
}
#: What no code of the table says is a refusal for good, if it is a whole one.
_WORDS = {
    40034006: "the text breaks QQ's rules",
    40034101: "the bot is not in the group",
    40054003: "the bot is not in the group",
    40054007: "the text is too long",
    40054018: "the text is too long",
    11253: "the bot does not have this right",
}
BUSY_SECONDS, FULL_SECONDS = 60.0, 3600.0


def is_known(code: int) -> bool:
    """Tell whether the code says more than the status does."""
    return code in CODES or code in _WORDS


class RefusedCodeError(base.Refused):
    """A refusal with its code, for those who know another way."""

    def __init__(self, code: int) -> None:
        kind, words = CODES.get(code, (None, _WORDS.get(code, "refused")))
        super().__init__(
            f"{words} (code {code})",
            permanent=kind is not Kind.LATER,
            withdraws=kind is Kind.WITHDREW,
        )
        self.code, self.kind = code, kind


def error_of(status: int, code: int, wait: str | None) -> base.ChannelError:
    """Return what an answer that is no success means; `wait` is its Retry-After."""
    kind = CODES[code][0] if code in CODES else None
    if status == 429 or kind is Kind.BUSY:
        after = seconds_of(wait, default=BUSY_SECONDS)
        return base.Throttled(f"QQ asks to wait (code {code})", retry_after=after)
    if kind in (Kind.PEER_FULL, Kind.BOT_FULL):
        reason = f"{CODES[code][1]} (code {code})"
        of_peer = kind is Kind.PEER_FULL
        return base.Throttled(reason, retry_after=FULL_SECONDS, of_peer=of_peer)
    if kind is Kind.ADDRESS:
        return base.AuthFailed(f"{CODES[code][1]} (code {code})")
    if kind is Kind.UNSURE or (kind is None and (status >= 500 or status < 300)):
        return base.Uncertain(f"status {status} with code {code}")
    return RefusedCodeError(code)
