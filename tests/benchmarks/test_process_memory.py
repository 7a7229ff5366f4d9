"""What processes hold: of a process whose memory is known."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.benchmarks.process_memory import (
    Peak,
    forget_references,
    own_bytes,
    referenced_file_bytes,
    referenced_in,
    share_of_tree,
)

MEGABYTE = 1024 * 1024
SMAPS = """\
55d0c0000000-55d0c0001000 r--p 00000000 fe:01 1234                       /usr/bin/python3.11
Rss:                   4 kB
Referenced:            4 kB
7f0000000000-7f0000100000 r--s 00000000 fe:01 99                         /a model of mine.gguf
Rss:                1024 kB
Referenced:          512 kB
7f0000200000-7f0000300000 rw-p 00000000 00:00 0                          [heap]
Rss:                1024 kB
Referenced:         1024 kB
"""
# Maps the file and touches all of it, takes and frees 64 MB of its own, then touches a quarter of the file.
HOLDER = """
import mmap, sys
with open(sys.argv[1], "rb") as file:
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
touch = lambda end: sum(mapped[at] for at in range(0, end, 4096))
touch(len(mapped))
print("mapped", flush=True)
for line in sys.stdin:
    block = b"x" * (64 << 20)
    print("held", flush=True)
    sys.stdin.readline()
    del block
    touch(len(mapped) // 4)
    print("done", flush=True)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def test_pages_of_files_are_told_from_others() -> None:
    assert referenced_in(SMAPS) == (4 + 512) * 1024


def test_what_a_process_holds(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"w" * (80 * MEGABYTE))
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "mapped\n"
        assert share_of_tree(process.pid) > 80 * MEGABYTE
        before = own_bytes(process.pid)
        assert before < 60 * MEGABYTE  # the file's pages are not its own
        with Peak.of(process.pid) as peak:
            process.stdin.write("hold\n")
            process.stdin.flush()
            assert process.stdout.readline() == "held\n"
            held = own_bytes(process.pid)
            while peak.n_bytes < held:
                time.sleep(0.01)
            forget_references(process.pid)
            process.stdin.write("let go\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"
        assert peak.n_bytes - before > 60 * MEGABYTE
        assert own_bytes(process.pid) - before < 10 * MEGABYTE
        assert 20 * MEGABYTE <= referenced_file_bytes(process.pid) < 40 * MEGABYTE
