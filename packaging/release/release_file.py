#!/usr/bin/env python3
"""Write release.json, which the app reads where the person asked to hear of new versions, and the notes of the release.

`python3 packaging/release/release_file.py VERSION OUT [--unsigned SYSTEM ...]`, with the standard library alone.
"""

from __future__ import annotations

import argparse
import json
import re
import runpy
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOMEPAGE: str = runpy.run_path(str(ROOT / "llamadesk" / "core" / "project.py"))["HOMEPAGE"]
VERSION: str = runpy.run_path(str(ROOT / "llamadesk" / "__init__.py"))["__version__"]
WARNINGS = {
    "windows": "**Windows**: this setup program is not signed. SmartScreen says “Windows protected your PC”: choose "
    "“More info”, then “Run anyway”, once you have compared the file with SHA256SUMS.",
    "macos": "**macOS**: this app is not notarised. macOS says that it cannot check it: open System Settings > Privacy "
    "& Security and choose “Open Anyway”, once you have compared the file with SHA256SUMS.",
}
"""What a person sees where nothing is signed."""


def release_file(version: str, notes: str) -> dict[str, str]:
    """What release.json holds.

    Args:
        version: such as "0.2.0".
        notes: one short paragraph.
    """
    return {"version": version, "page": f"{HOMEPAGE}/releases/tag/v{version}", "notes": notes}


def notes(version: str, unsigned: Collection[str]) -> str:
    """The notes of a release as Markdown: what each system will say, and how to check a download.

    Args:
        version: such as "0.2.0".
        unsigned: which of WARNINGS' systems have no signature.
    """
    warnings = [text for system, text in WARNINGS.items() if system in unsigned]
    check = (
        "To check a download: `sha256sum --check --ignore-missing SHA256SUMS`, or, with GitHub's program, "
        f"`gh attestation verify FILE --repo {HOMEPAGE.removeprefix('https://github.com/')}`."
    )
    return "\n\n".join([f"LlamaDesk {version}.", *warnings, check]) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write release.json and notes.md.")
    parser.add_argument("version", help="as it is tagged, with or without the v")
    parser.add_argument("out", type=Path, help="the folder to write them to")
    parser.add_argument("--unsigned", nargs="*", default=[], choices=sorted(WARNINGS), metavar="SYSTEM")
    chosen = parser.parse_args(arguments)
    version = chosen.version.removeprefix("v")
    if not re.fullmatch(r"\d+\.\d+\.\d+(?:rc\d+)?", version):
        parser.error(f"{version} is no version such as 0.2.0")
    if version != VERSION:
        parser.error(f"the tag says {version} and llamadesk/__init__.py says {VERSION}")
    chosen.out.mkdir(parents=True, exist_ok=True)
    what = json.dumps(release_file(version, f"LlamaDesk {version} is there."), indent=2)
    (chosen.out / "release.json").write_text(f"{what}\n", encoding="utf-8")
    (chosen.out / "notes.md").write_text(notes(version, chosen.unsigned), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
