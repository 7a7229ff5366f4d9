"""A load or a first reply that fails is tried again with less, and the person is told once what was done and why.

The fake engine breaks; the real one runs out of memory.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.bridge.client import EngineClient, EngineCommand, engine_command
from llamadesk.control.desk import Desk
from llamadesk.core.chat import Status
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.protocol import LoadSettings
from llamadesk.core.settings import AUTO_GPU_LAYERS, CONTEXT_LENGTH, GPU_LAYERS
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver

GB = 10**9
CARD = {"gpus": [8 * GB]}
DIES = {"type": "Die", "signal": "SIGSEGV"}
NO_MEMORY = {
    "type": "Fail",
    "problem": {"code": "model_too_large", "title": "There is not enough memory.", "advice": "", "detail": ""},
}
STRANGE = {
    "type": "Fail",
    "problem": {"code": "load_failed", "title": "The model could not be loaded.", "advice": "", "detail": ""},
}
GOES = {"type": "Progress"}
WRITES = {"type": "Speak"}

pytestmark = pytest.mark.allow_log("engine_lost", "model_too_large", "load_failed", "decode_failed", "llamadesk.bridge")


def ready(driver: DeskDriver, desk: Desk) -> None:
    driver.until(lambda: desk.engine.status.phase is Phase.READY)


def used(desk: Desk) -> tuple[int, int]:
    """(layers on the GPU, context) of what is loaded."""
    assert desk.engine.model is not None
    return desk.engine.model.n_gpu_layers, desk.engine.model.n_ctx


def every(desk: Desk) -> int:
    assert desk.models.chosen is not None
    return desk.models.chosen.facts.n_layers + 1


# --- Layers -----------------------------------------------------------------------------------------------------------


def test_all_layers_that_fit_go_to_the_card(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake({"lives": [CARD]}))
    ready(driver, desk)
    assert used(desk)[0] == every(desk) == desk.library.auto_layers()
    assert desk.settings.get(GPU_LAYERS, int) == AUTO_GPU_LAYERS
    assert driver.notices == []


def test_a_small_card_gets_a_part_or_nothing(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake({"lives": [{"gpus": [650_000_000]}]}))
    ready(driver, desk)
    assert 0 < used(desk)[0] < every(desk)
    driver.close(desk)
    desk = driver.open(driver.fake({"lives": [{"gpus": [100_000_000]}]}))
    ready(driver, desk)
    assert used(desk)[0] == 0
    assert driver.notices == []


def test_what_the_person_chose_goes_before(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake({"lives": [CARD]}), before=lambda desk: desk.preferences.set(GPU_LAYERS, 7))
    ready(driver, desk)
    assert used(desk)[0] == 7


# --- Steps ------------------------------------------------------------------------------------------------------------


def told_once(driver: DeskDriver, *words: str) -> None:
    (notice,) = driver.notices
    assert all(word in notice.text for word in words), notice
    assert notice.action_label == "Try again"


def test_a_card_that_is_full_gets_fewer_layers(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake({"lives": [CARD | {"load": [[NO_MEMORY], [GOES]]}]}))
    ready(driver, desk)
    assert used(desk) == (every(desk) // 2, 8192)
    told_once(driver, "There is not enough memory.", f"{every(desk) // 2} of {every(desk)} layers", "graphics card")
    assert desk.settings.get(GPU_LAYERS, int) == AUTO_GPU_LAYERS  # what was chosen stays


def test_a_driver_that_dies_ends_on_the_processor(driver: DeskDriver) -> None:
    dying = CARD | {"load": [[DIES]]}
    desk = driver.open(driver.fake({"lives": [dying, dying, dying, CARD]}))
    ready(driver, desk)
    assert used(desk) == (0, 8192)
    told_once(driver, "on the processor alone")


def test_what_fails_for_another_reason_is_tried_on_the_processor(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake({"lives": [CARD | {"load": [[STRANGE], [GOES]]}]}))
    ready(driver, desk)
    assert used(desk)[0] == 0
    told_once(driver, "on the processor alone")
    driver.notices[0:] = []
    desk.library.reload()  # nothing has changed: it stays as it is
    driver.pause(0.3)
    assert desk.engine.status.phase is Phase.READY and driver.notices == []


def test_try_again_tries_what_was_wanted(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake({"lives": [CARD | {"load": [[STRANGE], [GOES]]}]}))
    ready(driver, desk)
    (notice,) = driver.notices
    desk.notices.act(notice.action_id)
    driver.until(lambda: desk.engine.model is not None and used(desk)[0] == every(desk))


def test_the_first_reply_kills_a_card(driver: DeskDriver) -> None:
    dies = CARD | {"generate": [[DIES]]}
    desk = driver.open(driver.fake({"lives": [dies, CARD]}))
    ready(driver, desk)
    desk.replies.send("Hello?")
    driver.until(lambda: driver.notices)
    ready(driver, desk)
    assert used(desk) == (every(desk) // 2, 8192)
    driver.until(lambda: not desk.replies.busy)
    assert desk.transcript.message(1).status is Status.INTERRUPTED
    told_once(driver, "layers on the graphics card")


def test_a_death_after_a_whole_reply_is_chance(driver: DeskDriver) -> None:
    dies = CARD | {"generate": [[WRITES], [DIES]]}
    desk = driver.open(driver.fake({"lives": [dies, CARD]}))
    ready(driver, desk)
    for _ in range(2):
        desk.replies.send("Hello?")
        driver.until(lambda: not desk.replies.busy)
    driver.until(lambda: driver.notices)
    ready(driver, desk)
    assert used(desk)[0] == every(desk)
    assert len(driver.notices) == 1


def test_on_the_processor_the_second_death_in_a_row_is_no_chance(driver: DeskDriver) -> None:
    dies = {"generate": [[DIES]]}
    desk = driver.open(driver.fake({"lives": [dies, dies, {}]}))
    ready(driver, desk)
    desk.replies.send("Hello?")
    driver.until(lambda: not desk.replies.busy and driver.notices)
    ready(driver, desk)
    assert used(desk) == (0, 8192)
    desk.replies.send("Hello?")
    driver.until(lambda: not desk.replies.busy and len(driver.notices) == 2)
    ready(driver, desk)
    assert used(desk) == (0, 4096)


def test_a_card_that_vanishes_is_said(driver: DeskDriver) -> None:
    dies = CARD | {"generate": [[WRITES], [DIES]]}
    desk = driver.open(driver.fake({"lives": [dies, {}]}))
    ready(driver, desk)
    for _ in range(2):
        desk.replies.send("Hello?")
        driver.until(lambda: not desk.replies.busy)
    driver.until(lambda: len(driver.notices) == 2)
    ready(driver, desk)
    assert used(desk)[0] == 0
    assert "graphics card is not there any more" in driver.notices[1].text
    assert "on the processor alone" in driver.notices[1].text
    desk.replies.send("Hello?")
    driver.until(lambda: not desk.replies.busy)
    assert desk.transcript.messages()[-1].status is Status.COMPLETE


def test_a_death_while_ways_of_computing_are_measured_is_not_the_models(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake({"lives": [CARD]}))
    ready(driver, desk)
    client = desk.library.loading.parent().parent().findChild(EngineClient)
    lost = Problem(ProblemCode.ENGINE_LOST, "The model stopped unexpectedly.")
    client.tune_progressed.emit(99, 0.1)
    client.failed.emit(99, lost)
    client.engine_lost.emit(lost, True)
    driver.pause(0.3)
    assert [notice.text for notice in driver.notices] == [lost.title]
    assert desk.engine.status.phase is Phase.LOADING  # the same again, by the supervisor; there was no death here
    client.engine_lost.emit(lost, True)
    ready(driver, desk)
    assert used(desk)[0] == every(desk) // 2


def test_nothing_helps_and_it_ends(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake({"lives": [{"load": [[NO_MEMORY]]}]}))
    driver.until(lambda: desk.engine.status.phase is Phase.STOPPED)
    (notice,) = driver.notices
    assert "not enough memory" in notice.text


def test_another_wish_takes_the_place_of_the_steps(driver: DeskDriver, tmp_path: Path) -> None:
    slow = [{"type": "Progress", "seconds": 0.5}, NO_MEMORY]
    desk = driver.open(driver.fake({"lives": [{"load": [slow, slow, [GOES]]}]}))
    driver.until(lambda: desk.engine.status.phase is Phase.LOADING)
    other = tmp_path / "other.gguf"
    assert desk.models.chosen is not None
    shutil.copy(desk.models.chosen.path, other)
    desk.library.add_file(other)
    ready(driver, desk)
    assert desk.engine.model is not None and desk.engine.model.path == str(other)


# --- The real engine --------------------------------------------------------------------------------------------------


def limited(n_bytes: int) -> EngineCommand:
    command = engine_command()
    if shutil.which("prlimit") is None:
        pytest.skip("needs prlimit, to limit the memory of another process")
    return EngineCommand(["prlimit", f"--as={n_bytes}", *command.argv], command.env)


def test_a_context_that_does_not_fit_into_a_gigabyte_becomes_one_that_does(driver: DeskDriver, tmp_path: Path) -> None:
    path = write_tiny_llama(tmp_path / "tiny.gguf", TinyModel(n_ctx_train=2**20, n_embd=64, n_layers=4))
    n_ctx = 2**20  # 1 GB of cache: 4 layers of 64 elements of 2 bytes, K and V
    desk = driver.open(limited(10**9), path, before=lambda desk: desk.preferences.set(CONTEXT_LENGTH, n_ctx))
    driver.until(lambda: desk.engine.status.phase in (Phase.READY, Phase.STOPPED), 90)
    assert desk.engine.status.phase is Phase.READY, driver.notices
    assert used(desk)[1] < n_ctx
    told_once(driver, "context length of", "memory")
    assert desk.settings.get(CONTEXT_LENGTH, int) == n_ctx
    desk.replies.send("Hello?")
    driver.until(lambda: not desk.replies.busy, 60)
    assert desk.transcript.message(1).status in (Status.COMPLETE, Status.CUT_OFF)


def test_what_loads_took_is_learned(driver: DeskDriver) -> None:
    desk = driver.open()
    ready(driver, desk)
    file = desk.models.chosen
    assert file is not None
    wishes = desk.library.wishes
    assert wishes.records is not None
    settings: LoadSettings = wishes.settings(file)
    driver.until(lambda: wishes.records.of(file, settings))
    driver.close(desk)
    desk = driver.open()
    ready(driver, desk)
    assert desk.library.wishes.records is not None
    record = desk.library.wishes.records.of(file, settings)
    assert record is not None and record.peak_bytes > 50_000_000 and record.load_seconds > 0
