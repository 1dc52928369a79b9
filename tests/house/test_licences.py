"""No dependency asks for more than Apache-2.0 can give (DESIGN decision 11)."""

import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: A tool of development, run as a program of its own and never part of what is installed.
GPL_TOOLS = {"djlint"}
#: Says its terms in its repository only: MIT.
SILENT = {"crawler-user-agents"}
STRONG = ("GPL", "AFFERO", "GENERAL PUBLIC")
WEAK = ("LGPL", "LESSER")


def _locked() -> list[str]:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return [item["name"] for item in packages if item["name"] != "menting"]


def _terms(name: str) -> str | None:
    try:
        about = metadata.metadata(name).json
    except metadata.PackageNotFoundError:
        return None  # locked for another platform or Python
    rows = [row for row in about.get("classifier", []) if row.startswith("License")]
    stated = [about.get("license_expression", ""), about.get("license", "")[:200]]
    return " ".join([*map(str, stated), *rows]).strip()


def _is_strong(terms: str) -> bool:
    said = terms.upper()
    return any(word in said for word in STRONG) and not any(word in said for word in WEAK)


def test_no_package_of_the_lock_is_under_gpl_or_agpl() -> None:
    strong = {name for name in _locked() if _is_strong(_terms(name) or "")}
    assert strong == GPL_TOOLS


def test_gpl_tools_are_not_installed_with_the_program() -> None:
    wanted = metadata.requires("menting") or []
    assert not [row for row in wanted if row.split(">")[0].strip() in GPL_TOOLS]


def test_every_installed_package_says_its_terms() -> None:
    assert {name for name in _locked() if _terms(name) == ""} == SILENT
