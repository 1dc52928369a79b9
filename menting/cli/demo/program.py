"""The demo's own `menting run`, and its commands, driven from outside as a user does."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

READY_SECONDS = 60
STOP_SECONDS = 15


class StepFailedError(Exception):
    """A step of the demo did not do what it should; the message names it."""


class Program:
    """`menting run` on a folder of its own, as a child process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder.parent / "menting.log"
        self.port = _free_port()
        self.url = f"http://localhost:{self.port}"
        self.environment = {
            "MENTING_DATA": str(folder),
            "MENTING_PORT": str(self.port),
            "MENTING_PUBLIC_URL": self.url,
        }

    async def command(self, *args: str, may_fail: bool = False) -> dict[str, Any]:
        """Run one command with --json and return its document. Raises StepFailedError."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "menting", *args, "--json"),
            env=os.environ | self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            told, said = await child.communicate()
        finally:
            if child.returncode is None:  # the demo is being stopped
                child.kill()
                await child.wait()
        if child.returncode and not may_fail:
            raise StepFailedError(f"menting {' '.join(args)}: {said.decode().strip()}")
        document: dict[str, Any] = json.loads(told)
        return document

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the program running within the block, and stop it as systemd would."""
        log = self._log.open("wb")
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "menting", "run"),
            env=os.environ | self.environment,
            stderr=log,
        )
        try:
            await self._wait_until_ready(child)
            yield
        finally:
            if child.returncode is None:
                child.send_signal(signal.SIGTERM)
            await asyncio.wait_for(child.wait(), STOP_SECONDS)
            log.close()

    def last_words(self) -> str:
        """Return the end of the program's own log, for a demo that failed."""
        log = self._log
        return "\n".join(log.read_text().splitlines()[-8:]) if log.exists() else ""

    async def page(self, path: str) -> str:
        """Return a public page as anybody gets it."""
        async with (
            aiohttp.ClientSession() as browser,
            browser.get(self.url + path) as answer,
        ):
            if answer.status != 200:
                raise StepFailedError(f"{path} answered {answer.status}")
            return await answer.text()

    async def open_house(self, link: str, *, legal_name: str, contact: str) -> None:
        """Go through the first link in a browser's way: sign in and say who speaks."""
        async with aiohttp.ClientSession() as browser:
            await _submit(browser, link, {})
            filled = {
                "name": "Lin Jianshan",
                "email": "owner@demo.example",
                "language": "zh-hans",
                "time_zone": "Asia/Shanghai",
                "legal_name": legal_name,
                "contact": contact,
                "password": os.urandom(12).hex(),
            }
            await _submit(browser, f"{self.url}/accounts/welcome/", filled)

    async def _wait_until_ready(self, child: asyncio.subprocess.Process) -> None:
        async with asyncio.timeout(READY_SECONDS), aiohttp.ClientSession() as session:
            while True:
                if child.returncode is not None:
                    raise StepFailedError(
                        f"menting run ended with status {child.returncode}"
                    )
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)


async def _submit(
    browser: aiohttp.ClientSession, address: str, fields: dict[str, str]
) -> None:
    async with browser.get(address) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', await page.text())
    if token is None:
        raise StepFailedError(f"{address} shows no form")
    filled = fields | {"csrfmiddlewaretoken": token[1]}
    headers = {"Referer": address}
    async with browser.post(
        address, data=filled, headers=headers, allow_redirects=False
    ) as answer:
        if answer.status != 302:
            raise StepFailedError(f"{address} answered {answer.status}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
