"""A clean room for one use: it starts as a room that is kept, and nothing of what happens in it is.

The kept room lies below an overlay that is mounted for each command anew, in a mount namespace of its own, so no mount
outlives the command. Where overlays cannot be mounted the room is a copy.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from devlib.console import Log

from tryout.rooms import as_user

PERSON = "person"
USER = 1000
HOME = Path("/home") / PERSON
ALONE = ("setpriv", "--pdeathsig", "KILL", "--", "unshare", "--fork", "--pid", "--kill-child")
"""Before a command: it and all that it starts see each other alone, and are killed with this process or with `unshare`,
which heeds no gentler signal."""
_COPY_SECONDS = 120.0


@dataclass(frozen=True)
class FreshRoom:
    """A room in which nothing has happened yet, with a folder outside it that a person's home folder will be.

    Attributes:
        layers: what to mount, in order, to have the room at `root`; each a command.
        root: where the room is while a command runs.
        home: the person's home folder, as it is seen from outside.
        log: takes what programs write.
        binds: folders of this system that the room is to show: place in the room -> folder.
    """

    layers: Sequence[Sequence[str]]
    root: Path
    home: Path
    log: Log
    binds: dict[Path, Path] = field(default_factory=dict)

    def outside(self, path: Path) -> Path:
        """Where a path below HOME is outside the room."""
        return self.home / path.relative_to(HOME)

    def command(
        self,
        words: Sequence[str],
        *,
        user: int = 0,
        env: Mapping[str, str] | None = None,
        network: bool = True,
        watched_by: Sequence[str] = (),
    ) -> list[str]:
        """`words` as they are to be called to run in the room; killing it ends everything that it started there.

        Args:
            words: the program and its arguments, with paths as the room has them.
            user: number of the user and the group that it runs as.
            env: all of the environment besides PATH and a UTF-8 locale.
            network: False for a network namespace of its own, in which there is nothing, not even loopback.
            watched_by: a program of this system and its arguments, such as strace, that is to start it.
        """
        steps = [*self.layers, ["mount", "-t", "proc", "proc", f"{self.root}/proc"]]
        for place, folder in {**self.binds, HOME: self.home}.items():
            inside = f"{self.root}{place}"
            steps += [["mkdir", "-p", inside], ["mount", "--bind", str(folder), inside]]
        enter = ["exec", *watched_by, "chroot", str(self.root), *as_user(words, user, env)]
        script = "\n".join(shlex.join(step) for step in [["set", "-e"], *steps, enter])
        return [*ALONE, "--mount", *([] if network else ["--net"]), "sh", "-c", script]

    def run(self, words: Sequence[str], seconds: float, *, user: int = 0, env: Mapping[str, str] | None = None) -> str:
        """Run a program in the room to its end and return all it wrote, which is logged too.

        Raises:
            subprocess.CalledProcessError: it ended with an error.
            subprocess.TimeoutExpired: it took longer than `seconds`, and was killed.
        """
        self.log.write(f"\n$ [in the room] {shlex.join(words)}\n")
        command = self.command(words, user=user, env=env)
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            try:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=seconds,
                    check=False,
                )
            finally:
                output.seek(0)
                text = output.read()
                self.log.write(text)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, list(words), text)
        return text

    def add_person(self) -> None:
        """Have a user with a home folder."""
        self.run(["useradd", f"--uid={USER}", f"--home-dir={HOME}", "--no-create-home", PERSON], 30)
        os.chown(self.home, USER, USER)


@contextmanager
def fresh_room(kept: Path, log: Log) -> Iterator[FreshRoom]:
    """A room that is as `kept` is, and that is gone after the context.

    Raises:
        OSError, subprocess.SubprocessError: it could not be made.
    """
    with tempfile.TemporaryDirectory(prefix="fresh-", dir=kept.parent, ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        upper, work, root, home = (folder / name for name in ("upper", "work", "root", "home"))
        for each in (upper, work, root, home):
            each.mkdir()
        overlay = ["mount", "-t", "overlay", "overlay", str(root)]
        overlay += ["-o", f"lowerdir={kept},upperdir={upper},workdir={work}"]
        layers: list[list[str]] = [overlay]
        if subprocess.run(["unshare", "--mount", *overlay], capture_output=True, check=False).returncode:
            log.write("No overlay can be mounted: the room is copied.\n")
            subprocess.run(["cp", "-a", "--reflink=auto", f"{kept}/.", root], check=True, timeout=_COPY_SECONDS)
            layers = []
        yield FreshRoom(layers, root, home, log)
