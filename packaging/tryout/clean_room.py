"""The packages for Linux as a person meets them: on a system where nothing of ours has ever been, as a normal user.

Three journeys: the .deb in the smallest Debian that debootstrap makes; the archive unpacked at an odd path, without
D-Bus, and installed from there by its script; and the archive once more with no network, every connection counted.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from devlib import system
from devlib.console import TroubleError
from devlib.desktop import desktop
from devlib.unpacking import unpack_tar

from tryout.fresh import ALONE, HOME, PERSON, USER, FreshRoom, fresh_room
from tryout.journey import TOOLS, App, Data, messages, running, use_likeliest_words
from tryout.rooms import Row, provide_room
from tryout.steps import FailedError, Step, in_turn
from tryout.trial import STARTER_QUESTION, Trial

ODD_FOLDER = HOME / "Téléchargements 📥" / "Neue Ordner & «ещё» 🦙 100% $HOME 'x'"
ODD_LENGTH = 200
"""Characters of the path to the unpacked archive."""
_PACKAGE = "llamadesk"
_APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y")
_APT_SECONDS = 300.0
_QUICK_SECONDS = 60.0
_OTHERS_OWN = ("/var/lib/dpkg/", "/var/lib/apt/", "/var/cache/", "/var/log/", "/etc/fonts/", "/usr/local/share/fonts")
"""Where dpkg and apt keep their books, and what the scripts of fontconfig make, which the package depends on."""
_OWN_MODEL = "a model of mine.gguf"
_NETWORK = ("AF_INET", "AF_INET6")


def rows(trial: Trial) -> Iterator[Row]:
    """Make each journey; a row for each of its steps."""
    try:
        system.provide(TOOLS, "A journey in a clean room", trial.log)
        with desktop() as screen:
            for journey in (_DebJourney, _ArchiveJourney, _OfflineJourney):
                yield from _made(journey, trial, screen["DISPLAY"])
    except (TroubleError, OSError, RuntimeError) as error:
        yield Row("clean rooms", False, str(error))


def _made(journey: type[_Journey], trial: Trial, screen: str) -> Iterator[Row]:
    with ExitStack() as stack:
        try:
            room = stack.enter_context(fresh_room(provide_room("minimal", [], trial.log), trial.log))
            room.add_person()
            steps = journey(trial, screen, room, stack).steps()
        except (TroubleError, FailedError, OSError, subprocess.SubprocessError) as error:
            yield Row(journey.case, False, f"the room could not be made: {error}")
            return
        yield from in_turn(journey.case, steps)


class _Journey:
    """What the three have in common: a person who opens the app, asks, reads and closes it.

    Args:
        screen: an X display of this system.
        room: fresh, with the person in it.
        stack: what is entered into it ends with the journey.
    """

    case: str

    def __init__(self, trial: Trial, screen: str, room: FreshRoom, stack: ExitStack) -> None:
        self.trial = trial
        self.screen = screen
        self.room = room
        self.stack = stack
        self.data = Data.of_home(room.home)
        self.env = {"HOME": str(HOME), "USER": HOME.name, "LOGNAME": HOME.name}
        self._app: App | None = None

    def steps(self) -> Sequence[Step]:
        """The journey."""
        raise NotImplementedError

    def visit(self) -> list[Step]:
        """The steps from the start of the app to its end."""
        return [
            ("starts as a normal user", self._start),
            ("closes at once", self._close),
            ('starts again, and the starter model answers "Paris"', self._ask),
            ("closes", self._close),
        ]

    def last_look(self) -> Step:
        """What the app logged: it comes last, for an error in there is no reason not to try the rest."""
        return ("logs no error", lambda: self._running().logs())

    def start(self) -> App:
        """Start the app."""
        raise NotImplementedError

    def run_app(self, program: Path, *arguments: str, network: bool = True, watched_by: Sequence[str] = ()) -> App:
        """Start `program` of the room, with arguments, as the person."""
        return self.stack.enter_context(
            running(
                self.room,
                [str(program), *arguments],
                user=USER,
                env=self.env,
                screen=self.screen,
                data=self.data,
                network=network,
                watched_by=watched_by,
            )
        )

    def kept(self) -> str:
        """See that the person's chat and model are there.

        Raises:
            FailedError: one is not.
        """
        chat = messages(self.data.database)
        if STARTER_QUESTION not in [message.content for message in chat]:
            raise FailedError(f"of the chat there is {chat}")
        if not (self.data.root / "models" / _OWN_MODEL).is_file():
            raise FailedError("the model that the person added is gone")
        return f"{len(chat)} messages and the person's model"

    def add_model(self) -> None:
        """Give the person a model."""
        models = self.data.root / "models"
        models.mkdir(exist_ok=True)
        (models / _OWN_MODEL).write_bytes(b"GGUF")
        for path in (models, models / _OWN_MODEL):
            os.chown(path, USER, USER)

    def _running(self) -> App:
        assert self._app is not None
        return self._app

    def _start(self) -> str:
        self._app = self.start()
        return self._app.wait_for_window()

    def _ask(self) -> str:
        use_likeliest_words(self.data)
        app = self._app = self.start()
        app.wait_for_window()
        try:
            return app.ask()
        finally:
            # A picture says more than the row, of what went well too.
            app.take_picture(self.trial.root / "build" / "tryout" / f"{type(self).__name__.strip('_').lower()}.png")

    def _close(self) -> str:
        return self._running().close()


class _DebJourney(_Journey):
    """The package for Debian, with a session bus as every desktop has one."""

    case = ".deb in a fresh Debian without Python"

    def __init__(self, trial: Trial, screen: str, room: FreshRoom, stack: ExitStack) -> None:
        super().__init__(trial, screen, room, stack)
        self._before: set[str] = set()
        runtime = stack.enter_context(_session_bus())
        # At the same place as outside, so that what answers on the bus names places that are there.
        room.binds[runtime] = runtime
        self.env |= {"XDG_RUNTIME_DIR": str(runtime), "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus"}

    def steps(self) -> Sequence[Step]:
        return [
            ("installs", self._install),
            *self.visit(),
            ("purged, nothing of it is left", self._purge),
            ("purged, chats and models are kept", self.kept),
            self.last_look(),
        ]

    def start(self) -> App:
        return self.run_app(Path("/usr/bin") / _PACKAGE)

    def _install(self) -> str:
        room, packages = self.room, Path("/mnt")
        room.binds[packages] = self.trial.deb.parent
        room.run([*_APT, "update"], _APT_SECONDS)
        self._before = self._listing()
        started = time.monotonic()
        deb = str(packages / self.trial.deb.name)
        room.run([*_APT, "install", "--no-install-recommends", deb], _APT_SECONDS)
        seconds = time.monotonic() - started
        python = room.run(
            ["sh", "-c", "ls -d /usr/bin/python* /usr/local/bin/python* 2>/dev/null || :"], _QUICK_SECONDS
        )
        if python.strip():
            raise FailedError(f"there is a Python: {python.split()}")
        said = room.run(["dpkg", "--verify", _PACKAGE], _QUICK_SECONDS).strip()
        if said:
            raise FailedError(f"dpkg finds it altered: {said}")
        return f"by apt with all it depends on, in {seconds:.0f} s, no Python"

    def _purge(self) -> str:
        self.add_model()
        own = set(self.room.run(["dpkg", "-L", _PACKAGE], _QUICK_SECONDS).splitlines())
        self.room.run([*_APT, "purge", _PACKAGE], _APT_SECONDS)
        lists = self.room.run(["sh", "-c", "cat /var/lib/dpkg/info/*.list"], _QUICK_SECONDS)
        owned = _with_every_name(lists.splitlines())
        new = self._listing() - self._before
        left = {path for path in new - owned if not path.startswith(_OTHERS_OWN)}
        left |= {path for path in new if _PACKAGE in path.lower()}
        if left:
            raise FailedError(f"left: {sorted(left)[:20]}")
        return f"{len(own)} files and folders of the package, and none is left"

    def _listing(self) -> set[str]:
        """Every file of the room, without the folders of this system that it shows."""
        shown = [f"{place}/" for place in self.room.binds]
        found = self.room.run(["find", "/", "-xdev"], _QUICK_SECONDS).splitlines()
        return {path for path in found if not f"{path}/".startswith(tuple(shown))}


class _ArchiveJourney(_Journey):
    """The archive, run from where it was unpacked and then installed by its script; there is no D-Bus."""

    case = "archive, 200 characters with spaces and emoji, no D-Bus"

    def __init__(self, trial: Trial, screen: str, room: FreshRoom, stack: ExitStack) -> None:
        super().__init__(trial, screen, room, stack)
        self.folder = odd_path(trial.archive.name.removesuffix(".tar.xz"))

    def steps(self) -> Sequence[Step]:
        return [
            *self.before(),
            *self.visit(),
            ("install.sh installs it for one person", self._install),
            ("uninstall.sh removes it, chats and models are kept", self._uninstall),
            self.last_look(),
        ]

    def start(self) -> App:
        return self.run_app(self.folder / _PACKAGE)

    def before(self) -> list[Step]:
        """The steps that make the room a desktop with the archive on it."""
        return [("a desktop's libraries are there", self._add_libraries), ("is unpacked", self._unpack)]

    def _add_libraries(self) -> str:
        """Install what the .deb depends on: every desktop has it."""
        field = ["dpkg-deb", "--field", str(self.trial.deb), "Depends"]
        depends = subprocess.run(field, capture_output=True, text=True, check=True, timeout=_QUICK_SECONDS).stdout
        self.room.run([*_APT, "update"], _APT_SECONDS)
        self.room.run([*_APT, "satisfy", "--no-install-recommends", depends.strip()], _APT_SECONDS)
        return f"{depends.count(',') + 1} packages and what they depend on"

    def _unpack(self) -> str:
        room = self.room
        target = room.outside(self.folder.parent)
        target.mkdir(parents=True)
        unpack_tar(self.trial.archive, target)
        for path in (room.home, *room.home.rglob("*")):
            os.chown(path, USER, USER, follow_symlinks=False)
        return f"{len(str(self.folder))} characters: {self.folder}"

    def _install(self) -> str:
        self.add_model()
        self._person(str(self.folder / "install.sh"))
        shutil.rmtree(self.room.outside(self.folder))
        self._person(str(HOME / ".local/bin" / _PACKAGE), "doctor")
        entry = self.room.home / ".local/share/applications/io.github.llamadesk.LlamaDesk.desktop"
        found = re.search(r'^Exec="?([^"\n]+?)"? %f$', entry.read_text(encoding="utf-8"), re.MULTILINE)
        if found is None or not os.path.lexists(self.room.outside(Path(found[1]))):
            raise FailedError(f"the menu entry starts {found and found[1]}")
        return f"the menu starts {found[1]}; the report of the installed app finds nothing broken"

    def _uninstall(self) -> str:
        self._person(str(HOME / ".local/opt/llamadesk/current/uninstall.sh"), "--keep")
        kept = self.kept()
        ours = {self.data.root, self.data.logs.parent}
        left = [
            str(path.relative_to(self.room.home))
            for path in (self.room.home / ".local").rglob("*")
            if _PACKAGE in path.name.lower() and not ours & {path, *path.parents}
        ]
        if left:
            raise FailedError(f"left: {left}")
        return f"{kept}; nothing else is left"

    def _person(self, *words: str) -> None:
        self.room.run(words, _QUICK_SECONDS, user=USER, env=self.env)


class _OfflineJourney(_ArchiveJourney):
    """The archive with its data beside it, in a network namespace of its own that has nothing in it."""

    case = "archive, the same without a network"

    def __init__(self, trial: Trial, screen: str, room: FreshRoom, stack: ExitStack) -> None:
        super().__init__(trial, screen, room, stack)
        self._data_folder = self.folder.with_name("my data 💾")
        data = room.outside(self._data_folder)
        self.data = Data(data, data / "logs")
        self._trace = room.home.parent / "connects.txt"

    def steps(self) -> Sequence[Step]:
        count: Step = ("zero connects to a network", self._count)
        return [*self.before(), *self.visit(), count, self.last_look()]

    def start(self) -> App:
        trace = ["strace", "--seccomp-bpf", "-f", "-qq", "-A", "-o", str(self._trace)]
        trace += ["-e", "trace=connect,sendto,sendmsg,sendmmsg", "-e", "signal=none"]
        data_dir = ["--data-dir", str(self._data_folder)]
        return self.run_app(self.folder / _PACKAGE, *data_dir, network=False, watched_by=trace)

    def _count(self) -> str:
        connects = addressed(self._trace.read_text(encoding="utf-8", errors="replace"))
        if not connects:
            raise FailedError("nothing was seen at all, not even the connection to the screen")
        if reached := {family: connects[family] for family in _NETWORK if connects[family]}:
            raise FailedError(f"{sum(reached.values())} calls with an address of a network: {reached}")
        seen = ", ".join(f"{count} to {family}" for family, count in sorted(connects.items()))
        return f"0 to AF_INET and AF_INET6; seen: {seen}"


def odd_path(name: str) -> Path:
    """A path in the person's home folder that ends in `name` and is ODD_LENGTH characters long."""
    missing = ODD_LENGTH - len(str(ODD_FOLDER / name)) - 1
    # A name that ends in a space would be another oddity, which no Windows can unpack.
    return ODD_FOLDER / (("deep " * missing)[: missing - 1] + "x") / name


def addressed(trace: str) -> Counter[str]:
    """How often each family of addresses was connected or sent to, from what strace wrote."""
    return Counter(re.findall(r"\b(?:connect|send\w+)\(.*?\bsa_family=(\w+)", trace))


def _with_every_name(paths: Sequence[str]) -> set[str]:
    """`paths`, and the same below /usr: Debian's /bin, /lib and /sbin are links to there."""
    return {*paths, *(f"/usr{path}" for path in paths)}


@contextmanager
def _session_bus() -> Iterator[Path]:
    """A session bus of the person's; yields the folder for XDG_RUNTIME_DIR, where its socket is `bus`."""
    with tempfile.TemporaryDirectory(prefix="tryout-bus-", ignore_cleanup_errors=True) as folder:
        runtime = Path(folder)
        os.chown(runtime, USER, USER)
        # The daemon serves nobody whom the system does not know, and here the person is known in the room alone.
        known = runtime / "passwd"
        entry = f"{PERSON}:x:{USER}:{USER}::{folder}:/bin/sh\n"
        known.write_text(entry + Path("/etc/passwd").read_text(encoding="utf-8"), encoding="utf-8")
        known.chmod(0o644)
        person = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        daemon = ["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address=unix:path={runtime}/bus"]
        script = f"mount --bind {known} /etc/passwd && exec {shlex.join([*person, *daemon])}"
        process = subprocess.Popen(
            [*ALONE, "--mount", "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "HOME": folder, "XDG_RUNTIME_DIR": folder},
        )
        try:
            deadline = time.monotonic() + _QUICK_SECONDS
            while not (runtime / "bus").exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise FailedError("no session bus could be started")
                time.sleep(0.05)
            yield runtime
        finally:
            process.kill()
            process.wait()
