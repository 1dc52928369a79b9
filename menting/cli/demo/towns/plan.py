"""Found a town for each channel and share accounts and people out among them."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from menting.cli.demo.homeserver import HomeserverError
from menting.cli.demo.mailhost import MailhostError
from menting.cli.demo.prosody import ProsodyError
from menting.cli.demo.towns.base import Citizen, Town
from menting.cli.demo.towns.mail import MailTown
from menting.cli.demo.towns.matrix import MatrixTown
from menting.cli.demo.towns.xmpp import XmppTown

#: What a server that is missing, or does not start, is told by.
ServerErrors = (HomeserverError, ProsodyError, MailhostError)
KINDS: dict[str, Callable[[Path, list[Citizen], list[Citizen]], Town]] = {
    "matrix": MatrixTown,
    "xmpp": XmppTown,
    "mail": MailTown,
}
#: Dovecot keeps a process for each mailbox that is open, and 1,000 of them.
MOST_MAILBOXES = 900
NAMES = ("阿木", "小禾", "沈听澜", "秦拾一", "温清弦", "Élodie", "Maximiliane", "阮一川")


class PlanError(ValueError):
    """There is no such channel, or not enough or too much for it."""


def channels(written: str) -> list[str]:
    """Return the channels of a list with commas. Raises PlanError."""
    named = [name.strip() for name in written.split(",")]
    for name in named:
        if name not in KINDS:
            raise PlanError(f"no channel {name!r} here: choose among {', '.join(KINDS)}")
    return list(dict.fromkeys(named))


def check(named: Sequence[str], *, accounts: int, people: int) -> None:
    """Raise PlanError when a channel would have nobody, or too many."""
    if min(accounts, people) < len(named):
        raise PlanError("every channel needs an account and a person")
    if "mail" in named and (accounts + people) / len(named) > MOST_MAILBOXES:
        raise PlanError(f"mail has room for {MOST_MAILBOXES} accounts and people together")


def found(
    named: Sequence[str], folder: Path, *, accounts: int, people: int, seed: int
) -> list[Town]:
    """Return the towns, not yet running. Raises one of ServerErrors if one cannot be."""
    homes = shared(named, accounts=accounts, people=people, seed=seed)
    return [KINDS[name](folder, *living) for name, living in homes.items()]


def shared(
    named: Sequence[str], *, accounts: int, people: int, seed: int
) -> dict[str, tuple[list[Citizen], list[Citizen]]]:
    """Return the shops and the guests of each channel, in turn."""
    dice = random.Random(seed)  # noqa: S311  # invented people, repeatable by the seed
    shops = [Citizen(n, f"shop{n:04}", f"Shop {n}") for n in range(1, accounts + 1)]
    guests = [
        Citizen(n, f"guest{n:05}", f"{dice.choice(NAMES)} {n}")
        for n in range(1, people + 1)
    ]
    step = len(named)
    return {
        name: (shops[turn::step], guests[turn::step]) for turn, name in enumerate(named)
    }
