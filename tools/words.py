"""Compile the catalogues of words for gettext; also hatchling's build hook."""

from pathlib import Path
from typing import Any

from babel.messages import mofile, pofile
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from typing_extensions import override

LOCALE = Path(__file__).resolve().parent.parent / "menting" / "locale"


class Words(BuildHookInterface[Any]):
    """Compiles the catalogues before a wheel is made."""

    @override
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run before each build."""
        compile_all()


def compile_all() -> None:
    """Write each `.mo` that is older than its `.po`."""
    for source in LOCALE.glob("*/LC_MESSAGES/*.po"):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            with source.open("rb") as words, target.open("wb") as out:
                mofile.write_mo(out, pofile.read_po(words))


if __name__ == "__main__":
    compile_all()
