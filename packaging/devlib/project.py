"""What the project is called, from the one place that says so: `llamadesk/core/project.py`, which imports nothing."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_facts = runpy.run_path(str(ROOT / "llamadesk" / "core" / "project.py"))
APP_ID: str = _facts["APP_ID"]
"""How desktops know the app."""
HOMEPAGE: str = _facts["HOMEPAGE"]
"""The address of the project, without a slash at its end."""
