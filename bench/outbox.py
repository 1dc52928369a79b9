"""How fast a campaign is planned, and its deliveries claimed, dispatched and settled."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from bench.row import Row

_CHILD = """
import sys, json
import django
django.setup()
from bench import outbox_child
for told in getattr(outbox_child, sys.argv[1])(*map(json.loads, sys.argv[2:])):
    print(json.dumps(told), flush=True)
"""


def measure(*, recipients: int = 1_000_000) -> Iterator[Row]:
    """Measure on a folder of its own, planning in a process that does nothing else."""
    with tempfile.TemporaryDirectory(prefix="menting-bench-outbox-") as folder:
        [bare] = _in_child(folder, "prepare", recipients)
        for told in _in_child(folder, "measure", recipients, bare):
            yield Row(*told)


def _in_child(folder: str, act: str, *given: float) -> list[Any]:
    done = subprocess.run(  # noqa: S603  # our own module
        [sys.executable, "-c", _CHILD, act, *map(json.dumps, given)],
        env=os.environ
        | {"MENTING_DATA": folder, "DJANGO_SETTINGS_MODULE": "menting.server.settings"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]
