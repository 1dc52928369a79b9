"""What is done from time to time: old texts pruned, erasures finished, sessions cleared."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog
from django.contrib.sessions.models import Session

from menting.base import clock
from menting.base.folder import Folder
from menting.campaigns import outbox
from menting.people import erase, hooked
from menting.users import answers
from menting.workers import bridge, turns

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
#: The sent text is kept this long for questions, then only its hash.
TEXTS_KEPT = timedelta(days=30)


async def run(folder: Folder, stop: asyncio.Event) -> None:
    """Do each chore every minute until `stop`; one that fails is logged and tried again."""
    chores: dict[str, Callable[[], object]] = {
        "sessions": clear_sessions,
        "texts": prune_texts,
        "hooks": forget_hooks,
        "answers": answers.forget_old,
        "erasures": lambda: erase.finish(folder),
    }
    while not stop.is_set():
        for name, chore in chores.items():
            await _do(name, chore)
        try:
            await asyncio.wait_for(stop.wait(), EVERY_SECONDS)
        except TimeoutError:
            continue


def clear_sessions() -> None:
    """Forget sign-ins that have run out."""
    Session.objects.filter(expire_date__lt=clock.now()).delete()


def prune_texts() -> None:
    """Keep only the hash of what was sent long ago (DESIGN decision 10)."""
    outbox.prune_texts(before=clock.now() - TEXTS_KEPT)


def forget_hooks() -> None:
    """Forget which webhooks came, once no platform repeats them."""
    hooked.forget(before=clock.now() - hooked.KEPT)


async def _do(name: str, chore: Callable[[], object]) -> None:
    try:
        await bridge.call(_in_turn, name, chore)
    except Exception:
        # One chore must not end the program, and is tried again in a minute.
        log.exception("a chore failed", chore=name)


def _in_turn(name: str, chore: Callable[[], object]) -> None:
    with turns.tried(f"chore {name}") as is_ours:
        if is_ours:
            chore()
