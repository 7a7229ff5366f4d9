"""`python -m tests.benchmarks [--json FILE] [names]`, as packaging/dev.py bench runs it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.benchmarks.harness import run

parser = argparse.ArgumentParser(prog="bench")
parser.add_argument("--json", type=Path, metavar="FILE")
parser.add_argument("names", nargs="*")
chosen = parser.parse_args()
sys.exit(1 if run(chosen.names, chosen.json) else 0)
