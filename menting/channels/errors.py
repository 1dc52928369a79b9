"""What a failed call proves; `base` gives these names to every channel."""


class ChannelError(Exception):
    """Root of Throttled, Refused, Uncertain, Unreachable, AuthFailed and Unsupported."""


class Throttled(ChannelError):  # noqa: N818
    """The platform asks to wait; proven not sent. `of_peer`: in this conversation alone."""

    def __init__(self, reason: str, *, retry_after: float, of_peer: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after  # seconds
        self.of_peer = of_peer


class Refused(ChannelError):  # noqa: N818
    """The platform refused this message; proven not sent. `permanent`: never try again.

    `withdraws`: because the person blocked the account or turned its messages off, which
    is entered as their withdrawal.
    """

    def __init__(
        self, reason: str, *, permanent: bool = True, withdraws: bool = False
    ) -> None:
        super().__init__(reason)
        self.permanent, self.withdraws = permanent, withdraws


class Unreachable(ChannelError):  # noqa: N818
    """No connection was made; proven not sent."""


class Uncertain(ChannelError):  # noqa: N818
    """The request was written and no whole answer came: never resend blindly."""


class AuthFailed(ChannelError):  # noqa: N818
    """The platform does not accept the secret. `banned`: it closed the account."""

    def __init__(self, reason: str, *, banned: bool = False) -> None:
        super().__init__(reason)
        self.banned = banned


class Unsupported(Refused):
    """The platform does not offer that to this account."""
