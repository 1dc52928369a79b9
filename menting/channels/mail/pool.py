"""The threads in which mailboxes are read: few, and no host may have them all."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: A mailbox that waits for mail holds no thread: these only sign in and fetch.
MOST_THREADS = 32
#: Of one host: when it hangs, each call lasts 20 s, and the others must go on.
MOST_OF_HOST = 8


class Pool:
    """Bounded threads for blocking calls."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._hosts: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(MOST_OF_HOST)
        )

    async def run(
        self, host: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call in a thread; when it is cancelled, the call itself goes on to its end."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="imap")
        threads = self._threads
        async with self._hosts[host]:
            return await asyncio.get_running_loop().run_in_executor(
                threads, lambda: call(*args, **kwargs)
            )

    def close(self) -> None:
        """Let the threads end with what they do; a later call makes new ones."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None
        self._hosts.clear()
