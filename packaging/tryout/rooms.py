"""Clean rooms: fresh Debian systems in folders, to try in them what people will get. Needs root, debootstrap and apt.

A room is made once and kept in the cache folder. What runs in it sees its own processes alone, which all end with it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from devlib import system
from devlib.console import Log, StepFailedError, TroubleError, reason_in
from devlib.wheel import cache_dir

SUITE = "bookworm"
_COMPLETE = ".llamadesk-room"
"""Written last, with what the room was made of: a room without it was left half made."""
_TOOLS = (system.Program("debootstrap", "debootstrap"), system.Program("unshare", "util-linux"))


class Row(NamedTuple):
    """One thing that was tried: its name, whether it holds, and what was seen."""

    name: str
    ok: bool
    what: str


def provide_room(name: str, packages: Sequence[str], log: Log, *, architecture: str = "amd64") -> Path:
    """A Debian system of `architecture` with `packages` installed: the one that is kept, or a new one.

    Raises:
        TroubleError: not root, or the room could not be made.
    """
    made_of = " ".join((SUITE, architecture, *packages))
    room = cache_dir() / "rooms" / name
    complete = room / _COMPLETE
    if complete.is_file() and complete.read_text(encoding="utf-8") == made_of:
        return room
    if os.geteuid() != 0:
        raise TroubleError("Making a clean room needs root: run this as root.")
    system.provide(_TOOLS, "A clean room", log)
    new = room.with_name(f"{name}.new")
    for old in (new, room):
        if old.exists():
            shutil.rmtree(old)
    new.parent.mkdir(parents=True, exist_ok=True)
    bootstrap = ["debootstrap", "--variant=minbase", f"--arch={architecture}", SUITE, str(new), system.debian_mirror()]
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
    try:
        log.run(["nice", *bootstrap], f"Making a clean room ({name})")
        shutil.copy("/etc/resolv.conf", new / "etc" / "resolv.conf")
        log.run(["nice", "chroot", new, *apt, "update"], "Reading the list of packages")
        log.run(
            ["nice", "chroot", new, *apt, "install", "--no-install-recommends", *packages],
            "Installing packages in the room",
        )
    except StepFailedError as error:
        why = reason_in(error.output) or "a step failed"
        raise TroubleError(f"The clean room {name} could not be made: {why}; the details are in {log.path}.") from error
    (new / _COMPLETE).write_text(made_of, encoding="utf-8")
    new.rename(room)
    return room


def in_room(room: Path, command: Sequence[str], *, user: int = 0, env: Mapping[str, str] | None = None) -> list[str]:
    """`command` as it is to be called to run inside `room`.

    Args:
        room: made by `provide_room`.
        command: the program and its arguments, with paths as the room has them.
        user: number of the user and the group that it runs as.
        env: all of the environment besides PATH and a UTF-8 locale.
    """
    words = ["unshare", "--fork", "--pid", "--kill-child", "--mount", f"--mount-proc={room}/proc", "chroot", str(room)]
    return [*words, *as_user(command, user, env)]


def as_user(command: Sequence[str], user: int, env: Mapping[str, str] | None) -> list[str]:
    """`command` as root is to call it inside a room, for it to run as `user` with nothing of root's environment."""
    variables = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", **(env or {})}
    words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "env", "-i"]
    return [*words, *(f"{name}={value}" for name, value in variables.items()), *command]
