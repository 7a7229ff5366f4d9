"""A desk with what the page of a model follows: the real states, catalogue and reckoning, and controls that write down
what they are asked."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
from library_stand_in import DownloadsStandIn
from PySide6.QtCore import QObject, Signal
from stand_in import GB, Asked, StandInDesk, model_file

from llamadesk.control.models.quantizing import QuantizeOffer
from llamadesk.core.catalogue import Catalogue
from llamadesk.core.choosing import Machine, family_choices, usual_memory
from llamadesk.core.downloads import Download, DownloadEntry, DownloadPart, DownloadStage, DownloadStatus
from llamadesk.core.errors import Problem
from llamadesk.core.family_view import FamilyView
from llamadesk.core.models import ModelFamily, ModelFile
from llamadesk.core.paths import resources_dir
from llamadesk.library.catalogue import load_catalogue
from llamadesk.state.catalogue import CatalogueState
from llamadesk.state.quantizing import QuantizeJob, QuantizeState

LLAMA = "llama-2-7b-chat"
"""The id of a model of the catalogue."""
UNKNOWN = "Homemade 8B"
"""A family that no catalogue knows."""


@cache
def catalogue() -> Catalogue:
    return load_catalogue(resources_dir() / "catalogue")


class Catalogues(QObject):
    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self._asked = asked
        self.state = CatalogueState()

    def show(self, key: str) -> None:
        self._asked.note("show", key)

    def set_context(self, n_ctx: int) -> None:
        self._asked.note("set_context", n_ctx)

    def use(self, key: str, quantization: str) -> None:
        self._asked.note("use", key, quantization)

    def download(self, model_id: str, quantization: str) -> None:
        self._asked.note("download", model_id, quantization)


class Quantizing(QObject):
    offered = Signal(object)

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self._asked = asked
        self.state = QuantizeState()

    def ask(self, file: ModelFile, quantization: str) -> None:
        self._asked.note("ask", file, quantization)

    def start(self, file: ModelFile, quantization: str) -> None:
        self._asked.note("start", file, quantization)

    def cancel(self) -> None:
        self._asked.note("cancel")


class FamilyDesk(StandInDesk):
    """A desk on a computer with 16 GB of memory and nothing on its disk."""

    def __init__(self) -> None:
        super().__init__()
        self.catalogue = Catalogues(self.asked)
        self.downloads = DownloadsStandIn(self.asked)
        self.quantizing = Quantizing(self.asked)

    def look_at(self, key: str, *files: ModelFile, n_ctx: int = 4096) -> FamilyView:
        """The catalogue has looked at a model of which these files are here."""
        model = next((model for model in catalogue().models if model.id == key), None)
        licence = catalogue().licence_of(model) if model is not None else None
        choices = family_choices(model, files, Machine(usual_memory(16 * GB)), n_ctx)
        name = model.name if model is not None else key
        view = FamilyView(key, name, model, files, choices, n_ctx, licence)
        self.models.set_families([ModelFamily(name, files)] if files else [])
        self.catalogue.state.show_family(view)
        return view

    def download(
        self,
        view: FamilyView,
        quantization: str,
        stage: DownloadStage,
        *,
        done: int = GB,
        problem: Problem | None = None,
    ) -> None:
        """A quantization of the model is in the queue."""
        choice = next(choice for choice in view.choices.choices if choice.quantization == quantization)
        assert choice.source is not None
        part = DownloadPart("", "/models/a.gguf", choice.size_bytes, "")
        path = choice.source.file_name(quantization)
        download = Download(7, f"{view.name} {quantization}", choice.source.repository, (part,), from_hub_path=path)
        self.downloads.state.show(
            [DownloadEntry(download, DownloadStatus(stage, done, choice.size_bytes, problem=problem))]
        )

    def make(self, source: ModelFile, quantization: str, **how: object) -> None:
        """A quantization is being made of a file."""
        job = QuantizeJob(source, quantization, Path("/models/made.gguf"))
        self.quantizing.state.show(msgspec.structs.replace(job, **how))

    def offer(self, source: ModelFile, quantization: str, *, problem: Problem | None = None, warning: str = "") -> None:
        """What making it would take is known."""
        offer = QuantizeOffer(source, quantization, Path("/models/made.gguf"), 4 * GB, 90 * GB, problem, warning)
        self.quantizing.offered.emit(offer)


def llama_file(quantization: str = "F16", size: int = 13_500_000_000) -> ModelFile:
    """A file of `LLAMA`."""
    file = model_file("Llama 2 7B Chat", quantization, size)
    return msgspec.structs.replace(file, facts=msgspec.structs.replace(file.facts, n_ctx_train=4096))
