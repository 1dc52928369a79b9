"""What goes out and what became of it: the values between an outbox and its sender."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from menting.channels.base import Inbound, Peer

Kind = Literal["delivery", "reply", "posting"]


@dataclass(frozen=True, slots=True)
class Outbound:
    """One row that a sender has claimed; `fence` makes a later claim of it win."""

    kind: Kind
    id: int
    fence: int
    account_id: int
    peer: Peer
    #: The same at every retry (`base.ids.stable_key`), for platforms that know keys.
    key: str
    #: None: not rendered yet; the text is given with `dispatch`.
    text: str | None
    #: What a reply answers.
    answers: Inbound | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The platform took it, under its own id; `pending` says what is still to happen."""

    message_id: str
    pending: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The platform refused it for good; `withdraws`: because the person wants no more."""

    reason: str
    withdraws: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have left and nobody knows: never sent again by itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """It is proven not to have left and may be claimed again from `retry_at` on."""

    reason: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class Skipped:
    """A gate closed before it left."""

    reason: str


Outcome = Accepted | Rejected | Unknown | Later | Skipped
