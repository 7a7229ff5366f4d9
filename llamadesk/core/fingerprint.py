"""What tells one model file from another, without reading the whole of it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

_HEAD_BYTES: Final = 1024 * 1024
_BLOCK_BYTES: Final = 32 * 1024
_N_BLOCKS: Final = 24


def fingerprint(path: Path) -> str:
    """32 hex digits of a file's size, its head (where a GGUF file describes itself) and blocks from all over it.

    Two files that share it may still differ, but none that somebody converted, quantized or trained anew does.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest.update(size.to_bytes(8, "little"))
        digest.update(file.read(_HEAD_BYTES))
        last = size - _BLOCK_BYTES
        if last > _HEAD_BYTES:
            for number in range(_N_BLOCKS):
                file.seek(_HEAD_BYTES + (last - _HEAD_BYTES) * number // (_N_BLOCKS - 1))
                digest.update(file.read(_BLOCK_BYTES))
    return digest.hexdigest()
