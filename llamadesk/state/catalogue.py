"""The models that one can choose from, which of them suit this machine, and the one that is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QObject, Signal

from llamadesk.core.catalogue import Catalogue, CatalogueModel, CatalogueSource
from llamadesk.core.choosing import Choice, Suggestion
from llamadesk.core.family_view import FamilyView
from llamadesk.core.ready_model import ReadyModel

Wanted = tuple[str, str]
"""The id of a model and a quantization."""


class CatalogueState(QObject):
    """What the pages of the library show of the catalogue. All is empty until `CatalogueControl.look` has looked."""

    changed = Signal()
    """Anything but `family`."""
    family_changed = Signal()
    """`family`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._catalogue = Catalogue()
        self._sources: tuple[CatalogueSource, ...] = ()
        self._suggestions: tuple[Suggestion, ...] = ()
        self._ready: tuple[ReadyModel, ...] = ()
        self._best: Mapping[str, Choice] = {}
        self._models: Mapping[str, CatalogueModel] = {}
        self._accepted: Mapping[str, int] = {}
        self._resolving: frozenset[Wanted] = frozenset()
        self._reading: frozenset[str] = frozenset()
        self._is_looking = False
        self._family: FamilyView | None = None

    @property
    def catalogue(self) -> Catalogue:
        """All models to choose from, in the order in which they are shown."""
        return self._catalogue

    @property
    def sources(self) -> tuple[CatalogueSource, ...]:
        """The person's own lists of models."""
        return self._sources

    @property
    def suggestions(self) -> tuple[Suggestion, ...]:
        """Up to three models that suit this machine, the recommended one first."""
        return self._suggestions

    @property
    def ready(self) -> tuple[ReadyModel, ...]:
        """Up to three models that are here to begin with, the best first, while none is chosen; empty where one is."""
        return self._ready

    @property
    def best(self) -> Mapping[str, Choice]:
        """The quantization of each model to take on this machine, by the ids of the models; the smallest where none
        fits."""
        return self._best

    @property
    def is_looking(self) -> bool:
        """Whether what is shown is being worked out; what was there stays on screen meanwhile."""
        return self._is_looking

    @property
    def here(self) -> frozenset[str]:
        """The ids of the catalogue's models that have a file on this computer."""
        return frozenset(model.id for model in self._models.values())

    @property
    def accepted(self) -> Mapping[str, int]:
        """When licences were accepted, by their ids, in milliseconds since 1970."""
        return self._accepted

    @property
    def resolving(self) -> frozenset[Wanted]:
        """What the hub is being asked for, to download it."""
        return self._resolving

    @property
    def reading(self) -> frozenset[str]:
        """The files and addresses that lists of models are being read from."""
        return self._reading

    @property
    def family(self) -> FamilyView | None:
        """The model that is looked at; None where none is."""
        return self._family

    def model(self, model_id: str) -> CatalogueModel | None:
        """The model with this id."""
        return next((model for model in self._catalogue.models if model.id == model_id), None)

    def model_of(self, family: str) -> CatalogueModel | None:
        """What the catalogue knows of a family that is here, by the family's name."""
        return self._models.get(family)

    # --- Written by control ---

    def show_catalogue(self, catalogue: Catalogue, sources: Sequence[CatalogueSource]) -> None:
        """It was read."""
        if (catalogue, tuple(sources)) != (self._catalogue, self._sources):
            self._catalogue, self._sources = catalogue, tuple(sources)
            self.changed.emit()

    def show_models(self, models: Mapping[str, CatalogueModel]) -> None:
        """These families are here, by their names, and in the catalogue."""
        if models != self._models:
            self._models = models
            self.changed.emit()

    def show_suggestions(self, suggestions: tuple[Suggestion, ...]) -> None:
        """These suit the machine."""
        if suggestions != self._suggestions:
            self._suggestions = suggestions
            self.changed.emit()

    def show_ready(self, ready: tuple[ReadyModel, ...]) -> None:
        """These are here to begin with."""
        if ready != self._ready:
            self._ready = ready
            self.changed.emit()

    def show_best(self, best: Mapping[str, Choice]) -> None:
        """These are what to take of each model."""
        if best != self._best:
            self._best = best
            self.changed.emit()

    def show_family(self, family: FamilyView | None) -> None:
        """Another model is looked at, or something about it is other than before."""
        if family != self._family:
            self._family = family
            self.family_changed.emit()

    def set_looking(self, is_looking: bool) -> None:
        """It is being worked out now, or no more."""
        if is_looking != self._is_looking:
            self._is_looking = is_looking
            self.changed.emit()

    def set_accepted(self, accepted: Mapping[str, int]) -> None:
        """These licences were accepted."""
        if accepted != self._accepted:
            self._accepted = accepted
            self.changed.emit()

    def set_resolving(self, resolving: frozenset[Wanted]) -> None:
        """The hub is being asked for these."""
        if resolving != self._resolving:
            self._resolving = resolving
            self.changed.emit()

    def set_reading(self, reading: frozenset[str]) -> None:
        """Lists are being read from these places."""
        if reading != self._reading:
            self._reading = reading
            self.changed.emit()
