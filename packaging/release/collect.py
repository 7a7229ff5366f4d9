#!/usr/bin/env python3
"""Gather what one system's job publishes: `python3 packaging/release/collect.py SYSTEM BUILD OUT`.

SYSTEM is such as "linux-x86_64"; BUILD is the folder that `dev.py bundle` builds in. The packages are checked against
the SHA256SUMS beside them (all of the release get another); the list of components is named after the system.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

CHECKSUMS = "SHA256SUMS"
COMPONENTS = "sbom.cdx.json"


def collect(system: str, build: Path, out: Path) -> list[Path]:
    """Copy what is published to `out`.

    Args:
        system: such as "macos-arm64".
        build: holds `dist` with the packages, and `bundle`.
        out: a folder, made where it is missing.

    Returns:
        The copies.

    Raises:
        ValueError: a package is not what SHA256SUMS says, or there is not one list of components.
    """
    dist = build / "dist"
    for line in (dist / CHECKSUMS).read_text(encoding="utf-8").splitlines():
        wanted, _, name = line.partition("  ")
        if hashlib.sha256((dist / name).read_bytes()).hexdigest() != wanted:
            raise ValueError(f"{name} is not what {CHECKSUMS} says")
    lists = [path for path in (build / "bundle").rglob(COMPONENTS) if not path.is_symlink()]
    if len(lists) != 1:
        raise ValueError(f"there are {len(lists)} lists of components ({COMPONENTS}) in the bundle")
    out.mkdir(parents=True, exist_ok=True)
    packages = [path for path in sorted(dist.iterdir()) if path.is_file() and path.name != CHECKSUMS]
    copies = [Path(shutil.copy2(path, out)) for path in packages]
    return [*copies, Path(shutil.copy2(lists[0], out / f"LlamaDesk-{system}.{COMPONENTS}"))]


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Gather what is published.")
    parser.add_argument("system")
    parser.add_argument("build", type=Path)
    parser.add_argument("out", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        for path in collect(chosen.system, chosen.build, chosen.out):
            print(path.name)
    except (ValueError, OSError) as error:
        print(f"Nothing can be published: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
