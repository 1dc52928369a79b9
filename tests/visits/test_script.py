"""The script on a page of another origin, in a real browser under a strict policy."""

import http.server
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from typing_extensions import override

from menting.visits.visit import Visit
from tests.missing import missing
from tests.visits import spooled
from tests.visits.test_crash import SERVER

pytestmark = pytest.mark.browser


class Page(http.server.BaseHTTPRequestHandler):
    """A page that loads the script and allows nothing inline."""

    door = ""

    def do_GET(self) -> None:
        """Answer each path with the page."""
        self.send_response(200)
        self.send_header("content-type", "text/html")
        policy = f"default-src 'self'; script-src {self.door}; connect-src {self.door}"
        self.send_header("content-security-policy", policy)
        self.end_headers()
        script = f'<script src="{self.door}/v.js" defer data-space="garden"></script>'
        self.wfile.write(f"<!doctype html><title>x</title>{script}".encode())

    @override
    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def browser() -> Iterator[Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        missing("chromium and its driver are not installed")
    options = ChromeOptions()
    options.binary_location = chromium
    for switch in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"):
        options.add_argument(switch)
    # By its own name a headless browser is a bot to the door, and rightly so.
    options.add_argument(
        "--user-agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
        "(KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Serve the page and, from another origin, the door; yield the page's origin."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    origin = f"http://127.0.0.1:{server.server_address[1]}"
    door = subprocess.Popen(  # noqa: S603  # our own interpreter and text
        [sys.executable, "-c", SERVER, str(tmp_path), origin], stdout=subprocess.PIPE
    )
    assert door.stdout is not None
    Page.door = f"http://127.0.0.1:{int(door.stdout.readline())}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield origin
    server.shutdown()
    thread.join()
    server.server_close()
    door.kill()
    door.stdout.close()
    door.wait()


def test_each_opening_is_kept_once_and_the_console_stays_empty(
    browser: Chrome, site: str, tmp_path: Path
) -> None:
    browser.get(f"{site}/first?secret=1")
    _wait_for(tmp_path, 1)
    browser.get(f"{site}/second")
    visits = _wait_for(tmp_path, 2)
    assert [(visit.path, visit.browser, visit.referrer) for visit in visits] == [
        ("/first", "Chrome", ""),
        ("/second", "Chrome", ""),
    ]
    log = browser.get_log("browser")  # type: ignore[no-untyped-call]  # Chromium's alone
    assert [line for line in log if "favicon" not in str(line)] == []
    assert browser.get_cookies() == []


def _wait_for(folder: Path, count: int) -> list[Visit]:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        visits = spooled.visits(folder / "spool")
        if len(visits) >= count:
            return visits
        time.sleep(0.05)
    raise AssertionError(f"{count} visits were not kept within ten seconds")
