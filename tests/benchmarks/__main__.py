"""`python -m tests.benchmarks [--json FILE] [names]`, as packaging/dev.py bench runs it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.benchmarks.harness import run

parser = argparse.ArgumentParser(prog="bench")
parser.add_argument("--json", type=Path, metavar="FILE")
parser.add_argument("names", nargs="*")
chosen = parser.parse_args()
# An app that is used has its code compiled: the starts that are measured are to have it too.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.exit(1 if run(chosen.names, chosen.json) else 0)
