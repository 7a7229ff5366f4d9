"""What the window of models follows, for tests of it: the real states and the real catalogue, and controls that write
down what they are asked."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from llamadesk.core.catalogue import Catalogue, CatalogueSource, Licence
from llamadesk.core.choosing import Machine, Suggestion, family_choices, recommend, usual_memory
from llamadesk.core.downloads import Download, DownloadEntry, DownloadPart, DownloadStage, DownloadStatus
from llamadesk.core.family_view import terms_of
from llamadesk.core.models import ModelFamily
from llamadesk.core.paths import resources_dir
from llamadesk.library.catalogue import load_catalogue
from llamadesk.state.catalogue import CatalogueState
from llamadesk.state.downloads import DownloadListModel

if TYPE_CHECKING:
    from stand_in import Asked, StandInDesk

GB = 1_000_000_000


@cache
def shipped() -> Catalogue:
    """The catalogue that comes with the app."""
    return load_catalogue(resources_dir() / "catalogue")


class CatalogueStandIn(QObject):
    licence_wanted = Signal(object, str, str)
    repository_wanted = Signal(str)

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self._asked = asked
        self.state = CatalogueState()

    def look(self) -> None:
        self._asked.note("look")

    def use(self, key: str, quantization: str) -> None:
        self._asked.note("use", key, quantization)

    def download(self, model_id: str, quantization: str) -> None:
        self._asked.note("download", model_id, quantization)

    def accept(self, licence_id: str) -> None:
        self._asked.note("accept", licence_id)

    def add_source(self, path_or_url: str) -> None:
        self._asked.note("add_source", path_or_url)

    def fetch_again(self, source: CatalogueSource) -> None:
        self._asked.note("fetch_again", source)

    def remove_source(self, source: CatalogueSource) -> None:
        self._asked.note("remove_source", source)

    def licence_of(self, model_id: str) -> Licence | None:
        model = self.state.model(model_id)
        return terms_of(self.state.catalogue, model) if model is not None else None


class DownloadsStandIn(QObject):
    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self._asked = asked
        self.state = DownloadListModel()

    def pause(self, download_id: int) -> None:
        self._asked.note("pause", download_id)

    def resume(self, download_id: int) -> None:
        self._asked.note("resume", download_id)

    def retry(self, download_id: int) -> None:
        self._asked.note("retry", download_id)

    def cancel(self, download_id: int) -> None:
        self._asked.note("cancel", download_id)

    def replace(self, download_id: int) -> None:
        self._asked.note("replace", download_id)

    def use(self, download_id: int) -> None:
        self._asked.note("use_download", download_id)

    def forget_done(self) -> None:
        self._asked.note("forget_done")


def look_around(desk: StandInDesk, memory: int = 16 * GB, catalogue: Catalogue | None = None) -> list[Suggestion]:
    """The catalogue has looked at a computer with so much memory; what it suggests."""
    shown = catalogue or shipped()
    machine = Machine(usual_memory(memory))
    suggestions = recommend(shown.models, machine)
    tables = {model.id: family_choices(model, (), machine) for model in shown.models}
    desk.catalogue.state.show_catalogue(shown, ())
    desk.catalogue.state.show_best(
        {model_id: table.recommended or table.choices[0] for model_id, table in tables.items() if table.choices}
    )
    desk.catalogue.state.show_suggestions(suggestions)
    return list(suggestions)


def put_here(desk: StandInDesk, suggestion: Suggestion, *families: ModelFamily) -> None:
    """These families are here, and are the model that is suggested."""
    desk.models.set_families(families)
    desk.catalogue.state.show_models({family.name: suggestion.model for family in families})


def download(desk: StandInDesk, suggestion: Suggestion, stage: DownloadStage, *, done: float = 0.25) -> None:
    """What is suggested is in the queue, and so much of it is there, from 0 to 1."""
    choice = suggestion.choice
    assert choice.source is not None
    size = choice.size_bytes
    job = Download(
        id=7,
        title=suggestion.model.name,
        repository=choice.source.repository,
        parts=(DownloadPart("", "/models/a.gguf", size, ""),),
        from_hub_path=choice.source.file_name(choice.quantization),
    )
    desk.downloads.state.show([DownloadEntry(job, DownloadStatus(stage, round(size * done), size))])
