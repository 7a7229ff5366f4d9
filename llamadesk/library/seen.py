"""What the files were like that a scan has read, kept between runs of the app: unchanged ones are not read again.

It is a cache. A file of it that is damaged, or was written by another version, is dropped in silence, and so is what
cannot be written; the models are then read again.
"""

from __future__ import annotations

import contextlib
import logging
import zlib
from pathlib import Path
from typing import Final

import msgspec

from llamadesk import __version__
from llamadesk.core.models import ModelFacts

_log = logging.getLogger(__name__)
_FORMAT: Final = 1
"""Raise it where what is kept, or how it is read off a header, changes within a version."""
_MAX_BYTES: Final = 64 * 1024 * 1024
_MAX_FILES: Final = 20_000
_CRC_BYTES: Final = 4


class SeenFile(msgspec.Struct, frozen=True, array_like=True):
    """One model in one state of its files.

    Attributes:
        size_bytes, modified_ns: the state; of a set of parts as `llamadesk.library.sets.Extent` has it.
        name: by which it was read, where that is not the file's own; "" else.
        family: see `llamadesk.library.names.family_name`.
        facts: None for a file that goes with models and is none.
        header_digest: of all that the header says; what differs there differs.
        fingerprint: see `llamadesk.core.fingerprint`; "" until it was asked for.
    """

    size_bytes: int
    modified_ns: int
    name: str
    family: str
    facts: ModelFacts | None
    header_digest: bytes
    fingerprint: str = ""


class _Kept(msgspec.Struct):
    version: list[str]
    files: dict[str, SeenFile]


class Seen:
    """What is known of files by their paths. For one thread at a time."""

    def __init__(self, file: Path | None = None) -> None:
        """`file`: where it is kept from one run to the next; None for this run alone."""
        self._file = file
        self._files: dict[str, SeenFile] = _read(file) if file is not None else {}
        self._used: set[str] = set()
        self._changed = False

    def find(self, path: Path, size_bytes: int, modified_ns: int, name: str = "") -> SeenFile | None:
        """What is known of a file that is in this state now; None where it must be read."""
        seen = self._files.get(str(path))
        if seen is None or (seen.size_bytes, seen.modified_ns, seen.name) != (size_bytes, modified_ns, name):
            return None
        self._used.add(str(path))
        return seen

    def keep(self, path: Path, seen: SeenFile) -> None:
        """Remember what a file was like. Its path is Unicode."""
        self._files[str(path)] = seen
        self._used.add(str(path))
        self._changed = True

    def save(self) -> None:
        """Write it down, whole or not at all. Where files are too many, those that were not asked for go: a disk that
        is away for a day is not forgotten before."""
        if self._file is None or not self._changed:
            return
        ordered = sorted(self._files, key=lambda path: path not in self._used)
        self._files = {path: self._files[path] for path in ordered[:_MAX_FILES]}
        data = msgspec.msgpack.encode(_Kept(_version(), self._files))
        unfinished = self._file.with_name(f"{self._file.name}.part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(zlib.crc32(data).to_bytes(_CRC_BYTES, "little") + data)
            unfinished.replace(self._file)
        except OSError as error:
            _log.info("what was seen of model files is not kept: %s", error)
            with contextlib.suppress(OSError):
                unfinished.unlink()
        else:
            self._changed = False


def _version() -> list[str]:
    return [str(_FORMAT), __version__, *ModelFacts.__struct_fields__]


def _read(file: Path) -> dict[str, SeenFile]:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_BYTES)
        if int.from_bytes(data[:_CRC_BYTES], "little") != zlib.crc32(data[_CRC_BYTES:]):
            return {}
        kept = msgspec.msgpack.decode(memoryview(data)[_CRC_BYTES:], type=_Kept)
    except (OSError, msgspec.DecodeError):
        return {}
    return kept.files if kept.version == _version() else {}
