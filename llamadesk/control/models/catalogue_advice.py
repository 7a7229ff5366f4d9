"""What the pages of the catalogue tell, worked out of values: on the thread that reads, for it takes a moment."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llamadesk.control.models.machine_facts import MachineFacts
from llamadesk.core.catalogue import Catalogue, CatalogueModel
from llamadesk.core.choosing import Choice, Machine, Suggestion, family_choices, recommend
from llamadesk.core.family_view import FamilyView, terms_of, trained_context
from llamadesk.core.fit import usual_context
from llamadesk.core.models import ModelFamily, ModelFile
from llamadesk.core.shapes import active_share
from llamadesk.library.catalogue import model_of_family
from llamadesk.library.names import family_key

_ANY_LENGTH = 2**31  # tokens


class Known(msgspec.Struct, frozen=True):
    """What is known of models and of the machine at one moment.

    Attributes:
        catalogue: all models there are.
        families: those that are here.
        machine: what they run on.
        n_ctx: the context length in tokens of the settings; 0 is automatic.
    """

    catalogue: Catalogue
    families: tuple[ModelFamily, ...]
    machine: MachineFacts
    n_ctx: int

    def machine_for(self, *, now: bool) -> Machine:
        """See `MachineFacts.machine`."""
        return self.machine.machine(self._share, now=now)

    def _share(self, file: ModelFile) -> float:
        model = model_of_family(self.catalogue, file.family)
        return active_share(model.shape) if model is not None else 1.0


def models_here(catalogue: Catalogue, families: Sequence[ModelFamily]) -> dict[str, CatalogueModel]:
    """What the catalogue knows of the families that are here, by their names."""
    found = ((family.name, model_of_family(catalogue, family.name)) for family in families)
    return {name: model for name, model in found if model is not None}


def files_of(key: str, catalogue: Catalogue, families: Sequence[ModelFamily]) -> tuple[ModelFile, ...]:
    """The files here of the model that `key` names (see `family_view`), the smallest first."""
    model, name = _model_for(key, catalogue), family_key(key)
    names = {name} if model is None else {name, *map(family_key, (model.family, *model.aliases))}
    files = [file for family in families if family_key(family.name) in names for file in family.files]
    return tuple(sorted(files, key=lambda file: (file.size_bytes, file.path)))


def suggestions(known: Known) -> tuple[Suggestion, ...]:
    """Models that suit the machine, whatever else runs on it at this moment: a download outlasts that."""
    return recommend(known.catalogue.models, known.machine_for(now=False), known.n_ctx or usual_context(_ANY_LENGTH))


def best_choices(known: Known) -> dict[str, Choice]:
    """The quantization of each model to download on this machine, by the ids of the models; the smallest where none
    fits."""
    machine = known.machine_for(now=False)
    n_ctx = known.n_ctx or usual_context(_ANY_LENGTH)
    tables = ((model, family_choices(model, (), machine, n_ctx)) for model in known.catalogue.models)
    return {model.id: table.recommended or table.choices[0] for model, table in tables if table.choices}


def family_view(known: Known, key: str, n_ctx: int = 0) -> FamilyView:
    """One model on this machine.

    What is here could be loaded at once, so it is judged by the memory that is free at once; a model of which nothing
    is here, as the suggestions are, by what mostly is.

    Args:
        known: of it and of the machine.
        key: its id in the catalogue, or the name of a family.
        n_ctx: the context length in tokens for the table; 0 is the one that it would be loaded with.
    """
    model = _model_for(key, known.catalogue)
    files = files_of(key, known.catalogue, known.families)
    trained = trained_context(model, files)
    wanted = n_ctx or known.n_ctx or usual_context(trained or _ANY_LENGTH)
    reckoned = min(wanted, trained) if trained else wanted
    machine = known.machine_for(now=bool(files))
    return FamilyView(
        key=key,
        name=model.name if model is not None else key,
        model=model,
        files=files,
        choices=family_choices(model, files, machine, reckoned, known.machine.speeds(files)),
        n_ctx=reckoned,
        licence=terms_of(known.catalogue, model) if model is not None else None,
    )


def _model_for(key: str, catalogue: Catalogue) -> CatalogueModel | None:
    by_id = next((model for model in catalogue.models if model.id == key), None)
    return by_id or model_of_family(catalogue, key)
