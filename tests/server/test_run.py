"""`menting run` as a process: ready, one a folder, and gone within ten seconds."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest


def _menting(folder: Path, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "menting", "--data", str(folder), *args]
    environment = {
        key: said for key, said in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"
    }
    return subprocess.Popen(  # noqa: S603
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _get(port: int, path: str) -> tuple[int, dict[str, str]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def _wait_until_ready(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if _get(port, "/readyz")[0] == 200:
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.05)
    pytest.fail("not ready within 30 seconds")


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def program(tmp_path: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    running = _menting(tmp_path / "data", "run", "--port", str(port))
    try:
        _wait_until_ready(port)
        yield running
    finally:
        running.kill()
        running.communicate()


def test_it_is_ready_prints_a_link_and_stops_within_ten_seconds(
    program: subprocess.Popen[str], port: int
) -> None:
    assert _get(port, "/healthz") == (200, {"status": "ok"})
    began = time.monotonic()
    program.send_signal(signal.SIGTERM)
    _, said = program.communicate(timeout=10)
    assert time.monotonic() - began < 10
    assert program.returncode == 0, said
    assert re.search(r"/accounts/link/[\w-]{32}/", said)


def test_a_second_start_on_the_folder_is_refused_in_one_line(
    program: subprocess.Popen[str], tmp_path: Path
) -> None:
    second = _menting(tmp_path / "data", "run", "--port", "0")
    _, said = second.communicate(timeout=30)
    assert second.returncode == 1
    assert said.count("\n") == 1
    assert f"process id {program.pid}" in said


def test_listening_for_others_without_https_is_refused(tmp_path: Path) -> None:
    program = _menting(tmp_path / "data", "run", "--host", "0.0.0.0", "--port", "0")  # noqa: S104
    _, said = program.communicate(timeout=30)
    assert program.returncode == 1
    assert "public_url" in said


def test_a_taken_port_is_named(tmp_path: Path, port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        program = _menting(tmp_path / "data", "run", "--port", str(port))
        _, said = program.communicate(timeout=30)
    assert program.returncode == 1
    assert f"127.0.0.1:{port}" in said.splitlines()[-1]


def test_the_commands_speak_json_and_doctor_finds_what_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    made = _menting(folder, "init", "--owner", "o@example.org", "--json")
    told, said = made.communicate(timeout=30)
    assert made.returncode == 0, said
    assert json.loads(told)["link"].startswith("http://localhost:8080/accounts/link/")
    asked = _menting(folder, "doctor", "--json")
    told, _ = asked.communicate(timeout=30)
    bad = {
        item["id"]: item["remedy"] for item in json.loads(told)["items"] if item["remedy"]
    }
    assert asked.returncode == 1
    assert "menting init --link" in bad["house"]


def test_a_command_on_a_folder_that_is_none_says_so(tmp_path: Path) -> None:
    asked = _menting(tmp_path / "nothing", "account", "list", "--json")
    told, said = asked.communicate(timeout=30)
    assert (asked.returncode, told) == (1, "")
    assert "no Menting in" in said
