"""Safe mode on a real desk: defaults instead of the person's settings, which stay as they are; no word is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llamadesk.core.settings import MODEL_PATH, NEW_CHAT_DRAFT, TEMPERATURE, THEME
from llamadesk.core.start import StartMode
from llamadesk.state.engine import Phase
from llamadesk.store.front import Store
from tests.control.desk_driver import DeskDriver

SAFE = StartMode(safe=True)


def stored(driver: DeskDriver) -> dict[str, object]:
    store = Store.open(driver.folders)
    values = store.read_settings_now()
    store.close()
    return values


@pytest.fixture
def other_model(driver: DeskDriver, starter_model: Path, tmp_path: Path) -> Path:
    """A model that was used last time, with other settings than the defaults."""
    other = driver.folders.models / "other-7B-Q4_1.gguf"
    other.parent.mkdir(parents=True)
    shutil.copy(starter_model, other)
    desk = driver.open(driver.fake({"lives": [{}]}), model=other)
    desk.preferences.set(THEME, "dark")
    desk.preferences.set(TEMPERATURE, 1.5)
    desk.chats.save_draft("begun")
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    driver.close(desk)
    return other


def test_the_persons_settings_are_neither_used_nor_changed(
    driver: DeskDriver, other_model: Path, starter_model: Path
) -> None:
    before = stored(driver)
    assert before[THEME] == "dark" and before[MODEL_PATH] == str(other_model)
    driver.notices.clear()

    desk = driver.open(driver.fake({"lives": [{}]}), mode=SAFE)
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    assert desk.settings.get(THEME, str) == "system"
    assert desk.models.chosen is not None and desk.models.chosen.path == starter_model
    assert [notice.text.partition(":")[0] for notice in driver.notices] == ["LlamaDesk is in safe mode"]
    desk.preferences.set(TEMPERATURE, 0.2)
    assert desk.settings.get(TEMPERATURE, float) == 0.2
    driver.close(desk)
    assert stored(driver) == before


def test_what_the_person_writes_is_kept_all_the_same(driver: DeskDriver, other_model: Path) -> None:
    desk = driver.open(driver.fake({"lives": [{}]}), mode=SAFE)
    assert desk.chats.draft == "begun"
    desk.chats.save_draft("begun and gone on with")
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    driver.close(desk)
    assert stored(driver)[NEW_CHAT_DRAFT] == "begun and gone on with"


def test_a_file_that_was_named_is_loaded(driver: DeskDriver, other_model: Path) -> None:
    desk = driver.open(driver.fake({"lives": [{}]}), model=other_model, mode=SAFE)
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    assert desk.models.chosen is not None and desk.models.chosen.path == other_model


def test_without_a_starter_model_none_is_taken_unasked(
    driver: DeskDriver, other_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llamadesk.control.library.starter_model", lambda: None)
    desk = driver.open(driver.fake({"lives": [{}]}), mode=SAFE)
    driver.until(lambda: desk.models.families)
    assert desk.models.chosen is None
    desk.library.choose_file(other_model)
    driver.until(lambda: desk.engine.status.phase is Phase.READY)


def test_an_ordinary_start_says_nothing_of_it(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake({"lives": [{}]}))
    assert not desk.mode.safe
    assert driver.notices == []
