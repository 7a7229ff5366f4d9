"""How this app came onto the computer: what its bundle says of itself."""

from __future__ import annotations

from typing import Final

import msgspec

from llamadesk.core.paths import bundle_root

MARKER: Final = "installation.json"
"""Lies in the bundle beside its libraries; whoever makes a package writes it."""
SOURCE: Final = "source"
_UNKNOWN: Final = "unknown"


class Installation(msgspec.Struct, frozen=True):
    """What kind of installation runs.

    Attributes:
        kind: "deb", "archive", "windows", "macos", ... as the packager called it; "source" where nothing was packaged,
            "unknown" for a bundle without a word on it.
        commit: of the sources it was made from, "" where that is not known.
        built: when, in seconds since 1970; 0 where that is not known.
        is_bundle: whether the app carries its own Python.
    """

    kind: str = SOURCE
    commit: str = ""
    built: int = 0
    is_bundle: bool = False


def installation() -> Installation:
    """The installation that runs. Never fails: a marker that cannot be read makes it an unknown one."""
    root = bundle_root()
    if root is None:
        return Installation()
    try:
        marker = msgspec.json.decode((root / MARKER).read_bytes(), type=Installation)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError):
        return Installation(_UNKNOWN, is_bundle=True)
    return msgspec.structs.replace(marker, is_bundle=True)
