"""Work of a command when no program runs on the folder: take its lock and do it here."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from menting.base.folder import Folder, Lock
from menting.workers import bridge

T = TypeVar("T")


def run_alone(folder: Folder, work: Coroutine[Any, Any, T]) -> T:
    """Run `work` holding the folder. Raises TakenError when a program has it."""

    async def _with_end() -> T:
        try:
            return await work
        finally:
            bridge.close()

    try:
        with Lock(folder):
            return asyncio.run(_with_end())
    finally:
        work.close()
