"""Sizes in words. One way everywhere: decimal units, as download pages and most file managers count."""

from __future__ import annotations

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def bytes_text(n_bytes: int) -> str:
    """A number of bytes for a person: "870 bytes", "98 MB", "3.6 GB" (1 GB is 1,000,000,000 bytes)."""
    size = float(max(n_bytes, 0))
    unit = 0
    # 999.5 and more would be shown as "1000"
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    digits = 1 if unit >= 3 and size < 99.95 else 0
    return f"{size:.{digits}f} {_UNITS[unit]}"


def part_text(done: int, total: int) -> str:
    """How much of something is there, in one unit: "1.2 of 3.6 GB"."""
    whole = bytes_text(total)
    number, unit = whole.split(" ")
    factor = 1000 ** _UNITS.index(unit)
    digits = len(number.partition(".")[2])
    return f"{max(done, 0) / factor:.{digits}f} of {whole}"
