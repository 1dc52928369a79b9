"""An owner's first day, in a real browser and against a real homeserver."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import Select, WebDriverWait

from menting.cli.demo.homeserver import Homeserver
from tests.missing import missing
from tests.servers.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.homeserver]

DESKS, READERS = 4, 6
#: Lines of a web server's log of 2011, as a folder of old backups holds them.
OLD_LOG = (
    '192.0.2.{n} - - [02/Mar/2011:08:14:{n:02d} +0800] "GET /opening HTTP/1.1" 200 5120 '
    '"-" "Mozilla/5.0 (Windows NT 6.1; rv:2.0) Gecko/20100101 Firefox/4.0"\n'
)
CAMPAIGN = """\
name = "Winter solstice"
purpose = "news"
from = ["*"]

[content.en]
text = "Hello {{ person.name }}, we read together."

[content.zh-hans]
text = "{{ person.name }}，冬至那晚我们一起读书。"
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A running Menting: its folder, its address and the link that it printed."""

    folder: Path
    origin: str
    link: str


@dataclass(frozen=True, slots=True)
class Desk:
    """A browser in front of the program; each page it leaves must have said nothing."""

    browser: Chrome
    origin: str

    def go(self, path: str) -> None:
        """Open a page of the console."""
        self.hush()
        self.browser.get(f"{self.origin}{path}")

    def press(self, words: str) -> None:
        """Press the button or link that says so, and wait until its page is gone."""
        self.hush()
        page = self.browser.find_element(By.TAG_NAME, "html")
        found = f"//main//*[self::button or self::a][contains(., '{words}')]"
        self.browser.find_element(By.XPATH, found).click()
        WebDriverWait(self.browser, 10).until(staleness_of(page))

    def write(self, name: str, text: str) -> None:
        """Fill in a field of a form by its name."""
        field = self.field(name)
        field.clear()
        field.send_keys(text)

    def choose(self, name: str, value: str) -> None:
        """Choose from a list by its name."""
        Select(self.field(name)).select_by_value(value)

    def field(self, name: str) -> WebElement:
        """Return a field of the page's own forms by its name."""
        return self.browser.find_element(By.CSS_SELECTOR, f"main form [name={name}]")

    def main(self) -> str:
        """Return what the page says."""
        return self.browser.find_element(By.TAG_NAME, "main").text

    def says(self, words: str) -> None:
        """Wait until the page says so; a press of a button takes its time."""
        self.wait(lambda: words in self.main())

    def big(self, number: int) -> WebElement:
        """Return one of the large figures of a page, from 0 on."""
        return self.browser.find_elements(By.CSS_SELECTOR, ".big")[number]

    def wait(self, until: Callable[[], object], *, reload: bool = False) -> None:
        """Wait up to a minute until something is so, loading the page anew if asked."""

        def _is_so(_: Chrome) -> bool:
            if reload:
                self.browser.refresh()
            return bool(until())

        WebDriverWait(
            self.browser,
            60,
            poll_frequency=0.5,
            ignored_exceptions=[StaleElementReferenceException],
        ).until(_is_so)

    def hush(self) -> None:
        """Fail if the browser complained of anything, above all of the content policy."""
        said = self.browser.get_log("browser")  # type: ignore[no-untyped-call]  # Chromium's
        assert [line["message"] for line in said] == []


def test_an_owner_goes_from_the_link_to_the_visits_of_2011(
    homeserver: Homeserver, program: Program, desk: Desk, tmp_path: Path
) -> None:
    _sign_in(desk, program)
    _import_a_roster(desk, homeserver, tmp_path)
    desk.press("Sign in all")
    desk.wait(lambda: f"{DESKS} online" in desk.main(), reload=True)
    asyncio.run(_readers_subscribe(homeserver))
    desk.go("/console/people/")
    desk.wait(lambda: desk.main().count("News") >= READERS, reload=True)
    _send_a_campaign(desk)
    _open_the_visits_of_2011(desk, program, tmp_path)
    desk.hush()


def _sign_in(desk: Desk, program: Program) -> None:
    desk.browser.get(program.link)
    desk.press("Sign in")
    desk.write("name", "Lin")
    desk.choose("language", "en")
    desk.write("legal_name", "Scholar Tree Books")
    desk.write("contact", "7 Lane")
    desk.write("password", "a long and quiet word")
    desk.browser.find_element(By.CSS_SELECTOR, "main .btn-main").click()
    desk.says("Nothing needs you now")


def _import_a_roster(desk: Desk, homeserver: Homeserver, folder: Path) -> None:
    names = [f"walkdesk{number}" for number in range(DESKS)]
    asyncio.run(homeserver.register({name: name for name in names}))
    roster = folder / "roster.csv"
    roster.write_text(
        "channel,handle,name,homeserver,password\n"
        + "".join(
            f"matrix,{homeserver.handle(name)},{name},{homeserver.url},"
            f"{homeserver.password(name)}\n"
            for name in names
        )
        + "matrix,,nobody,,\n"
    )
    desk.press("Import a roster")
    desk.field("file").send_keys(str(roster))
    desk.press("Import")
    desk.says(f"{DESKS} new")
    desk.says("1 line was not taken")


async def _readers_subscribe(homeserver: Homeserver) -> None:
    names = [f"walkreader{number}" for number in range(READERS)]
    await homeserver.register({name: name for name in names})
    async with aiohttp.ClientSession() as http:
        for number, name in enumerate(names):
            reader = Person(homeserver, name, http)
            await reader.sign_in()
            desk = homeserver.handle(f"walkdesk{number % DESKS}")
            room = await reader.open_room(desk)
            await reader.say(room, "subscribe")


def _send_a_campaign(desk: Desk) -> None:
    desk.go("/console/campaigns/new/")
    desk.write("toml", CAMPAIGN)
    desk.press("Store as a draft")
    desk.press("Try the plan")
    desk.wait(lambda: desk.big(1).text == str(READERS))
    desk.press("Back")
    desk.press("Plan")
    desk.press("Approve")
    desk.press("Start")
    # Nothing is loaded anew: the page asks for what moves by itself.
    desk.wait(lambda: desk.big(3).text == str(READERS))
    desk.wait(lambda: "Done" in desk.main(), reload=True)


def _open_the_visits_of_2011(desk: Desk, program: Program, folder: Path) -> None:
    desk.go("/console/spaces/new/")
    desk.write("slug", "tree")
    desk.write("name", "Scholar Tree")
    desk.press("Make it")
    log = folder / "access.log"
    log.write_text("".join(OLD_LOG.format(n=n) for n in range(1, 6)))
    _menting(
        program.folder, "visit", "import", "--space", "tree", "--format", "combined",
        str(log),
    )  # fmt: skip
    desk.go("/console/visits/?space=tree&whole=1")
    desk.wait(lambda: "2011-03-02" in desk.main(), reload=True)
    year = "//a[contains(@class,'year')][contains(.,'2011')]"
    desk.browser.find_element(By.XPATH, year).click()
    desk.says("Wed 2011-03-02")
    assert desk.main().count("/opening") >= 5


def _menting(folder: Path, *args: str) -> None:
    command = [sys.executable, "-m", "menting", "--data", str(folder), *args]
    done = subprocess.run(  # noqa: S603  # our own command
        command, env=_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _environment() -> dict[str, str]:
    kept = dict(os.environ)
    kept.pop("DJANGO_SETTINGS_MODULE", None)
    return kept


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path / "data"
    command = [sys.executable, "-m", "menting", "--data", str(folder), "run"]
    running = subprocess.Popen(  # noqa: S603  # our own command
        [*command, "--port", str(port)],
        env=_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Program(folder, f"http://localhost:{port}", _link(running))
    finally:
        running.kill()
        running.communicate()


def _link(running: "subprocess.Popen[str]") -> str:
    """Return the link of a first start, and go on reading so that no pipe fills up."""
    assert running.stderr is not None
    for line in running.stderr:
        if found := re.search(r"http://\S+/accounts/link/\S+", line):
            _drain(running)
            return found[0]
    raise AssertionError("the program ended without printing a link")


def _drain(running: "subprocess.Popen[str]") -> None:
    assert running.stderr is not None
    threading.Thread(target=running.stderr.read, daemon=True).start()


@pytest.fixture
def desk(program: Program) -> Iterator[Desk]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        missing("chromium and its driver are not installed")
    opened = Chrome(options=_options(chromium), service=Service(driver))
    opened.implicitly_wait(10)  # seconds
    yield Desk(opened, program.origin)
    opened.quit()


def _options(chromium: str) -> ChromeOptions:
    options = ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
        "disable-background-networking", "disable-component-update", "disable-sync",
        "window-size=1280,1000", "lang=en",
    ):  # fmt: skip
        options.add_argument(f"--{flag}")
    logged: dict[str, Any] = {"browser": "ALL"}
    options.set_capability("goog:loggingPrefs", logged)
    return options
