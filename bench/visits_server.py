"""One server process for the door's figure: `empty`, or `door` over a spool in a folder."""

import socket
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import uvicorn

from menting.visits.door import Door
from menting.visits.spool import Spool
from menting.visits.visit import Snapshot, SpaceSeen

ORIGIN = "https://garden.example"


async def empty(scope: Any, receive: Any, send: Any) -> None:
    """Answer 204 and do nothing else, not even read the body."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def main() -> None:
    """Serve on a free port, which is printed, until the process is ended."""
    which, folder = sys.argv[1:]
    app = empty if which == "empty" else _door(Path(folder))
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    settings = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(settings).run(sockets=[listener])


def _door(folder: Path) -> Door:
    utc, shanghai = ZoneInfo("UTC"), ZoneInfo("Asia/Shanghai")
    garden = SpaceSeen(1, "garden", frozenset({ORIGIN}), shanghai)
    snapshot = Snapshot({"garden": garden}, utc)
    return Door(spool=Spool(folder), spaces=lambda: snapshot, key=b"k" * 32)


if __name__ == "__main__":
    main()
