"""Work of a command when no keeper runs on the folder: take its place and do it here."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from menting.base.folder import Folder, Lock
from menting.base.roles import Role
from menting.workers import bridge

T = TypeVar("T")


def run_alone(folder: Folder, work: Coroutine[Any, Any, T]) -> T:
    """Run `work` as the folder's keeper. Raises TakenError when a program is that."""

    async def _with_end() -> T:
        try:
            return await work
        finally:
            bridge.close()

    try:
        with Lock(folder, (Role.KEEPER,)):
            return asyncio.run(_with_end())
    finally:
        work.close()
