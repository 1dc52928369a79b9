"""Takes the screenshots of `docs/screens/` from an invented house."""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

ROOT = Path(__file__).resolve().parent.parent
SCREENS = ROOT / "docs" / "screens"
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip
WIDE, PHONE, HIGH = 1280, 390, 900


@dataclass(frozen=True, slots=True)
class Screen:
    """One picture: a page as somebody sees it. `is_whole` shows all of its length."""

    name: str
    path: str
    is_whole: bool = True


PAGES = (
    Screen("home", "/console/"),
    Screen("inbox", "/console/inbox/{conversation}/", is_whole=False),
    Screen("people", "/console/people/", is_whole=False),
    Screen("person", "/console/people/{contact}/"),
    Screen("campaigns", "/console/campaigns/"),
    Screen("campaign", "/console/campaigns/{campaign}/"),
    Screen("campaign-new", "/console/campaigns/new/"),
    Screen("campaign-try", "/console/campaigns/{draft}/try/"),
    Screen("recipients", "/console/campaigns/{campaign}/deliveries/", is_whole=False),
    Screen("accounts", "/console/accounts/", is_whole=False),
    Screen("account", "/console/accounts/{account}/"),
    Screen("roster", "/console/accounts/import/"),
    Screen("visits", "/console/visits/?space=huaixia"),
    Screen("visits-2011", "/console/visits/?space=huaixia&day=2011-12-31", is_whole=False),
    Screen("spaces", "/console/spaces/"),
    Screen("space", "/console/spaces/huaixia/"),
    Screen("log", "/console/log/"),
    Screen("settings", "/console/settings/"),
    Screen("tokens", "/console/settings/tokens/"),
    Screen("public", "/@huaixia"),
)
ON_PHONE = ("home", "visits", "space", "campaign", "accounts", "tokens", "public")
BY_NIGHT = ("home", "visits", "campaign")


def main() -> int:
    """Fill a folder, start the program, take every picture; 1 where a page is not right."""
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--only", nargs="*", help="names of pages; all if none is given")
    only = wanted.parse_args().only
    with tempfile.TemporaryDirectory(prefix="menting-screens-") as at:
        os.environ |= {
            "MENTING_DATA": at,
            "DJANGO_SETTINGS_MODULE": "menting.server.settings",
        }
        ids, session = _prepare(Path(at))
        with _program(Path(at)) as port:
            return _take(port, ids, session, only or [page.name for page in PAGES])


def _prepare(root: Path) -> tuple[dict[str, int], str]:
    """Fill the folder; return the ids that pages name, and the owner's session."""
    import django  # noqa: PLC0415  # after the folder is known

    from menting.base.folder import Folder  # noqa: PLC0415

    folder = Folder(root)
    folder.prepare()
    folder.key("house")
    django.setup()
    import sample  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from menting.accounts.models import Account  # noqa: PLC0415
    from menting.campaigns.models import Campaign  # noqa: PLC0415
    from menting.people.models import Contact, Conversation  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    owner = sample.fill(folder)
    client = Client(SERVER_NAME="localhost")
    client.force_login(owner, backend="allauth.account.auth_backends.AuthenticationBackend")
    ids = {
        "account": Account.objects.earliest("pk").pk,
        "contact": Contact.objects.earliest("pk").pk,
        "conversation": Conversation.objects.earliest("pk").pk,
        "campaign": Campaign.objects.get(name="冬至读书会邀请").pk,
        "draft": Campaign.objects.get(state="draft").pk,
    }
    return ids, client.cookies["session"].value


@contextmanager
def _program(root: Path) -> Iterator[int]:
    """Run the program on a free port; the sample holds its accounts: none is called up."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [
        sys.executable, "-m", "menting", "--data", str(root),
        "run", "--port", str(port),
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as program:  # noqa: S603  # our own
        try:
            _wait(f"http://127.0.0.1:{port}/healthz")
            yield port
        finally:
            program.terminate()


def _wait(url: str) -> None:
    for _ in range(150):
        try:
            with urllib.request.urlopen(url):  # noqa: S310  # loopback
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"{url} did not answer within 30 s")


def _take(port: int, ids: dict[str, int], session: str, only: list[str]) -> int:
    from selenium import webdriver  # noqa: PLC0415  # needed by nothing else

    SCREENS.mkdir(parents=True, exist_ok=True)
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        try:
            browser.get(f"http://localhost:{port}/accounts/login/")
            browser.add_cookie({"name": "session", "value": session, "path": "/"})
            faults = [
                fault
                for shot in _shots(only)
                for fault in _shoot(browser, f"http://localhost:{port}", ids, shot)
            ]
        finally:
            browser.quit()
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return bool(faults)


@dataclass(frozen=True, slots=True)
class Shot:
    """A page in one language, look and width."""

    screen: Screen
    language: str
    width: int
    theme: str = "light"

    @property
    def file(self) -> Path:
        """Return where the picture goes."""
        night = "-dark" if self.theme == "dark" else ""
        return SCREENS / f"{self.screen.name}{night}-{self.language}-{self.width}.png"


def _shots(only: list[str]) -> Iterator[Shot]:
    for language in ("zh-hans", "en"):
        for page in PAGES:
            if page.name not in only:
                continue
            yield Shot(page, language, WIDE)
            if page.name in BY_NIGHT:
                yield Shot(page, language, WIDE, "dark")
            if page.name in ON_PHONE:
                yield Shot(page, language, PHONE)


def _shoot(
    browser: "Chrome", origin: str, ids: dict[str, int], shot: Shot
) -> Iterator[str]:
    """Take one picture; yield what is wrong with the page."""
    from menting.users.models import User  # noqa: PLC0415  # set up by now

    User.objects.update(language=shot.language, theme=shot.theme)
    _resize(browser, shot.width, HIGH)
    browser.get(origin + shot.screen.path.format(**ids))
    wide, high = browser.execute_script(
        "const all = document.documentElement; return [all.scrollWidth, all.scrollHeight]"
    )
    if shot.screen.is_whole:
        _resize(browser, shot.width, max(high, HIGH))
    browser.save_screenshot(str(shot.file))
    if wide > shot.width:
        yield f"{shot.file.name}: scrolls sideways, {wide} px"
    for entry in browser.get_log("browser"):  # type: ignore[no-untyped-call]  # selenium
        yield f"{shot.file.name}: {entry['message']}"


def _resize(browser: "Chrome", width: int, height: int) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < WIDE},
    )


if __name__ == "__main__":
    raise SystemExit(main())
