"""How a start can differ from an ordinary one."""

from __future__ import annotations

from typing import Final

import msgspec

SAFE_MODE_VARIABLE: Final = "LLAMADESK_SAFE_MODE"
"""Set to "1" in the environment of the engine it asks for the plainest way of computing; in the app's own, for safe
mode as a whole."""

ACCELERATORS_VARIABLE: Final = "LLAMADESK_ACCELERATORS"
"""In the environment of the engine: more folders with GPU modules, separated as in PATH; what a person added."""


class StartMode(msgspec.Struct, frozen=True):
    """What was asked for at the start.

    Attributes:
        safe: the plainest engine, and the settings' defaults; the person's own settings are neither used nor changed.
        offline: no connection to the network.
    """

    safe: bool = False
    offline: bool = False
