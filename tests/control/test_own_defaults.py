"""What a person chose for one model alone goes before the settings, is kept by the file's contents, and can be undone.
With the real engine where it is the engine that must use it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llamadesk.control.desk import Desk
from llamadesk.control.own_defaults import OWN_KEYS, KeptDefaults
from llamadesk.core.chat import Role
from llamadesk.core.models import ModelFile
from llamadesk.core.settings import (
    CONTEXT_LENGTH,
    MAX_TOKENS,
    SETTINGS,
    SYSTEM_PROMPT,
    TEMPERATURE,
    TOP_K,
)
from llamadesk.core.start import StartMode
from llamadesk.state.engine import Phase
from llamadesk.store.front import Store
from tests.control.desk_driver import DeskDriver

FAKE: dict[str, object] = {"lives": [{}]}


@pytest.fixture
def model(starter_model: Path, tmp_path: Path) -> Path:
    path = tmp_path / "one.gguf"
    shutil.copy(starter_model, path)
    return path


def known(driver: DeskDriver, desk: Desk, path: Path) -> ModelFile:
    """The file with its fingerprint known, as its page makes it."""
    found: list[ModelFile] = []

    async def look() -> None:
        found.append((await desk.model_pages.page(path)).file)

    driver.run(look())
    return found[0]


def ready(driver: DeskDriver, desk: Desk) -> None:
    driver.until(lambda: desk.engine.status.phase is Phase.READY)


def system_text(desk: Desk) -> str:
    turns = desk.context.on_screen().turns
    return "".join(turn.content for turn in turns if turn.role is Role.SYSTEM)


def test_every_key_is_a_setting_that_can_have_another_value() -> None:
    assert len(set(OWN_KEYS)) == len(OWN_KEYS)
    assert set(OWN_KEYS) <= SETTINGS.keys()


def test_they_go_before_the_settings_for_that_model_alone(driver: DeskDriver, model: Path, starter_model: Path) -> None:
    desk = driver.open(driver.fake(FAKE), model=model)
    ready(driver, desk)
    own = desk.model_pages.own_defaults
    file = known(driver, desk, model)
    desk.preferences.set(SYSTEM_PROMPT, "For all.")
    desk.preferences.set(TEMPERATURE, 0.9)
    own.set(file, SYSTEM_PROMPT, "For this one.")
    own.set(file, TEMPERATURE, 0.1)
    assert system_text(desk) == "For this one."
    assert desk.settings.effective(TEMPERATURE, float) == 0.1
    assert desk.settings.get(TEMPERATURE, float) == 0.9  # the settings show what was chosen there
    assert desk.settings.effective(TOP_K, int) == SETTINGS[TOP_K].default

    desk.library.add_file(starter_model)
    driver.until(lambda: desk.models.chosen is not None and desk.models.chosen.path == starter_model)
    # The same contents, and so the same model, under another name: once that is known.
    ready(driver, desk)
    known(driver, desk, starter_model)
    assert desk.settings.effective(TEMPERATURE, float) == 0.1

    own.unset(file, TEMPERATURE)
    assert desk.settings.effective(TEMPERATURE, float) == 0.9
    assert system_text(desk) == "For this one."
    own.reset(file)
    assert system_text(desk) == "For all."
    assert not own.of(file)


def test_another_model_has_none_of_them(driver: DeskDriver, model: Path, tmp_path: Path) -> None:
    with model.open("ab") as file:
        file.write(b"other contents")
    desk = driver.open(driver.fake(FAKE))  # with the starter model
    ready(driver, desk)
    starter = desk.models.chosen
    assert starter is not None
    known(driver, desk, starter.path)
    desk.model_pages.own_defaults.set(starter, TEMPERATURE, 0.1)
    desk.library.add_file(model)
    driver.until(lambda: desk.models.chosen is not None and desk.models.chosen.path == model)
    known(driver, desk, model)
    assert desk.settings.effective(TEMPERATURE, float) == SETTINGS[TEMPERATURE].default


def test_they_are_kept_and_known_again_under_another_name(driver: DeskDriver, model: Path, tmp_path: Path) -> None:
    desk = driver.open(driver.fake(FAKE), model=model)
    own = desk.model_pages.own_defaults
    own.set(known(driver, desk, model), SYSTEM_PROMPT, "")
    own.set(known(driver, desk, model), TEMPERATURE, 1.0)
    driver.close(desk)
    renamed = model.rename(tmp_path / "another name.gguf")
    desk = driver.open(driver.fake(FAKE), model=renamed)
    file = known(driver, desk, renamed)
    assert desk.model_pages.own_defaults.of(file) == {SYSTEM_PROMPT: "", TEMPERATURE: 1.0}
    assert desk.settings.effective(TEMPERATURE, float) == 1.0
    assert system_text(desk) == ""  # an empty one is chosen as well


def test_a_value_that_is_not_allowed_is_told_and_changes_nothing(driver: DeskDriver, model: Path) -> None:
    desk = driver.open(driver.fake(FAKE), model=model)
    file = known(driver, desk, model)
    desk.model_pages.own_defaults.set(file, TEMPERATURE, 99.0)
    assert not desk.model_pages.own_defaults.of(file)
    assert "Temperature" in driver.notices[-1].text


def test_what_is_stored_and_not_allowed_any_more_is_left_out(driver: DeskDriver, model: Path) -> None:
    desk = driver.open(driver.fake(FAKE), model=model)
    file = known(driver, desk, model)
    fingerprint = desk.fingerprints.of(file)
    driver.close(desk)
    store = Store.open(driver.folders)
    values: dict[str, bool | int | float | str] = {TEMPERATURE: 99.0, TOP_K: 7, "gone.setting": 1}
    driver.run(store.learn(f"defaults/{fingerprint}", KeptDefaults(values)))
    store.close()
    desk = driver.open(driver.fake(FAKE), model=model)
    assert desk.model_pages.own_defaults.of(file) == {TOP_K: 7}


def test_in_safe_mode_none_is_used_or_kept(driver: DeskDriver, model: Path) -> None:
    desk = driver.open(driver.fake(FAKE), model=model)
    desk.model_pages.own_defaults.set(known(driver, desk, model), TEMPERATURE, 0.1)
    driver.close(desk)
    desk = driver.open(driver.fake(FAKE), model=model, mode=StartMode(safe=True))
    file = known(driver, desk, model)
    assert desk.settings.effective(TEMPERATURE, float) == SETTINGS[TEMPERATURE].default
    desk.model_pages.own_defaults.set(file, TEMPERATURE, 0.3)
    assert desk.settings.effective(TEMPERATURE, float) == 0.3
    driver.close(desk)
    desk = driver.open(driver.fake(FAKE), model=model)
    assert desk.settings.effective(TEMPERATURE, float) == 0.1


def test_the_engine_loads_and_writes_by_them(driver: DeskDriver, starter_model: Path) -> None:
    desk = driver.open(before=lambda desk: desk.preferences.set(CONTEXT_LENGTH, 2048))
    ready(driver, desk)
    file = known(driver, desk, starter_model)
    own = desk.model_pages.own_defaults
    own.set(file, MAX_TOKENS, 3)
    own.set(file, TEMPERATURE, 0.0)
    own.set(file, CONTEXT_LENGTH, 1024)
    driver.until(lambda: desk.engine.status.n_ctx == 1024)
    ready(driver, desk)
    assert desk.library.context_length(file) == 1024
    desk.replies.send("Count to twenty.")
    driver.until(lambda: not desk.replies.busy, 60)
    stats = desk.transcript.messages()[-1].stats
    assert stats is not None and stats.n_generated == 3
    own.reset(file)
    driver.until(lambda: desk.engine.status.n_ctx == 2048)
