"""The Windows setup program tried under Wine: compiled, installed, upgraded and removed with stand-in programs.

The compiler is the one that npm's package `innosetup` carries; Wine is Debian's, the 32-bit one, in a room of its own.
What this cannot show: real Windows, 64-bit Windows, signatures, Restart Manager closing the app for an upgrade (Wine's
does nothing), and the setup program's own window.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devlib import system
from devlib.console import Log, StepFailedError, TroubleError, reason_in
from devlib.desktop import desktop
from devlib.unpacking import unpack_tar
from devlib.wheel import cache_dir
from devlib.windows import SETUP_SCRIPT, Setup

from tryout.rooms import Row, in_room, provide_room
from tryout.steps import FailedError, Step, in_turn
from tryout.trial import Trial

COMPILER = "innosetup@6.4.1"
COMPILER_SHA256 = "fc36b763a729c8964416552d733f4864ac4a4934d0a6569e20c2feb4c29b9684"
USER = 1000
USER_NAME = "Łukasz Ångström 名"
"""In the paths of a person's folders: spaces, accents and letters that no Western code page has."""
EPOCH = 1_700_000_000
LIMIT_SECONDS = 180.0
"""One program under Wine takes seconds; one that hangs must not hold up the rest."""
ODD_FOLDER = "C:\\Програми и 应用 " + "x" * 60 + "\\My “apps”\\LlamaDesk"
_APP = "AppData/Local/Programs/LlamaDesk"
_DATA = "AppData/Local/LlamaDesk"
_UNINSTALL_KEY = "software\\microsoft\\windows\\currentversion\\uninstall\\{a6dc0a3b-7cc4-5207-aaec-41099d6a91ca}_is1"
_OPEN_WITH_KEY = "software\\classes\\.gguf\\openwithprogids"
_SILENT = ("/VERYSILENT", "/SUPPRESSMSGBOXES", "/NORESTART")

Registry = dict[str, dict[str, str]]
"""Key in small letters -> name of a value ("" is the default one) -> its data as Wine writes them."""


@dataclass(frozen=True)
class Wine:
    """Windows as Wine plays it, for one person in a room.

    Attributes:
        room: the Debian system with Wine.
        display: the X display that windows nobody sees are made on.
        log: takes what programs write.
    """

    room: Path
    display: str
    log: Log

    @property
    def work(self) -> Path:
        """Everything of this run, emptied before it."""
        return self.room / "try"

    @property
    def drive(self) -> Path:
        """Drive C."""
        return self.work / "home" / ".wine" / "drive_c"

    @property
    def home(self) -> Path:
        """The person's own folder on it."""
        return self.drive / "users" / USER_NAME

    def inside(self, path: Path) -> str:
        """A path of the room as Windows names it."""
        return "Z:\\" + str(path.relative_to(self.room)).replace("/", "\\")

    def prepare(self) -> None:
        """An empty working folder with a fresh Windows 10."""
        users = self.room / "etc" / "passwd"
        line = f"{USER_NAME}:x:{USER}:{USER}::/try/home:/bin/sh\n"
        if line not in users.read_text(encoding="utf-8"):
            with users.open("a", encoding="utf-8") as file:
                file.write(line)
        if self.work.exists():
            shutil.rmtree(self.work)
        for folder in (self.work, self.work / "home", self.work / "out"):
            folder.mkdir()
            shutil.chown(folder, USER, USER)
        self.run("winecfg", "-v", "win10")

    def run(self, *words: str) -> int:
        """Run a Windows program and wait until it and all it started have ended; returns its exit status."""
        return self.shell('wine "$@"; status=$?; wineserver -w; exit $status', *words)

    def shell(self, script: str, *words: str) -> int:
        """Run a shell's script that runs Windows programs; returns its exit status."""
        env = {
            "HOME": "/try/home",
            "DISPLAY": self.display,
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",  # nobody is to be asked whether to fetch them
        }
        command = in_room(self.room, ["sh", "-c", script, "sh", *words], user=USER, env=env)
        self.log.write(f"\n$ {' '.join(words)}\n")
        done = subprocess.run(
            ["nice", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        self.log.write(done.stdout.decode("utf-8", "replace"))
        return done.returncode

    def registry(self) -> Registry:
        """The person's part of the registry."""
        keys: Registry = {}
        values: dict[str, str] = {}
        for line in (self.work / "home" / ".wine" / "user.reg").read_text(encoding="utf-8").splitlines():
            if key := re.match(r"\[(.+)\]", line):
                values = keys.setdefault(key.group(1).replace("\\\\", "\\").lower(), {})
            elif value := re.match(r'(?:"(?P<name>[^"]*)"|@)="(?P<data>.*)"$', line):
                values[value["name"] or ""] = value["data"]
        return keys


def _provide_compiler(log: Log) -> Path:
    """The folder with ISCC.exe, fetched once."""
    folder = cache_dir() / "rooms" / COMPILER.replace("@", "-")
    if (folder / "ISCC.exe").is_file():
        return folder
    system.provide([system.Program("npm", "npm")], "Fetching the Inno Setup compiler", log)
    new = folder.with_name(f"{folder.name}.new")
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(parents=True)
    try:
        log.run(["npm", "pack", "--silent", "--pack-destination", new, COMPILER], "Fetching the Inno Setup compiler")
    except StepFailedError as error:
        why = reason_in(error.output) or f"see {log.path}"
        raise TroubleError(f"The Inno Setup compiler could not be fetched: {why}.") from error
    archive = next(new.glob("*.tgz"))
    if hashlib.sha256(archive.read_bytes()).hexdigest() != COMPILER_SHA256:
        raise TroubleError("The Inno Setup compiler arrived damaged: run this again to fetch it once more.")
    unpack_tar(archive, new)
    (new / "package" / "bin").rename(folder)
    shutil.rmtree(new)
    return folder


def _make_bundle(wine: Wine, version: str, library: str) -> Path:
    """A stand-in for what PyInstaller makes: its programs are copies of Wine's command interpreter."""
    bundle = wine.work / f"bundle-{version}"
    internal = bundle / "_internal"
    (internal / "resources" / "models").mkdir(parents=True)
    (bundle / "licences").mkdir()
    program = wine.room / "usr/lib/i386-linux-gnu/wine/i386-windows/cmd.exe"
    for name in ("llamadesk.exe", "llamadesk-engine.exe"):
        shutil.copy(program, bundle / name)
    (internal / library).write_text(version, encoding="utf-8")
    (internal / "version").write_text(version, encoding="utf-8")
    (internal / "naïve — 名.txt").write_text("a name that no code page has", encoding="utf-8")
    (internal / "resources" / "models" / "starter.gguf").write_bytes(b"GGUF" + bytes(100_000))
    (bundle / "licences" / "LICENSE.txt").write_text("Apache-2.0", encoding="utf-8")
    return bundle


class _Tryout:
    """The steps, in order; each is a method that returns what was seen, or raises FailedError."""

    def __init__(self, wine: Wine, compiler: Path) -> None:
        self._wine = wine
        self._compiler = wine.work / "inno"
        shutil.copytree(compiler, self._compiler)
        shutil.copy(SETUP_SCRIPT, wine.work)
        self._bundles = {
            "0.1.0": _make_bundle(wine, "0.1.0", "stale.dll"),
            "0.2.0": _make_bundle(wine, "0.2.0", "new.dll"),
        }
        self._setups: dict[str, Path] = {}
        self._app = wine.home / _APP
        self._data = wine.home / _DATA

    def _compile(self, version: str, out: Path) -> Path:
        wine = self._wine
        setup = Setup(wine.inside(self._bundles[version]), wine.inside(out), version, EPOCH, on_32_bit=True)
        script = wine.inside(wine.work / SETUP_SCRIPT.name)
        status = wine.run(wine.inside(self._compiler / "ISCC.exe"), *setup.compiler_arguments(script))
        _expect(status == 0, f"the compiler ended with {status}; see {wine.log.path}")
        return out / setup.file_name()

    def _install(self, version: str, *arguments: str) -> None:
        status = self._wine.run(self._wine.inside(self._setups[version]), *_SILENT, *arguments)
        _expect(status == 0, f"the setup program ended with {status}")

    def _uninstall(self, *arguments: str) -> None:
        location = _unescaped(self._wine.registry().get(_UNINSTALL_KEY, {}).get("InstallLocation", ""))
        status = self._wine.run(f"{location}unins000.exe", *_SILENT, *arguments)
        _expect(status == 0, f"the uninstaller ended with {status}")

    def compiles(self) -> str:
        for version in self._bundles:
            self._setups[version] = self._compile(version, self._wine.work / "out")
        return f"{self._setups['0.2.0'].name}, {COMPILER}"

    def compiles_alike(self) -> str:
        again = self._wine.work / "again"
        again.mkdir()
        shutil.chown(again, USER, USER)
        first = self._setups["0.2.0"].read_bytes()
        _expect(self._compile("0.2.0", again).read_bytes() == first, "two compilations differ")
        return f"{len(first):,} bytes, twice the same"

    def installs(self) -> str:
        self._wine.run(
            "reg", "add", "HKCU\\Software\\Classes\\.gguf", "/ve", "/d", "Other.Program", "/f"
        )  # whoever opens .gguf now is to stay the one who does
        self._install("0.1.0")
        _same_files(self._bundles["0.1.0"], self._app)
        dated = int((self._app / "_internal" / "version").stat().st_mtime)
        _expect(dated == EPOCH, f"files are dated {dated}")
        menu = self._wine.home / "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/LlamaDesk"
        entries = sorted(path.stem for path in menu.glob("*.lnk"))
        _expect(entries == ["LlamaDesk", "LlamaDesk (safe mode)"], f"in the start menu: {entries}")
        return f"in {self._app.relative_to(self._wine.drive)}"

    def is_offered_for_models(self) -> str:
        registry = self._wine.registry()
        _expect("LlamaDesk.Model.1" in registry.get(_OPEN_WITH_KEY, {}), "it is not among the programs for .gguf")
        _expect(registry["software\\classes\\.gguf"][""] == "Other.Program", "the default program was taken")
        command = registry["software\\classes\\llamadesk.model.1\\shell\\open\\command"][""]
        _expect(_unescaped(command) == f'"{_windows_path(self._wine, self._app)}\\llamadesk.exe" "%1"', command)
        return "OpenWithProgids; the default program stays who it was"

    def upgrades(self) -> str:
        (self._data / "models").mkdir(parents=True)
        (self._data / "llamadesk.db").write_text("chats", encoding="utf-8")
        (self._data / "models" / "own.gguf").write_bytes(b"GGUF")
        self._own(self._data)
        self._install("0.2.0")
        _same_files(self._bundles["0.2.0"], self._app)
        entry = self._wine.registry()[_UNINSTALL_KEY]
        _expect(entry["DisplayVersion"] == "0.2.0", entry["DisplayVersion"])
        entries = [
            key for key in self._wine.registry() if key.startswith(_UNINSTALL_KEY.rpartition("\\")[0] + "\\{a6dc")
        ]
        _expect(len(entries) == 1, f"installed {len(entries)} times over")
        return "same folder, one entry, the older version's library gone"

    def stays_while_it_runs(self) -> str:
        uninstaller = _windows_path(self._wine, self._app) + "\\unins000.exe"
        program = _windows_path(self._wine, self._app) + "\\llamadesk.exe"
        script = """
            mkfifo /try/home/input
            wine "$1" /k echo it-is-up < /try/home/input > /try/home/output &
            exec 3> /try/home/input
            until grep -q it-is-up /try/home/output; do sleep 0.2; done
            shift
            wine "$@"
            status=$?
            exec 3>&-
            wineserver -w
            exit $status"""
        status = self._wine.shell(script, program, uninstaller, *_SILENT)
        _same_files(self._bundles["0.2.0"], self._app)
        _expect(status != 0, "the uninstaller said that all went well")
        return f"ended with {status}, nothing removed"

    def uninstalls(self) -> str:
        self._uninstall()
        _expect(not self._app.exists(), f"left: {sorted(path.name for path in self._app.rglob('*'))}")
        self._assert_registry_is_clean()
        _expect(
            (self._data / "llamadesk.db").read_text(encoding="utf-8") == "chats",
            "a file of the person is gone or another",
        )
        _expect((self._data / "models" / "own.gguf").is_file(), "a file of the person is gone or another")
        return "no file and no key left; chats and models kept"

    def installs_in_an_odd_folder(self) -> str:
        folder = self._wine.drive / ODD_FOLDER.removeprefix("C:\\").replace("\\", "/")
        folder.mkdir(parents=True)
        self._own(self._wine.drive / ODD_FOLDER.split("\\")[1])
        (folder / "_internal").mkdir()
        (folder / "_internal" / "not ours.txt").write_text("stays", encoding="utf-8")
        self._own(folder)
        self._install("0.1.0", f"/DIR={ODD_FOLDER}")
        _expect((folder / "_internal" / "not ours.txt").is_file(), "a file that was there before was removed")
        (folder / "_internal" / "not ours.txt").unlink()
        _same_files(self._bundles["0.1.0"], folder)
        return f"{len(ODD_FOLDER)} characters"

    def removes_data_when_told(self) -> str:
        self._uninstall("/REMOVEDATA")
        _expect(not self._data.exists(), "chats are still there")
        self._assert_registry_is_clean()
        return "chats and models removed by /REMOVEDATA"

    def _own(self, folder: Path) -> None:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, USER, USER)

    def _assert_registry_is_clean(self) -> None:
        registry = self._wine.registry()
        ours = [key for key in registry if "llamadesk" in key or "a6dc0a3b" in key or key == _OPEN_WITH_KEY]
        _expect(not ours, f"left in the registry: {ours}")
        _expect(registry["software\\classes\\.gguf"][""] == "Other.Program", "the other program's entry is gone")


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise FailedError(otherwise)


def _unescaped(data: str) -> str:
    """A value's text from how Wine writes it in its registry file."""
    letters = re.sub(r"(?<!\\)((?:\\\\)*)\\x([0-9a-f]{1,4})", lambda m: m[1] + chr(int(m[2], 16)), data)
    return letters.replace('\\"', '"').replace("\\\\", "\\")


def _windows_path(wine: Wine, path: Path) -> str:
    return "C:\\" + str(path.relative_to(wine.drive)).replace("/", "\\")


def _same_files(bundle: Path, installed: Path) -> None:
    """That `installed` holds the files of `bundle` and nothing else but the uninstaller's."""
    wanted = {path.relative_to(bundle): path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    found = {path.relative_to(installed): path.read_bytes() for path in installed.rglob("*") if path.is_file()}
    found = {path: data for path, data in found.items() if not path.name.startswith("unins")}
    missing, extra = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    _expect(not missing and not extra, f"missing {sorted(map(str, missing))}, not ours {sorted(map(str, extra))}")
    _expect(wanted == found, "a file differs")


def rows(of: Trial) -> Iterator[Row]:
    """Try the setup program; needs nothing of what `dev.py bundle` makes.

    Raises:
        TroubleError: the room or the compiler could not be provided.
    """
    system.provide(system.DISPLAY, "Wine's windows", of.log)
    compiler = _provide_compiler(of.log)
    room = provide_room("wine32", ["wine32", "wine"], of.log, architecture="i386")
    with desktop() as screen:
        wine = Wine(room, screen["DISPLAY"], of.log)
        wine.prepare()
        tryout = _Tryout(wine, compiler)
        steps: list[Step] = [
            ("compiles", tryout.compiles),
            ("compiles twice alike", tryout.compiles_alike),
            ("installs for a person with a non-Latin name", tryout.installs),
            ("is offered for .gguf and is not the default", tryout.is_offered_for_models),
            ("upgrades in place", tryout.upgrades),
            ("is not removed while it runs", tryout.stays_while_it_runs),
            ("is removed, chats and models kept", tryout.uninstalls),
            ("installs in an odd folder", tryout.installs_in_an_odd_folder),
            ("removes chats when told", tryout.removes_data_when_told),
        ]
        yield from in_turn("setup under Wine", steps)
