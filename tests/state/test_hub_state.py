"""What the window shows of the hub, and when it is told."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.hub import HubFile, HubModel, HubModelPage, HubPart, TokenPlace
from llamadesk.core.hub_fit import HubFit
from llamadesk.state.hub import HubState

MODEL = HubModel("a/b", 1, 0, "", True, "", "", 0, 0)
FILE = HubFile("a/b", "main", "m.gguf", (HubPart("m.gguf", 1, ""),))
GATED = Problem(ProblemCode.HUB_GATED, "Gated.")


@pytest.fixture
def state(qtbot: QtBot) -> HubState:
    return HubState("hub.invalid")


def test_a_search(state: HubState, qtbot: QtBot) -> None:
    with qtbot.waitSignals([state.results_changed] * 2):
        state.begin_search("small")
        state.end_search([MODEL])
    assert (state.query, state.results, state.is_searching) == ("small", (MODEL,), False)
    state.begin_search("other")
    assert state.results == (MODEL,)  # until the answer is there
    state.end_search(problem=GATED)
    assert (state.results, state.problem) == ((), GATED)
    state.clear_search()
    assert (state.query, state.problem) == ("", None)


def test_a_page_forgets_the_one_before(state: HubState) -> None:
    state.begin_page("a/b")
    state.show_page(HubModelPage(MODEL, "c0ffee", "", "", (), ()))
    assert state.is_opening  # the files are awaited
    state.show_files([FILE], {"m.gguf": HubFit(None, "Not looked into yet.")})
    state.begin_look("m.gguf")
    assert state.looking == {"m.gguf"}
    state.fail_look("m.gguf", GATED, is_refused=True)
    assert (state.looking, state.refusal, state.is_opening) == (frozenset(), GATED, False)
    state.begin_page("c/d")
    assert (state.page, state.files, state.file_problems, state.fits, state.refusal) == (None, (), {}, {}, None)
    assert state.is_opening
    state.begin_page("")
    assert (state.repository, state.is_opening) == ("", False)


def test_the_token_is_told_of_where_it_is_another(state: HubState) -> None:
    told: list[bool] = []
    state.token_changed.connect(lambda: told.append(state.has_token))
    for _ in range(2):
        state.set_token(TokenPlace.KEYRING, can_forget=True, keeps_tokens=True)
    state.set_token(TokenPlace.NOWHERE, can_forget=False, keeps_tokens=True)
    assert told == [True, False]
    assert TokenPlace.KEYRING == "in the system's keyring"


def test_one_token_in_the_place_of_another_is_told(state: HubState) -> None:
    told: list[None] = []
    state.token_changed.connect(lambda: told.append(None))
    for number in (1, 2, 2):
        state.set_token(TokenPlace.KEYRING, can_forget=True, keeps_tokens=True, number=number)
    assert len(told) == 2
