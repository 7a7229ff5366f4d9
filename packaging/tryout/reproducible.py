"""Two bundles of one commit, from two clones in different folders, and the packages of each: the same to the byte.

Both carry one and the same llama.cpp, which is compiled once for a recipe and then kept: whether compiling it again
gives the same bytes is not seen here.
"""

from __future__ import annotations

import hashlib
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from devlib import bundle
from devlib.console import Log, StepFailedError, TroubleError

from tryout.rooms import Row
from tryout.trial import Trial

EXPLAINED: dict[str, str] = {}
"""Files that may differ, as patterns of their paths, and why."""
SHOWN = 10
"""Paths that are named where more differ."""
_FOLDERS = ("first", "a second one, elsewhere")


def rows(trial: Trial) -> Iterator[Row]:
    """One row for the files of the bundle, one for the packages."""
    workshop = bundle.set_up(trial.root, trial.log)
    with tempfile.TemporaryDirectory(prefix="llamadesk-twice-", dir=trial.root / "build") as name:
        try:
            first, second = (_build(workshop, Path(name) / folder, trial.log) for folder in _FOLDERS)
        except (TroubleError, StepFailedError) as error:
            yield Row("two builds of one commit", False, str(error))
            return
        yield compared("two builds of one commit: the bundle, byte-identical", first.bundle, second.bundle)
        yield compared("two builds of one commit: the packages, byte-identical", first.packages, second.packages)


class Made(NamedTuple):
    """The folders of a bundle and of the packages of it."""

    bundle: Path
    packages: Path


def _build(workshop: bundle.Workshop, folder: Path, log: Log) -> Made:
    source, work, packages = folder / "source", folder / "work", folder / "packages"
    log.run(["git", "clone", "--quiet", "--no-hardlinks", workshop.root, source], "Copying the sources")
    here = replace(workshop, root=source)
    release = bundle.release_of(source)
    program = bundle.make_bundle(here, release, folder / "bundle", work, log)
    bundle.make_packages(here, release, program, packages, work, log)
    shutil.rmtree(work)
    return Made(program, packages)


def compared(name: str, first: Path, second: Path) -> Row:
    """A row that holds where the two folders differ in nothing, or in what EXPLAINED names."""
    one, other = fingerprints(first), fingerprints(second)
    differing = differences(one, other)
    unexplained = [path for path in differing if explanation(path) is None]
    explained = len(differing) - len(unexplained)
    if not unexplained:
        return Row(name, True, f"{len(one)} entries, {explained} of which differ as explained")
    named = ", ".join(unexplained[:SHOWN]) + (" …" if len(unexplained) > SHOWN else "")
    return Row(name, False, f"{len(unexplained)} of {len(one)} entries differ: {named}")


def fingerprints(folder: Path) -> dict[str, str]:
    """What is at each path below `folder`: kind, mode, and the bytes of a file (as SHA-256) or the target of a link."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            content = str(path.readlink())
        elif stat.S_ISREG(status.st_mode):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        else:
            content = ""
        found[path.relative_to(folder).as_posix()] = f"{stat.filemode(status.st_mode)} {content}"
    return found


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The paths, sorted, that are in one alone or not the same in both."""
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


def explanation(path: str) -> str | None:
    """Why the file at this path may differ; None where it may not."""
    return next((why for pattern, why in EXPLAINED.items() if fnmatch(path, pattern)), None)
