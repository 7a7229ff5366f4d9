"""A download in a process of its own, that a test can kill: `python -m tests.web.transfer_process JSON`."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

from llamadesk.web.connection import Connection
from llamadesk.web.transfer import Transfer, Wanted

ROOT = Path(__file__).parents[2]


def start(wanted: Wanted, block_bytes: int, limit: int = 0) -> subprocess.Popen[bytes]:
    """Begin a download there."""
    told = {
        "url": wanted.url,
        "target": str(wanted.target),
        "size": wanted.size,
        "sha256": wanted.sha256,
        "block_bytes": block_bytes,
        "limit": limit,
    }
    return subprocess.Popen([sys.executable, "-m", "tests.web.transfer_process", json.dumps(told)], cwd=ROOT)


def main() -> None:
    told = json.loads(sys.argv[1])
    wanted = Wanted(told["url"], Path(told["target"]), told["size"], told["sha256"])
    with Connection(wanted.url) as connection:
        transfer = Transfer(connection, wanted, block_bytes=told["block_bytes"], reserve_bytes=0)
        transfer.run(lambda progress: None, threading.Event(), told["limit"])


if __name__ == "__main__":
    main()
