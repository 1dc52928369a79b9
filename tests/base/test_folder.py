"""The data folder has one program at a time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from menting.base.folder import Folder, Lock, TakenError, is_running


def test_a_second_program_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "data")
    folder.prepare()
    with Lock(folder):
        assert is_running(folder)
        with pytest.raises(TakenError, match=f"process id {os.getpid()}"), Lock(folder):
            pass
    assert not is_running(folder)


def test_the_lock_ends_with_its_process_however_it_dies(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.prepare()
    script = (
        "import os, sys; from pathlib import Path; from menting.base.folder import *;"
        "Lock(Folder(Path(sys.argv[1]))).__enter__(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)  # noqa: S603
    assert not is_running(folder)


def test_the_folder_is_closed_to_others(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "data")
    folder.prepare()
    assert folder.root.stat().st_mode & 0o777 == 0o700
    assert folder.spool.stat().st_mode & 0o777 == 0o700
