"""Rosters and accounts that several tests need."""

from pathlib import Path

from menting.accounts import roster
from menting.accounts.models import Account
from menting.users import guard
from menting.users.guard import Actor
from menting.users.models import Role

HEADING = "channel,handle,name,homeserver,password,wall\n"
OWNER = Actor(kind="user", name="1", role=Role.OWNER)
VISITOR = Actor(kind="user", name="2", role=Role.NONE)


def line(n: int, *, password: str = "") -> str:
    """Return a good line of the heading above."""
    password = password or f"secret-{n:05}"
    return f"matrix,@shop{n}:localhost,店 {n},http://127.0.0.1:8008,{password},\n"


def stored(folder: Path, n: int) -> list[Account]:
    """Import `n` accounts and return them."""
    path = folder / "roster.csv"
    path.write_text(HEADING + "".join(line(one) for one in range(1, n + 1)), "utf-8")
    roster.store(guard.at_shell(), roster.read(path))
    return list(Account.objects.order_by("pk"))
