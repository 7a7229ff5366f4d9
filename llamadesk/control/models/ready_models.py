"""Which of the models that are here to begin with, where none has been chosen: worked out of values, on the thread that
reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import log
from pathlib import Path
from typing import Final

from llamadesk.control.models.catalogue_advice import Known
from llamadesk.core.catalogue import CatalogueModel
from llamadesk.core.choosing import READING_SPEED, Choice, file_choice, recommended_of
from llamadesk.core.fit import Verdict, usual_context
from llamadesk.core.models import ModelFile
from llamadesk.core.places import Place, title_of
from llamadesk.core.ready_model import ReadyModel
from llamadesk.core.shapes import active_share
from llamadesk.library.catalogue import model_of_family

_MOST_OFFERED: Final = 3


def ready_models(known: Known, places: Mapping[Path, Place]) -> tuple[ReadyModel, ...]:
    """Up to three models to begin with, the best first; of each family the file that suits this machine best. None that
    is too big for the memory that is free.

    First comes what was made to chat, of that what fits comfortably, of that what writes as fast as people read, and of
    that what answers best; of what is slower, the fastest.

    Args:
        known: of the models that are here and of the machine, as it is at this moment.
        places: where each file lies, by its path.
    """
    machine = known.machine_for(now=True)
    strengths = [model for model in known.catalogue.models if model.strength]
    found: list[tuple[tuple[float, ...], ReadyModel]] = []
    for family in known.families:
        model = model_of_family(known.catalogue, family.name)
        share = active_share(model.shape) if model is not None else 1.0
        choices = []
        for file in family.files:
            n_ctx = known.n_ctx or usual_context(file.facts.n_ctx_train)
            choices.append(file_choice(file.facts, file.size_bytes, machine, n_ctx, share))
        choice = recommended_of(choices)
        if choice is not None:
            file = family.files[choices.index(choice)]
            ready = ReadyModel(file, choice, _place_of(file, places))
            found.append((_worth(file, choice, _strength(model, file, strengths)), ready))
    found.sort(key=lambda offer: offer[0], reverse=True)
    return tuple(ready for _, ready in found[:_MOST_OFFERED])


def _worth(file: ModelFile, choice: Choice, strength: int) -> tuple[float, ...]:
    """A greater one goes first."""
    speed = choice.tokens_per_second
    is_readable = speed >= READING_SPEED
    return (
        file.facts.has_chat_template,
        choice.verdict is Verdict.COMFORTABLE,
        is_readable,
        strength if is_readable else speed,
        file.facts.n_params,
    )


def _strength(model: CatalogueModel | None, file: ModelFile, known: Iterable[CatalogueModel]) -> int:
    """As `CatalogueModel.strength`; of a model that the catalogue does not know, that of the one nearest in size."""
    if model is not None:
        return model.strength
    size = log(max(file.facts.n_params, 1))
    nearest = min(known, key=lambda each: (abs(log(each.n_params) - size), each.strength), default=None)
    return nearest.strength if nearest is not None else 0


def _place_of(file: ModelFile, places: Mapping[Path, Place]) -> str:
    place = places.get(file.path)
    return place.app or title_of(place.where, place.folder, place.app) if place is not None else ""
