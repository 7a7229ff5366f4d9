"""The person's own lists of models in words: where each is from, what is in it and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llamadesk.core.catalogue import CatalogueSource
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.moments import moment_text

_MOST_TOLD: Final = 5


def origin_words(source: CatalogueSource) -> str:
    """Where a list is from, and since when it is here."""
    if not source.kept_at:
        return f"You put it into the folder {source.path.parent}"
    kept_on = moment_text(source.kept_at / 1000)
    if source.url:
        return f"Fetched on {kept_on} from {source.url}"
    return f"Copied on {kept_on} from {source.origin or 'a file'}"


def count_words(source: CatalogueSource) -> str:
    """How many models are in a list."""
    if source.n_models == 1:
        return "1 model"
    return f"{source.n_models:,} models" if source.n_models else "No models"


def list_problem(name: str, problems: Sequence[Problem]) -> Problem:
    """What is wrong with a list, as one.

    Args:
        name: of the list.
        problems: at least one, as `Catalogue.problems` has them.
    """
    if len(problems) == 1:
        return problems[0]
    more = f"\nand {len(problems) - _MOST_TOLD} more" if len(problems) > _MOST_TOLD else ""
    return Problem(
        ProblemCode.CATALOGUE_UNREADABLE,
        f"In the list of models “{name}”, {len(problems)} entries cannot be used.",
        problems[0].advice,
        "\n".join(f"{problem.title} {problem.detail}" for problem in problems[:_MOST_TOLD]) + more,
    )
