"""What Debian's and the desktop's own checkers say about the packages, and whether every library is to be had."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from devlib import elf, system
from devlib.linux import SOURCES
from devlib.project import APP_ID

from tryout.rooms import Row
from tryout.steps import FailedError, tried
from tryout.trial import Trial

TOOLS = (
    system.Program("lintian", "lintian"),
    system.Program("desktop-file-validate", "desktop-file-utils"),
    system.Program("appstreamcli", "appstream"),
    system.Program("update-mime-database", "shared-mime-info"),
    system.Program("shellcheck", "shellcheck"),
    system.Program("readelf", "binutils"),
)
_SECONDS = 300.0
_LETTERS = {"E": "errors", "W": "warnings", "O": "overridden"}


def rows(trial: Trial) -> Iterator[Row]:
    """A row for each checker."""
    system.provide(TOOLS, "Checking the packages", trial.log)
    yield tried("lintian finds nothing that is not overridden", lambda: _lintian(trial))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        share = root / "usr" / "share"
        unpack = ["dpkg-deb", "--extract", str(trial.deb), folder]
        unpacked = tried("the .deb can be unpacked", lambda: _checked(trial, unpack))
        if not unpacked.ok:
            yield unpacked
            return
        desktop = ["desktop-file-validate", str(share / "applications" / f"{APP_ID}.desktop")]
        yield tried("desktop-file-validate", lambda: _checked(trial, desktop))
        metainfo = ["appstreamcli", "validate", "--no-net", str(share / "metainfo" / f"{APP_ID}.metainfo.xml")]
        yield tried("appstreamcli validate", lambda: _checked(trial, metainfo))
        mime = ["env", f"XDG_DATA_DIRS={share}", "update-mime-database", str(share / "mime")]
        yield tried("update-mime-database", lambda: _checked(trial, mime))
    scripts = sorted((SOURCES / "archive").glob("*.sh"))
    shellcheck = ["shellcheck", "--external-sources", *map(str, scripts)]
    yield tried("shellcheck of the archive's scripts", lambda: _checked(trial, shellcheck))
    yield tried("every library is carried or depended on", lambda: _libraries(trial))


def counted(report: str) -> Counter[str]:
    """How many errors, warnings and overridden tags lintian reports."""
    return Counter(_LETTERS[letter] for letter in re.findall(r"^([EWO]): ", report, re.MULTILINE))


def _lintian(trial: Trial) -> str:
    # It ends with an error where it finds any; what is overridden is told by it, and is none.
    report = _run(trial, ["lintian", "--show-overrides", "--no-cfg", "--fail-on", "none", str(trial.deb)])
    found = counted(report)
    if found["errors"] or found["warnings"]:
        lines = [line for line in report.splitlines() if line.startswith(("E: ", "W: "))]
        raise FailedError(f"{found['errors']} errors, {found['warnings']} warnings: {' | '.join(lines)[:800]}")
    return f"0 errors, 0 warnings, {found['overridden']} overridden with a reason"


def _libraries(trial: Trial) -> str:
    needs = elf.needs(trial.bundle)
    if missing := needs.missing():
        raise FailedError(
            f"missing: {', '.join(f'{soname} for {sorted(files)[:2]}' for soname, files in missing.items())}"
        )
    if wrong := needs.wrongly_carried():
        raise FailedError(f"carried, but must be the system's own: {sorted(wrong)}")
    return f"{len(needs.libraries)} of the system, {len(needs.carried)} carried"


def _checked(trial: Trial, command: Sequence[str]) -> str:
    said = _run(trial, command).strip().replace(str(trial.root), "")
    return " | ".join(said.splitlines())[-300:] or "says nothing"


def _run(trial: Trial, command: Sequence[str]) -> str:
    """What a checker says; raises CalledProcessError with it where the checker is not content."""
    done = subprocess.run(
        ["nice", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    trial.log.write(f"\n$ {' '.join(command)}\n{done.stdout}")
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, list(command), done.stdout)
    return done.stdout
