"""Runs every row of the tryout, or those that were named, and prints the table. Started by `dev.py tryout`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from devlib.bundle import NAME
from devlib.console import Log, TroubleError, say

from tryout import (
    clean_room,
    package_lint,
    processors,
    reproducible,
    sizes,
    speed,
    start,
    vulkan,
    windows_setup,
    workflow_lint,
)
from tryout.rooms import Row
from tryout.trial import Trial

ROOT = Path(__file__).resolve().parents[2]
PARTS: dict[str, Callable[[Trial], Iterator[Row]]] = {
    "sizes": sizes.rows,
    "speed": speed.rows,  # what is measured comes first: the machine is still quiet
    "start": start.rows,
    "processors": processors.rows,
    "vulkan": vulkan.rows,
    "clean-room": clean_room.rows,
    "packages": package_lint.rows,
    "reproducible": reproducible.rows,
    "windows": windows_setup.rows,
    "workflow": workflow_lint.rows,
}


def trial(log: Log) -> Trial:
    """What lies below `build/`.

    Raises:
        TroubleError: it is not all there.
    """
    build = ROOT / "build"
    found = [next((build / "dist").glob(pattern), None) for pattern in ("*.deb", "*.tar.xz")]
    if not (build / "bundle" / NAME).is_dir() or None in found:
        raise TroubleError("There is nothing to try yet: make it with `python3 packaging/dev.py bundle`.")
    deb, archive = (path for path in found if path)
    return Trial(ROOT, build / "bundle" / NAME, deb, archive, Path(sys.executable), log)


def tried(part: str, of: Trial) -> Iterator[Row]:
    """The rows of one part; what ends it early is a row that does not hold."""
    try:
        yield from PARTS[part](of)
    except (TroubleError, OSError) as error:
        yield Row(part, False, str(error))


def main(arguments: Sequence[str]) -> int:
    """Returns 0 where every row holds."""
    parser = argparse.ArgumentParser(prog="dev.py tryout")
    parser.add_argument("--json", type=Path)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PARTS)}")
    chosen = parser.parse_args(arguments)
    log = Log(ROOT / "build" / "tryout")
    rows: list[Row] = []
    try:
        of = trial(log)
        for part in PARTS:
            if chosen.names and not any(name in part for name in chosen.names):
                continue
            for row in tried(part, of):
                rows.append(row)
                say(f"{'holds' if row.ok else 'FAILS'}  {part}: {row.name}: {row.what}")
    except TroubleError as error:
        say(str(error))
        return 1
    finally:
        log.close()
    if chosen.json is not None:
        chosen.json.write_text(json.dumps([row._asdict() for row in rows], indent=1) + "\n", encoding="utf-8")
    failed = sum(not row.ok for row in rows)
    say(f"{len(rows) - failed} of {len(rows)} rows hold.")
    return 1 if failed or not rows else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
