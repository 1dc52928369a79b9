"""Wakes a session when a callback says that something waits."""

import asyncio
import contextlib

from menting.base import clock

#: A callback's token lifts the limit of looks for ten minutes (path/94670).
TOKEN_SECONDS = 540.0


class Bell:
    """Rung by callbacks, which may come to another process than the session's."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._token, self._until = "", 0.0

    def ring(self, token: str = "") -> None:
        """Wake whoever waits; `token` goes with the next looks."""
        if token:
            self._token = token
            self._until = clock.now().timestamp() + TOKEN_SECONDS
        self._rung.set()

    def token(self) -> str:
        """Return the last callback's token while it is good, else nothing."""
        return self._token if clock.now().timestamp() < self._until else ""

    def forget_token(self) -> None:
        """Let go of a token that the platform refused."""
        self._token = ""

    async def wait(self, seconds: float) -> None:
        """Return when it is rung, or has been since the last time, or after `seconds`."""
        # Not `wait_for`: up to Python 3.11 it loses a cancellation that meets the ring.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()
