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
from menting.workers import bridge

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
#: The sent text is kept this long for questions, then only its hash.
TEXTS_KEPT = timedelta(days=30)


async def run(folder: Folder, stop: asyncio.Event) -> None:
    """Do each chore every minute until `stop`; one that fails is logged and tried again."""
    chores: list[Callable[[], object]] = [
        clear_sessions,
        prune_texts,
        forget_hooks,
        answers.forget_old,
        lambda: erase.finish(folder),
    ]
    while not stop.is_set():
        for chore in chores:
            await _do(chore)
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


async def _do(chore: Callable[[], object]) -> None:
    try:
        await bridge.call(chore)
    except Exception:
        # One chore must not end the program, and is tried again in a minute.
        log.exception("a chore failed")
