"""What the project says about its newest release, and whether that is newer than what runs."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from llamadesk.core.project import HOMEPAGE

_VERSION: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){0,5}")
_LONGEST_NOTES: Final = 600


class Release(msgspec.Struct, frozen=True):
    """One release.

    Attributes:
        version: such as "0.2.0".
        page: where a person reads about it and downloads it; one of the project's own pages.
        notes: a short paragraph, plain text.
    """

    version: str
    page: str
    notes: str = ""


def read_release(data: bytes) -> Release:
    """The release that a release file names.

    Raises:
        ValueError: it is no release file of this project.
    """
    try:
        release = msgspec.json.decode(data, type=Release)
    except (UnicodeDecodeError, msgspec.DecodeError) as error:
        raise ValueError("no release file") from error
    if not release.page.startswith(f"{HOMEPAGE}/") or not release.page.isprintable() or ".." in release.page:
        raise ValueError("its page is none of the project's")
    if not release.version.isprintable() or len(release.version) > 50:
        raise ValueError("its version is none")
    notes = " ".join(release.notes.split())
    shown = "".join(character for character in notes if character.isprintable())[:_LONGEST_NOTES]
    return msgspec.structs.replace(release, notes=shown)


def is_newer(version: str, than: str) -> bool:
    """Whether `version` is a finished release that comes after `than`. One that is not finished ("0.3.0rc1") never is;
    to one who runs such a one, the release it becomes is newer."""
    if not _VERSION.fullmatch(version):
        return False
    base = _VERSION.match(than)
    if base is None:
        return True
    ours, theirs = _numbers(base.group()), _numbers(version)
    return theirs > ours or (theirs == ours and base.group() != than and not than[base.end() :].startswith("+"))


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in version.split(".")]
    while numbers and numbers[-1] == 0:  # 1.0 is 1.0.0
        numbers.pop()
    return tuple(numbers)
