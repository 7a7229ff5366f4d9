"""What suits this machine, the table of a model, and choosing a row of it: with the catalogue that ships."""

from __future__ import annotations

import pytest

from llamadesk.control.desk import Desk
from llamadesk.control.models import catalogue
from llamadesk.control.models.catalogue_advice import Known, suggestions
from llamadesk.core.choosing import USUAL_CONTEXT
from llamadesk.core.fit import Verdict
from llamadesk.core.protocol import Device, DeviceKind
from llamadesk.core.settings import CONTEXT_LENGTH, MAX_TOKENS
from llamadesk.state.engine import Phase
from tests.control.catalogue_desk import (
    GB,
    N_CTX_TRAIN,
    TINY,
    looked,
    opened,
    settle,
    with_memory,
    write_list,
    write_tiny,
)
from tests.control.desk_driver import DeskDriver

STARTER = "smollm2-135m-instruct"
LLAMA = "llama-2-7b-chat"


def test_nothing_is_read_until_somebody_looks(driver: DeskDriver) -> None:
    desk = opened(driver)
    state = desk.catalogue.state
    desk.models.set_families(desk.models.families)  # as after a scan
    settle(driver, desk)
    assert (state.catalogue.models, state.suggestions, state.here, state.family) == ((), (), frozenset(), None)


def test_models_are_suggested_that_suit_the_machine(driver: DeskDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    with_memory(monkeypatch, 16 * GB, available=1 * GB)  # what runs at this moment does not count
    desk = opened(driver)
    state = looked(driver, desk).state
    assert [model.id for model in state.catalogue.models][:1] == [LLAMA]
    first = state.suggestions[0]
    assert first.is_recommended
    assert first.choice.verdict is Verdict.COMFORTABLE
    assert first.choice.source is not None
    assert first.choice.size_bytes > 1 * GB
    with_memory(monkeypatch, 4 * GB)
    assert looked(driver, desk).state.suggestions[0].choice.size_bytes < first.choice.size_bytes
    with_memory(monkeypatch, GB // 10)
    assert looked(driver, desk).state.suggestions == ()


def test_suggestions_follow_a_card_that_is_found(driver: DeskDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    with_memory(monkeypatch, 16 * GB)
    desk = opened(driver)
    state = looked(driver, desk).state
    before = state.suggestions[0]
    card = Device("CUDA0", "A card", DeviceKind.GPU, 24 * GB, 24 * GB)
    desk.engine.set_devices((*desk.engine.devices, card))
    settle(driver, desk)
    assert state.suggestions[0].model.strength > before.model.strength
    assert state.suggestions[0].choice.n_gpu_layers > 0


def test_the_same_is_not_worked_out_twice(driver: DeskDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    with_memory(monkeypatch, 16 * GB)
    worked_out: list[Known] = []
    monkeypatch.setattr(catalogue, "suggestions", lambda known: (worked_out.append(known), suggestions(known))[1])
    desk = opened(driver)
    for _ in range(2):
        assert looked(driver, desk).state.suggestions
    assert len(worked_out) == 1
    with_memory(monkeypatch, 8 * GB)
    looked(driver, desk)
    assert len(worked_out) == 2


def test_what_is_here_is_known_by_its_family(driver: DeskDriver) -> None:
    write_list(driver.folders.catalogue / "own.json", TINY)
    write_tiny(driver.folders.models, "Q8_0")
    desk = opened(driver)
    state = looked(driver, desk).state
    assert state.here == {STARTER, "tiny"}
    tiny = state.model_of("Tiny")
    assert tiny is not None and tiny.id == "tiny"
    (driver.folders.models / "tiny.Q8_0.gguf").unlink()
    desk.library.rescan()
    driver.until(lambda: state.here == {STARTER})
    settle(driver, desk)


@pytest.mark.parametrize("key", ["tiny", "Tiny", "TINY"])
def test_the_table_of_a_model_by_its_id_and_by_its_family(driver: DeskDriver, key: str) -> None:
    write_list(driver.folders.catalogue / "own.json", TINY)
    path = write_tiny(driver.folders.models, "Q8_0")
    desk = opened(driver)
    desk.catalogue.show(key)
    settle(driver, desk)
    view = desk.catalogue.state.family
    assert view is not None and view.model is not None
    assert (view.key, view.name, view.model.id, view.n_ctx) == (key, "Tiny", "tiny", N_CTX_TRAIN)
    assert [file.path for file in view.files] == [path]
    rows = {choice.quantization: choice for choice in view.choices.choices}
    assert rows["Q8_0"].path == path
    assert rows["Q4_0"].path is None and rows["Q4_0"].source is not None
    assert view.licence is not None and view.licence.id == "mit"
    assert desk.catalogue.state.suggestions == ()  # nobody has asked for them


def test_a_family_that_the_catalogue_does_not_know(driver: DeskDriver) -> None:
    path = write_tiny(driver.folders.models, "Q8_0")
    desk = opened(driver)
    control = looked(driver, desk)
    control.show("Tiny")
    settle(driver, desk)
    view = control.state.family
    assert view is not None
    assert (view.name, view.model, view.licence) == ("Tiny", None, None)
    assert [choice.path for choice in view.choices.choices] == [path]
    control.show("Nobody's")
    settle(driver, desk)
    gone = control.state.family
    assert gone is not None
    assert (gone.name, gone.files, gone.choices.choices, gone.choices.recommended) == ("Nobody's", (), (), None)
    control.show("")
    assert control.state.family is None


def test_the_table_follows_the_context_length(driver: DeskDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    with_memory(monkeypatch, 16 * GB)
    desk = opened(driver)
    control = desk.catalogue
    control.show(LLAMA)
    settle(driver, desk)

    def need() -> tuple[int, int]:
        view = control.state.family
        assert view is not None
        row = next(choice for choice in view.choices.choices if choice.quantization == "Q4_0")
        return view.n_ctx, row.need.ram_bytes

    usual = need()
    assert usual[0] == USUAL_CONTEXT
    desk.preferences.set(CONTEXT_LENGTH, 2048)
    settle(driver, desk)
    shorter = need()
    assert shorter[0] == 2048 and shorter[1] < usual[1]
    control.set_context(1024)
    settle(driver, desk)
    assert need()[0] == 1024 and need()[1] < shorter[1]
    control.set_context(1_000_000)  # longer than it was trained for
    settle(driver, desk)
    assert need() == usual
    control.set_context(0)
    settle(driver, desk)
    assert need() == shorter
    control.set_context(512)
    control.show("llama-2-13b-chat")  # what was chosen for one model is not meant for another
    settle(driver, desk)
    assert need()[0] == 2048


def test_what_is_here_is_judged_by_what_is_free_now(driver: DeskDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    write_list(driver.folders.catalogue / "own.json", TINY)
    write_tiny(driver.folders.models, "Q8_0")
    desk = opened(driver)
    with_memory(monkeypatch, 16 * GB, available=-GB)  # what the model of now gives back counts as free
    control = desk.catalogue
    control.show("tiny")
    settle(driver, desk)
    assert control.state.family is not None
    assert {choice.verdict for choice in control.state.family.choices.choices} == {Verdict.TOO_BIG}
    control.show(LLAMA)  # nothing of it is here: by the time that it is, other programs will run
    settle(driver, desk)
    assert control.state.family is not None
    row = next(choice for choice in control.state.family.choices.choices if choice.quantization == "Q4_0")
    assert row.verdict is Verdict.COMFORTABLE


def test_choosing_a_row_loads_its_file_with_the_context_of_the_table(driver: DeskDriver) -> None:
    write_list(driver.folders.catalogue / "own.json", TINY)
    paths = [write_tiny(driver.folders.models, quantization) for quantization in ("Q4_0", "Q8_0")]
    desk = driver.open()
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    control = looked(driver, desk)
    control.show("tiny")
    control.set_context(1024)
    control.use("tiny", "Q8_0")
    driver.until(lambda: desk.engine.status.phase is Phase.READY and desk.engine.status.n_ctx == 1024)
    assert desk.models.chosen is not None and desk.models.chosen.path == paths[1]
    assert desk.settings.get(CONTEXT_LENGTH, int) == 1024
    control.use("Tiny", "Q4_0")  # another quantization, by the family's name: the switch
    driver.until(lambda: desk.engine.model is not None and desk.engine.model.path == str(paths[0]))
    assert driver.notices == []
    settle(driver, desk)


@pytest.mark.allow_log("model_missing")
def test_what_is_not_here_is_not_used(driver: DeskDriver) -> None:
    write_list(driver.folders.catalogue / "own.json", TINY)
    path = write_tiny(driver.folders.models, "Q8_0")
    desk = opened(driver)
    control = looked(driver, desk)
    before = desk.models.chosen
    control.use(LLAMA, "Q4_0")
    (notice,) = driver.notices
    assert "not on the computer any more" in notice.text
    assert desk.models.chosen == before
    driver.notices.clear()
    control.use("tiny", "Q4_0")  # the model is here, if not like this
    (notice,) = driver.notices
    assert "Q4_0" in notice.text and "Q8_0" in notice.text
    assert desk.models.chosen is not None and desk.models.chosen.path == path
    settle(driver, desk)


def test_the_speed_of_replies_is_learned(driver: DeskDriver) -> None:
    desk = driver.open(before=lambda desk: desk.preferences.set(MAX_TOKENS, 24))
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    desk.catalogue.show(STARTER)
    settle(driver, desk)
    view = desk.catalogue.state.family
    assert view is not None
    assert not any(choice.is_measured for choice in view.choices.choices)
    desk.replies.send("Tell me a long story about a llama.")
    driver.until(lambda: not desk.replies.busy and desk.transcript.rowCount() == 2)
    assert_measured(driver, desk)
    driver.close(desk)
    desk = driver.open()
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    assert_measured(driver, desk)


def assert_measured(driver: DeskDriver, desk: Desk) -> None:
    """The row of the model that has replied tells how fast it was."""
    desk.catalogue.show(STARTER)
    settle(driver, desk)
    assert desk.models.chosen is not None and desk.library.wishes.records is not None
    (record,) = desk.library.wishes.records.all_of(desk.models.chosen)
    assert record.tokens_per_second > 0 and record.n_gpu_layers == 0
    view = desk.catalogue.state.family
    assert view is not None
    measured = [choice for choice in view.choices.choices if choice.is_measured]
    assert [(each.quantization, each.tokens_per_second) for each in measured] == [("Q4_1", record.tokens_per_second)]


def test_a_view_that_is_the_same_is_not_announced(driver: DeskDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    with_memory(monkeypatch, 16 * GB)
    desk = opened(driver)
    control = desk.catalogue
    control.show(LLAMA)
    settle(driver, desk)
    heard: list[object] = []
    control.state.family_changed.connect(lambda: heard.append(control.state.family))
    control.show(LLAMA)
    settle(driver, desk)
    assert heard == []
    assert control.state.family is not None
    card = Device("CUDA0", "A card", DeviceKind.GPU, 24 * GB, 24 * GB)
    desk.engine.set_devices((card,))
    settle(driver, desk)
    assert len(heard) == 1


def test_a_context_length_of_its_own_is_kept_apart(driver: DeskDriver) -> None:
    desk = driver.open()
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    file = desk.models.chosen
    assert file is not None
    desk.upkeep.own_defaults.set(file, CONTEXT_LENGTH, 2048)
    driver.until(lambda: desk.engine.status.n_ctx == 2048)
    control = desk.catalogue
    control.show(STARTER)
    settle(driver, desk)
    assert control.state.family is not None and control.state.family.n_ctx == 2048
    control.set_context(1024)
    control.use(STARTER, "Q4_1")
    driver.until(lambda: desk.engine.status.n_ctx == 1024)
    assert desk.upkeep.own_defaults.of(file) == {CONTEXT_LENGTH: 1024}
    assert desk.settings.get(CONTEXT_LENGTH, int) == 0
    settle(driver, desk)


@pytest.mark.parametrize("gigabytes", [8, 16, 32])
def test_a_suggestion_and_the_table_of_its_model_say_the_same(
    driver: DeskDriver, monkeypatch: pytest.MonkeyPatch, gigabytes: int
) -> None:
    with_memory(monkeypatch, gigabytes * GB, available=GB)
    desk = opened(driver)
    first = looked(driver, desk).state.suggestions[0]
    desk.catalogue.show(first.model.id)
    settle(driver, desk)
    view = desk.catalogue.state.family
    assert view is not None and view.choices.recommended == first.choice
