"""The setting that names LoRA adapters, as text and as values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Final

from llamadesk.core.protocol import Adapter

MAX_ADAPTERS: Final = 16
MAX_SCALE: Final = 4.0
"""The strongest that an adapter can be made to work, either way round."""


def adapters_from(text: str) -> tuple[Adapter, ...]:
    """The adapters that a value of the setting names: a JSON list of [absolute path, strength].

    What is none of that is left out, so that a damaged value never keeps a model from being loaded.
    """
    try:
        entries = json.loads(text) if text else []
    except (ValueError, RecursionError):
        return ()
    adapters: dict[str, Adapter] = {}
    for entry in entries if isinstance(entries, list) else []:
        match entry:
            case [str() as path, int() | float() as scale] if path and math.isfinite(scale):
                adapters[path] = Adapter(path, max(-MAX_SCALE, min(float(scale), MAX_SCALE)))
    return tuple(adapters.values())[:MAX_ADAPTERS]


def adapters_text(adapters: Iterable[Adapter]) -> str:
    """The value of the setting that names these adapters; "" for none."""
    entries = [[adapter.path, adapter.scale] for adapter in adapters]
    return json.dumps(entries, ensure_ascii=False) if entries else ""
