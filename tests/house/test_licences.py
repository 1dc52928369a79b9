"""No dependency asks for more than Apache-2.0 can give (DESIGN decision 11)."""

import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Allowed though their terms name a weak copyleft: unmodified, separate packages.
SEPARATE = {"certifi", "hypothesis", "pathspec", "djlint", "python-bidi", "tqdm", "orjson"}


def _locked() -> list[str]:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return [item["name"] for item in packages if item["name"] != "menting"]


def _terms(name: str) -> str | None:
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None  # locked for another platform or Python
    classifiers = [
        row for row in about.get_all("Classifier", []) if row.startswith("License")
    ]
    return " ".join(
        [
            about.get("License-Expression", ""),
            *classifiers,
            (about.get("License") or "")[:200],
        ]
    )


def test_no_package_of_the_lock_is_under_gpl_or_agpl() -> None:
    bad = [
        name
        for name in _locked()
        if (terms := _terms(name)) is not None
        and any(word in terms.upper() for word in ("GPL", "AFFERO", "GENERAL PUBLIC"))
        and "LGPL" not in terms.upper()
        and "LESSER" not in terms.upper()
    ]
    assert set(bad) - SEPARATE == set()


def test_every_installed_package_says_its_terms() -> None:
    silent = [name for name in _locked() if _terms(name) is not None and not _terms(name)]
    assert silent == []
