"""How fast a campaign is planned, and its deliveries claimed, dispatched and settled."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from bench.row import Row

_CHILD = """
import sys
import django
django.setup()
from bench import outbox_child
outbox_child.main(int(sys.argv[1]))
"""


def measure(*, recipients: int = 1_000_000) -> Iterator[Row]:
    """Measure on a folder and in a process of its own, whose memory holds nothing else."""
    with tempfile.TemporaryDirectory(prefix="menting-bench-outbox-") as folder:
        done = subprocess.run(  # noqa: S603  # our own module
            [sys.executable, "-c", _CHILD, str(recipients)],
            env=os.environ
            | {"MENTING_DATA": folder, "DJANGO_SETTINGS_MODULE": "menting.server.settings"},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
    for line in done.stdout.splitlines():
        yield Row(*json.loads(line))
