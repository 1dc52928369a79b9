"""What the API answers is what the command of the same noun prints with `--json`."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.api.conftest import ROOT, call
from tests.fakes import sdk

FILL = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
os.environ["MENTING_DATA"] = sys.argv[1]
os.environ["DJANGO_SETTINGS_MODULE"] = "menting.server.settings"
from menting.base.folder import Folder
folder = Folder(Path(sys.argv[1])); folder.prepare(); folder.key("house")
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0); call_command("createcachetable", verbosity=0)
import sample
sample.fill(folder, people=24, accounts=12)
"""
#: Runs commands of a JSON list one after another: each start of a program takes 2 s.
RUN = """
import json, sys
from typer.testing import CliRunner
from menting.cli.main import app
from menting.server import logs

logs.configure("WARNING")
done = []
for words in json.load(sys.stdin):
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 0, (words, result.stderr)
    done.append(json.loads(result.stdout))
json.dump(done, sys.stdout)
"""
PAIRS = [
    ("account list --limit 5", "/accounts?limit=5"),
    (
        "account list --state online --channel matrix",
        "/accounts?state=online&channel=matrix",
    ),
    ("person list --limit 500", "/people?limit=500"),
    ("person show 1", "/people/1"),
    ("campaign status 1", "/campaigns/1"),
    ("campaign deliveries 1 --limit 50", "/campaigns/1/deliveries"),
    ("space list", "/spaces"),
    ("visit log --space huaixia --limit 20", "/visits?space=huaixia&limit=20"),
    ("visit series --grain year", "/visits/series?grain=year"),
    ("visit top path --space huaixia", "/visits/top/path?space=huaixia"),
    ("visit top visitor --space huaixia", "/visits/top/visitor?space=huaixia"),
]
NOUNS = ("accounts", "people", "campaigns", "visits", "spaces")


class _Menting:
    """The program over a folder of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self._env = {
            **{name: said for name, said in os.environ.items() if name[:8] != "MENTING_"},
            "MENTING_DATA": str(folder),
            "MENTING_PUBLIC_URL": f"http://localhost:{self._port}",
        }

    def script(self, text: str, *words: str, told: str = "") -> str:
        """Run a script of ours over the folder and return what it printed."""
        done = subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-c", text, *words],
            env=self._env,
            input=told,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def asked(self, *commands: str) -> list[Any]:
        """Run commands and return the JSON of each."""
        words = json.dumps([command.split() for command in commands])
        found: list[Any] = json.loads(self.script(RUN, told=words))
        return found

    @contextmanager
    def running(self) -> Iterator[int]:
        """Run the web face alone: nobody calls up the sample's accounts."""
        command = [sys.executable, "-m", "menting", "run", "--only", "web"]
        with subprocess.Popen(  # noqa: S603  # our own program
            [*command, "--port", str(self._port)], env=self._env, stderr=subprocess.DEVNULL
        ) as program:
            try:
                _wait(self._port)
                yield self._port
            finally:
                program.terminate()


def _wait(port: int) -> None:
    for _ in range(150):
        try:
            call(port, "GET", "/healthz", None, {})
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the program did not answer within 15 s")


def _without_cursor(told: Any) -> Any:
    return {**told, "next": bool(told["next"])} if "next" in told else told


def test_an_answer_is_what_the_command_prints(tmp_path: Path) -> None:
    menting = _Menting(tmp_path)
    menting.script(FILL, str(tmp_path), str(sdk.ROOT / "tools"))
    scopes = [f"--scope {noun}:read" for noun in NOUNS]
    made, *printed = menting.asked(
        f"token create --name pairs {' '.join(scopes)}", *(command for command, _ in PAIRS)
    )
    bearer = {"Authorization": f"Bearer {made['token']}"}
    with menting.running() as port:
        answers = [call(port, "GET", ROOT + path, None, bearer) for _, path in PAIRS]
    for (command, path), shown, answer in zip(PAIRS, printed, answers, strict=True):
        assert answer.status == 200, (path, answer.body)
        assert _without_cursor(answer.told) == _without_cursor(shown), command
    assert printed[0]["next"]
    assert len(printed[7]["items"]) == 20
    _, tokens = menting.asked(f"token revoke {made['id']}", "token list")
    [listed] = [one for one in tokens["items"] if one["id"] == made["id"]]
    assert listed["last_used_at"]
    assert listed["revoked_at"]
    assert made["token"] not in json.dumps(listed)
