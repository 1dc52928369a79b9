"""What a channel's town has: shops, which are the house's accounts, and guests."""

import abc
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Citizen:
    """Somebody who is to have an account there."""

    number: int
    login: str
    shown: str


class Town(abc.ABC):
    """One channel's server with all who live there, gone with the block of `running`."""

    channel: ClassVar[str]
    #: The server in words, for the progress.
    server: ClassVar[str]
    #: The module that plays the people, run as a script; never imported here.
    script: ClassVar[str]

    def __init__(self, shops: Sequence[Citizen], guests: Sequence[Citizen]) -> None:
        self.shops, self.guests = shops, guests

    @abc.abstractmethod
    def running(self) -> AbstractAsyncContextManager[None]:
        """Keep the server running within the block, with an account for everybody."""

    @property
    @abc.abstractmethod
    def wall(self) -> str:
        """The handle of the account that has a wall; empty where there is none."""

    @abc.abstractmethod
    def roster(self) -> list[dict[str, str]]:
        """Return a roster line for each shop."""

    @abc.abstractmethod
    def cast(self) -> dict[str, Any]:
        """Return what the people's script must know: of `acting`, and its server."""
