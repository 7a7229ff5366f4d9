"""Makes damaged model files: cut, bits flipped, wrong magic, huge counts. Always the same ones."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

HUGE = (0x7FFFFFFF, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
MAGICS = (b"GGML", b"ggjt", b"ggla", b"lmgg", b"FUGG", b"gguf", b"PK\x03\x04", b"\x7fELF", b"\0\0\0\0", b"<htm")
COUNTS_AT = (8, 16)  # of tensors and of values, after magic and version

Damage = Callable[[random.Random, bytearray, int], None]


def cut(rng: random.Random, data: bytearray, header_bytes: int) -> None:
    del data[rng.choice((rng.randrange(header_bytes), rng.randrange(len(data)))) :]


def flip_header_bits(rng: random.Random, data: bytearray, header_bytes: int) -> None:
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(header_bytes)] ^= 1 << rng.randrange(8)


def flip_any_bits(rng: random.Random, data: bytearray, header_bytes: int) -> None:
    for _ in range(rng.randint(1, 64)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def change_magic(rng: random.Random, data: bytearray, header_bytes: int) -> None:
    if rng.random() < 0.8:
        data[:4] = rng.choice(MAGICS)
    else:
        data[4:8] = struct.pack("<I", rng.choice((0, 1, 2, 99, 0x03000000)))  # the version


def blow_up_counts(rng: random.Random, data: bytearray, header_bytes: int) -> None:
    at = rng.choice(COUNTS_AT) if rng.random() < 0.2 else rng.randrange(24, header_bytes - 8)
    data[at : at + 8] = struct.pack("<Q", rng.choice(HUGE))


DAMAGES: tuple[tuple[int, Damage], ...] = (
    (45, cut),
    (65, flip_header_bits),
    (20, flip_any_bits),
    (20, change_magic),
    (50, blow_up_counts),
)


def damaged_files(good: Path, folder: Path) -> Iterator[Path]:
    """Damages the model `good` in 200 ways; the files stay in `folder`."""
    rng = random.Random(200)
    whole = good.read_bytes()
    header_bytes = whole.index(b"blk.1.ffn")  # far enough: the values and most of the tensors' descriptions
    for count, damage in DAMAGES:
        for n in range(count):
            data = bytearray(whole)
            damage(rng, data, header_bytes)
            path = folder / f"{damage.__name__}-{n}.gguf"
            path.write_bytes(data)
            yield path
