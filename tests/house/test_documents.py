"""The documents name what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "menting"
#: Django asks for these by name; the tree would only repeat them.
UNNAMED = {"__init__.py", "__main__.py", "apps.py"}


def test_each_file_of_the_flows_exists() -> None:
    named = re.findall(r"`(menting/[\w/]+\.py)`", (ROOT / "docs" / "flows.md").read_text())
    assert len(set(named)) > 20
    assert [path for path in named if not (ROOT / path).is_file()] == []


def _tree() -> dict[str, set[str]]:
    """Return the files that CONTRIBUTING names, by folder; long lists go on below."""
    named: dict[str, set[str]] = {}
    folder = ""
    for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines():
        found = re.match(r" {4}(menting/[\w/]*)? +(\w.*)$", line)
        if found:
            folder = found[1] or folder
            named.setdefault(folder, set()).update(re.findall(r"\w+", found[2]))
    return named


def test_the_tree_names_every_module_and_no_other() -> None:
    there: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        if path.name not in UNNAMED and "migrations" not in path.parts:
            folder = f"{path.parent.relative_to(ROOT)}/"
            there.setdefault(folder, set()).add(path.stem)
    assert _tree() == there


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_readme_shows_the_commands_first(name: str) -> None:
    head = (ROOT / name).read_text()[:1200]
    assert "make demo" in head
    assert "make test" in head
    assert "make run" in head


def test_each_link_between_documents_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
