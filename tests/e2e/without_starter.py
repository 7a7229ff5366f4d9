"""LlamaDesk as on a computer that has no model at all: a package without the starter model.

python -P tests/e2e/without_starter.py ARGUMENTS
"""

from __future__ import annotations

import sys

from llamadesk.core import paths

paths.starter_model = lambda: None  # before any room takes it by its name

from llamadesk import __main__  # noqa: E402 - that is the point

sys.exit(__main__.main(sys.argv[1:]))
