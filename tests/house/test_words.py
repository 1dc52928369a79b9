"""Every text for people is there in both languages."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from babel.messages import pofile
from babel.messages.catalog import Catalog

from tests.missing import missing

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "menting" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"

#: Names and formats that are the same in both languages.
SAME = {"Menting", "Matrix", "Liquid", "TOML", "JSON", "CSV", "ID"}


def _read(path: Path) -> Catalog:
    with path.open("rb") as source:
        return pofile.read_po(source)


def test_no_chinese_text_is_empty_fuzzy_or_english() -> None:
    entries = [entry for entry in _read(CATALOGUE) if entry.id]
    texts = [
        (e.id if isinstance(e.id, str) else e.id[0], e.string, e.fuzzy) for e in entries
    ]
    assert [t for t, said, fuzzy in texts if fuzzy or not said or not all(said)] == []
    same = [t for t, said, _ in texts if said == t and t not in SAME]
    assert list(filter(_has_words, same)) == []


def _has_words(text: str) -> bool:
    return bool(re.search(r"[A-Za-z]", re.sub(r"%\(\w+\)[sd]", "", text)))


def test_placeholders_are_the_same_in_both() -> None:
    pattern = re.compile(r"%\((\w+)\)[sd]")
    for entry in _read(CATALOGUE):
        if isinstance(entry.id, str) and isinstance(entry.string, str):
            assert set(pattern.findall(entry.id)) == set(pattern.findall(entry.string)), (
                entry.id
            )


def test_the_catalogue_holds_every_text_of_the_code(tmp_path: Path) -> None:
    if shutil.which("xgettext") is None:
        missing("gettext is not installed: tools/system.sh")
    copy = tmp_path / "menting"
    shutil.copytree(ROOT / "menting", copy, ignore=shutil.ignore_patterns("static", "*.mo"))
    command = [
        sys.executable,
        "-m",
        "django",
        "makemessages",
        "--no-obsolete",
        "-l",
        "zh_Hans",
    ]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(ROOT),
    }
    subprocess.run(command, cwd=copy, env=environment, check=True, capture_output=True)  # noqa: S603
    known = _texts(CATALOGUE)
    there = _texts(copy / CATALOGUE.relative_to(ROOT / "menting"))
    assert there - known == set()
    assert known - there == set()


def _texts(path: Path) -> set[str]:
    return {e.id if isinstance(e.id, str) else e.id[0] for e in _read(path) if e.id}
