"""`menting space`, as a script calls it: one JSON document, or one line of error."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from typing_extensions import override

pytestmark = pytest.mark.one_folder

PROGRAM = (
    "import typer; from menting.cli import init, space; from menting.server import logs;"
    "logs.configure('WARNING'); app = typer.Typer();"
    "app.command('init')(init.init); app.add_typer(space.app, name='space'); app()"
)


class Menting:
    """The program over a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._env = {**os.environ, "MENTING_DATA": str(folder)}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command."""
        return subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-c", PROGRAM, *words],
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def asked(self, *words: str) -> Any:
        """Run one command that succeeds, and return its JSON."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *words: str) -> str:
        """Run one command that is refused, and return its one line."""
        done = self.run(*words, "--json")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        return done.stderr


@pytest.fixture(scope="module")
def menting(tmp_path_factory: pytest.TempPathFactory) -> Menting:
    program = Menting(tmp_path_factory.mktemp("data"))
    program.asked("init")
    program.asked("space", "create", "yard", "--name", "槐下书局")
    return program


def test_a_space_is_opened_in_the_zone_of_the_house(menting: Menting) -> None:
    (item,) = menting.asked("space", "list")["items"]
    assert (item["id"], item["slug"], item["name"]) == (1, "yard", "槐下书局")
    assert item["time_zone"] == "Asia/Shanghai"
    assert item["address"] == "http://localhost:8080/@yard"


def test_a_slug_that_cannot_be_is_refused_in_one_line(menting: Menting) -> None:
    assert "small letters" in menting.refused("space", "create", "Yard")
    assert "already" in menting.refused("space", "create", "yard")


def test_a_file_is_published_and_changed(menting: Menting, tmp_path: Path) -> None:
    file = tmp_path / "winter.md"
    file.write_text("\ufeff# 冬至\n\n夜最长。", encoding="utf-8")
    made = menting.asked("space", "post", "yard", str(file))
    assert (made["title"], made["address"]) == (
        "冬至",
        "http://localhost:8080/@yard/winter",
    )
    file.write_text("# 夏至\n\n昼最长。", encoding="utf-8")
    changed = menting.asked("space", "post", "yard", str(file), "--edit", "winter")
    assert (changed["id"], changed["title"]) == (made["id"], "夏至")


def test_a_file_that_is_no_text_is_refused_in_one_line(
    menting: Menting, tmp_path: Path
) -> None:
    file = tmp_path / "picture.md"
    file.write_bytes(b"\x89PNG\xff\xfe")
    menting.refused("space", "post", "yard", str(file))
    menting.refused("space", "post", "yard", str(tmp_path / "missing.md"))
    file.write_text("x")
    assert "no space 'other'" in menting.refused("space", "post", "other", str(file))


def test_a_link_and_an_invitation_say_their_address(menting: Menting) -> None:
    link = menting.asked("space", "link", "yard", "https://shop.example")
    assert link["address"] == f"http://localhost:8080/l/{link['code']}"
    assert "no web address" in menting.refused("space", "link", "yard", "javascript:a")
    invited = menting.asked("space", "invite", "yard", "--note", "小禾")
    assert invited["address"].endswith(f"/@yard/sign?code={invited['code']}")
    menting.asked("space", "revoke", str(invited["id"]))
    assert "taken back" in menting.refused("space", "revoke", str(invited["id"]))


def test_an_entry_that_is_not_there_cannot_be_shown(menting: Menting) -> None:
    assert menting.asked("space", "entries", "yard") == {"items": [], "next": None}
    assert "no guestbook entry 9" in menting.refused("space", "approve", "9")


class _Site(BaseHTTPRequestHandler):
    files: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        body = self.files.get(self.path, "").encode()
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_another_site_is_kept_only_once_a_file_there_proves_it(
    menting: Menting, site: str
) -> None:
    refusal = menting.refused("space", "origin", "yard", site)
    line = refusal.split("put the line ")[1].split(" ")[0]
    _Site.files["/.well-known/menting.txt"] = f"other\n{line}\n"
    found = menting.asked("space", "origin", "yard", site)
    assert found["origins"] == [site]
    assert "not proven" in menting.refused("space", "create", "b", "--origin", site)
