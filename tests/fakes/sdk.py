"""Independent SDKs of the platforms, each in an environment of its own.

They hold the fakes to the platform's ways; the program and its tests import none of them.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.missing import missing

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".sdk"
RUN_SECONDS = 120


def python(*requirements: str) -> Path:
    """Return the Python of an environment with these packages, made at the first call."""
    digest = hashlib.sha256("\n".join(sorted(requirements)).encode()).hexdigest()
    folder = FOLDER / digest[:12]
    if not (folder / "ready").exists():
        _make(folder, requirements)
    return folder / "bin" / "python"


def run(python: Path, script: str, *given: str) -> str:
    """Run a script in such an environment and return what it printed.

    A script that fails is a failed test, shown with what it said.
    """
    done = subprocess.run(  # noqa: S603  # our own script
        [python, "-I", "-c", script, *given],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _make(folder: Path, requirements: tuple[str, ...]) -> None:
    uv = _uv()
    if uv is None:
        missing("no uv to make an environment for an SDK")
    shutil.rmtree(folder, ignore_errors=True)
    target = {**os.environ, "VIRTUAL_ENV": str(folder)}
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", *requirements],
    ):
        done = subprocess.run(  # noqa: S603  # our own command
            command, env=target, capture_output=True, text=True, check=False
        )
        if done.returncode:
            missing(f"no environment with {', '.join(requirements)}: {done.stderr[-300:]}")
    (folder / "ready").touch()


def _uv() -> str | None:
    """Return uv: on the path, or where `make` put it."""
    ours = ROOT / ".tools" / "bin" / "uv"
    return shutil.which("uv") or (str(ours) if ours.exists() else None)
