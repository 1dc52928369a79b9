"""What people wrote, in a real browser: nothing runs and nothing is complained of."""

import shutil
from collections.abc import Iterator

import pytest
from pytest_django.live_server_helper import LiveServer
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from menting.spaces import guestbook, posts, space
from menting.users import guard
from tests.missing import missing
from tests.spaces import xss
from tests.spaces.conftest import written

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def browser() -> Iterator[Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        missing("chromium and its driver are not installed")
    options = ChromeOptions()
    options.binary_location = chromium
    for switch in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"):
        options.add_argument(switch)
    for switch in ("background-networking", "component-update", "sync"):
        options.add_argument(f"--disable-{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


def test_no_text_runs_in_a_browser(browser: Chrome, live_server: LiveServer) -> None:
    me = guard.at_shell()
    yard = space.create(me, slug="yard", name=xss.CORPUS[0], time_zone="UTC")
    posts.publish(me, yard, "\n\n".join(xss.CORPUS))
    code = guestbook.invite(me, yard, "").code
    for number, text in enumerate(xss.CORPUS[:30]):
        form = written(text, name=text[:80], code=code)
        guestbook.sign(yard, form, address=f"192.0.2.{number}")
    for path in ("/@yard", "/@yard/guestbook", "/@yard/sign"):
        browser.get(live_server.url + path)
        # An alert would make the next command fail (unhandled prompt).
        assert browser.find_element("tag name", "main").text
        assert [line for line in _complaints(browser) if "/v.js" not in line] == []


def _complaints(browser: Chrome) -> list[str]:
    log = browser.get_log("browser")  # type: ignore[no-untyped-call]  # Chromium's alone
    return [str(line["message"]) for line in log]
