"""One model as the page of its family shows it: what is known of it, what is here, and the table of quantizations."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from llamadesk.core.catalogue import Catalogue, CatalogueModel, Licence
from llamadesk.core.choosing import FamilyChoices
from llamadesk.core.models import ModelFile


class FamilyView(msgspec.Struct, frozen=True):
    """A model with its quantizations, on this machine and at this moment.

    Attributes:
        key: as it was asked for: the id of a `CatalogueModel`, or the name of a family that is here.
        name: what people read.
        model: what the catalogue knows of it; None where that is nothing.
        files: those that are here, the smallest first; empty where none is.
        choices: the table, with one recommended and the reason.
        n_ctx: the context length in tokens that the table is reckoned with, never longer than the model was trained
            for.
        licence: its terms, with the publisher's own copy as the address; None where they are not known.
    """

    key: str
    name: str
    model: CatalogueModel | None
    files: tuple[ModelFile, ...]
    choices: FamilyChoices
    n_ctx: int
    licence: Licence | None

    @property
    def n_ctx_train(self) -> int:
        """The longest context in tokens that makes sense; 0 where nothing says so."""
        return trained_context(self.model, self.files)


def trained_context(model: CatalogueModel | None, files: Sequence[ModelFile]) -> int:
    """The context in tokens that a model was trained for, as the catalogue or its files say; 0 where neither does."""
    if model is not None:
        return model.n_ctx_train
    return max((file.facts.n_ctx_train for file in files), default=0)


def terms_of(catalogue: Catalogue, model: CatalogueModel) -> Licence | None:
    """The licence of a model, with the publisher's own copy as its address where there is one; None where the catalogue
    knows nothing of it but its id."""
    licence = catalogue.licence_of(model)
    if licence is None or not model.licence_url:
        return licence
    return msgspec.structs.replace(licence, url=model.licence_url)
