"""Put the licences of all that a bundle carries into it, and its bill of materials.

`python notices.py CONTENTS ENGINE BUNDLE`, run with the environment that PyInstaller was run with: CONTENTS is the file
that packaging/llamadesk.spec writes, ENGINE the folder of the portable llama_cpp. It makes BUNDLE/licences/ and
BUNDLE/sbom.cdx.json (in a macOS app: below Contents/Resources, so before it is signed), dated SOURCE_DATE_EPOCH, and
fails where something is carried whose licence it does not know.

Run on Linux; on Windows and macOS it is not verified.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from carried.component import UnknownPartError
from carried.index import write_licences
from carried.inventory import INDEX_FOLDER, SBOM_FILE, Inventory, home
from carried.sbom import sbom


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Put licences and the bill of materials into a bundle.")
    parser.add_argument("contents", type=Path)
    parser.add_argument("engine", type=Path)
    parser.add_argument("bundle", type=Path)
    chosen = parser.parse_args(arguments)
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        inventory = Inventory(chosen.contents, chosen.engine)
        parts = inventory.parts()
        unexpected = inventory.unexpected(chosen.bundle)
        if unexpected:
            raise UnknownPartError(f"In the bundle, but not from PyInstaller: {', '.join(unexpected)}.")
        document = sbom(parts, chosen.bundle, int(epoch) if epoch else None)
    except UnknownPartError as error:
        print(error, file=sys.stderr)
        return 1
    write_licences(parts, home(chosen.bundle) / INDEX_FOLDER)
    (home(chosen.bundle) / SBOM_FILE).write_text(document, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
