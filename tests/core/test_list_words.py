"""What is said of a person's own lists of models."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from llamadesk.core.catalogue import CatalogueSource
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.list_words import count_words, list_problem, origin_words
from llamadesk.core.moments import moment_text

NOON = datetime.datetime(2026, 5, 3, 12, 5).timestamp()  # on the clock of whoever runs this
KEPT_AT = int(NOON * 1000)
PATH = Path("/data/catalogue/models-1a2b.json")


def source(url: str = "", kept_at: int = KEPT_AT, origin: str = "", n_models: int = 0) -> CatalogueSource:
    return CatalogueSource(PATH, url, kept_at, origin, n_models)


@pytest.mark.parametrize(
    ("one", "name", "words"),
    [
        (
            source("https://models.example.org/my%20models.json?x=1"),
            "my models.json",
            "Fetched on 3 May 2026, 12:05 from https://models.example.org/my%20models.json?x=1",
        ),
        (source("https://models.example.org/"), "models.example.org", None),
        (source(origin="/home/me/good.json"), "good.json", "Copied on 3 May 2026, 12:05 from /home/me/good.json"),
        (source(), PATH.name, "Copied on 3 May 2026, 12:05 from a file"),
        (source(kept_at=0), PATH.name, f"You put it into the folder {PATH.parent}"),
    ],
)
def test_where_it_is_from(one: CatalogueSource, name: str, words: str | None) -> None:
    assert one.name == name
    assert words is None or origin_words(one) == words


@pytest.mark.parametrize(("number", "words"), [(0, "No models"), (1, "1 model"), (1200, "1,200 models")])
def test_how_many_models(number: int, words: str) -> None:
    assert count_words(source(n_models=number)) == words


def test_what_is_wrong_is_told_as_one() -> None:
    problems = [Problem(ProblemCode.CATALOGUE_UNREADABLE, f"Number {n}.", "Correct it.", f"d{n}") for n in range(7)]
    assert list_problem("a", problems[:1]) is problems[0]
    whole = list_problem("a", problems)
    assert "“a”" in whole.title and "7 entries" in whole.title
    assert whole.advice == "Correct it."
    assert whole.detail.splitlines()[0] == "Number 0. d0"
    assert whole.detail.splitlines()[-1] == "and 2 more"
    assert len(whole.detail.splitlines()) == 6


def test_a_moment_that_no_calendar_has_is_unknown() -> None:
    assert moment_text(NOON) == "3 May 2026, 12:05"
    assert moment_text(1e300) == moment_text(float("nan")) == "unknown"
