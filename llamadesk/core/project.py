"""What the project is called in the world: the one place for its addresses and its id."""

from __future__ import annotations

from typing import Final

APP_ID: Final = "io.github.llamadesk.LlamaDesk"
"""How desktops know the app: the name of its desktop file, of its icons and of its AppStream data."""
HOMEPAGE: Final = "https://github.com/llamadesk/llamadesk"
RELEASE_FILE: Final = f"{HOMEPAGE}/releases/latest/download/release.json"
"""Says what the newest version is; see `llamadesk.core.release`."""
