"""What processes hold of the main memory, as Linux counts it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_EVERY_SECONDS = 0.02
_MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ (?P<inode>\d+)")
_REFERENCED = re.compile(r"^Referenced:\s+(?P<kilobytes>\d+) kB$")


def share_of_tree(pid: int) -> int:
    """Bytes that a process and its children hold; what several processes share is divided among them."""
    process = psutil.Process(pid)
    return sum(int(each.memory_full_info().pss) for each in (process, *process.children(recursive=True)))


def own_bytes(pid: int) -> int:
    """Bytes of a process that are not pages of a file: nobody can take them back."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return 1024 * sum(int(found) for found in re.findall(r"^Rss(?:Anon|Shmem):\s+(\d+) kB$", status, re.MULTILINE))


class Peak:
    """The highest `own_bytes` of a process that were seen, looked at every few milliseconds."""

    def __init__(self, pid: int) -> None:
        self.n_bytes = 0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @classmethod
    @contextmanager
    def of(cls, pid: int) -> Iterator[Peak]:
        """Watch a process for a while."""
        peak = cls(pid)
        peak._thread.start()
        try:
            yield peak
        finally:
            peak._over.set()
            peak._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            self.n_bytes = max(self.n_bytes, own_bytes(self._pid))


def forget_references(pid: int) -> None:
    """Begin to count anew which pages a process touches."""
    Path(f"/proc/{pid}/clear_refs").write_text("1", encoding="utf-8")


def referenced_file_bytes(pid: int) -> int:
    """Bytes of the files' pages that a process has touched since `forget_references`."""
    return referenced_in(Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8", errors="replace"))


def referenced_in(smaps: str) -> int:
    """The same, from the text of /proc/PID/smaps."""
    total, of_file = 0, False
    for line in smaps.splitlines():
        if mapping := _MAPPING.match(line):
            of_file = mapping["inode"] != "0"
        elif of_file and (referenced := _REFERENCED.match(line)):
            total += 1024 * int(referenced["kilobytes"])
    return total
