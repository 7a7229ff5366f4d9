"""The models on this machine, as the settings pane and the library offer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from llamadesk.core.models import ModelFamily, ModelFile

if TYPE_CHECKING:
    from llamadesk.core.places import Finds, Place


class ModelShelf(QObject):
    """What was found, and the file that is chosen (it need not be loaded yet, nor exist any more)."""

    families_changed = Signal()
    """What was found is another now: `families`, `places` and all of `finds`."""
    chosen_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._finds: Finds | None = None
        self._families: tuple[ModelFamily, ...] = ()
        self._family_at: dict[Path, ModelFamily] = {}
        self._chosen: ModelFile | None = None
        self._looking = True

    @property
    def families(self) -> tuple[ModelFamily, ...]:
        """Every family, by name."""
        return self._families

    @property
    def finds(self) -> Finds | None:
        """All that the last look found, also what cannot be used; None until there was one."""
        return self._finds

    @property
    def places(self) -> Mapping[Path, Place]:
        """Where each file lies, and whose it is, by its path."""
        return self._finds.places if self._finds is not None else {}

    @property
    def chosen(self) -> ModelFile | None:
        """The file the person chose."""
        return self._chosen

    @property
    def chosen_family(self) -> ModelFamily | None:
        """The family of the chosen file."""
        chosen = self._chosen
        family = self._family_at.get(chosen.path) if chosen is not None else None
        return family if family is not None and chosen in family.files else None

    def file_at(self, path: Path) -> ModelFile | None:
        """The file found at `path`."""
        family = self._family_at.get(path)
        return next((file for file in family.files if file.path == path), None) if family is not None else None

    @property
    def expected(self) -> bool:
        """Whether there is a chosen file, or may be one in a moment: at the start nobody has looked yet."""
        return self._looking or self._chosen is not None

    def looked(self) -> None:
        """Whatever can be chosen without the person has been."""
        self._looking = False
        self.chosen_changed.emit()

    def set_finds(self, finds: Finds) -> None:
        """A look ended. The very object of before changes nothing."""
        if finds is not self._finds:
            self._finds = finds
            self.set_families(finds.families)

    def set_families(self, families: Sequence[ModelFamily]) -> None:
        """What there is, without where it lies."""
        self._families = tuple(families)
        self._family_at = {file.path: family for family in families for file in family.files}
        self.families_changed.emit()

    def choose(self, file: ModelFile | None) -> None:
        """The person chose another file."""
        if file != self._chosen:
            self._chosen = file
            self.chosen_changed.emit()
