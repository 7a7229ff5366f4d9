"""What is on this computer is found, used where it lies, and followed; with trees as other apps leave them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from gguf_files import Shape
from model_trees import OllamaTree, write_set
from tiny_models import TinyModel, VocabKind, write_tiny_llama

from llamadesk.control import places as places_module
from llamadesk.control import watching
from llamadesk.control.desk import Desk
from llamadesk.core.chat import Role
from llamadesk.core.places import Where
from llamadesk.core.settings import MAX_TOKENS, MODEL_FILES, MODEL_FOLDERS, OTHER_APPS
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver

SHAPE = Shape(n_layers=1)
FAKE: dict[str, object] = {"lives": [{}]}
VARIABLES = (
    "OLLAMA_MODELS",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "LLAMA_CACHE",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home without any app."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    return home


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for moments where the app waits for seconds."""
    monkeypatch.setattr(watching, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.3)
    monkeypatch.setattr(places_module, "_LEAST_REST_SECONDS", 0.1)
    monkeypatch.setattr(places_module, "_REST_SHARE", 0)
    monkeypatch.setattr(places_module, "_ARRIVING_AGAIN_MS", 300)


def with_other_apps(desk: Desk) -> None:
    desk.preferences.set(OTHER_APPS, True)


def named(name: str, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return SHAPE.write(path, general__name=name)


def names(desk: Desk) -> set[str]:
    """Of all files that were found but the starter model."""
    return {path.name for path, place in desk.library.places.items() if place.where is not Where.SHIPPED}


def state(folder: Path) -> dict[str, tuple[int, int, str]]:
    """What shows whether anything was changed below a folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_ino, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in files
    }


def count_looks(desk: Desk) -> list[object]:
    looks: list[object] = []
    desk.library._places.looked.connect(looks.append)
    return looks


# --- Other apps -------------------------------------------------------------------------------------------------------


def test_a_chat_with_a_model_of_another_app_and_nothing_is_copied(
    driver: DeskDriver, home: Path, tmp_path: Path
) -> None:
    studio = home / ".lmstudio" / "models" / "publisher" / "Zebra-7B-GGUF" / "Zebra-7B-Q8_0.gguf"
    studio.parent.mkdir(parents=True)
    write_tiny_llama(studio, TinyModel(seed=1))
    weights = write_tiny_llama(tmp_path / "weights.gguf", TinyModel(VocabKind.SPM, template="", seed=2))
    blob = OllamaTree(home / ".ollama" / "models").add("registry.ollama.ai/library/giraffe/1b", weights)
    before = state(home)

    desk = driver.open(before=with_other_apps)
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    assert names(desk) == {studio.name, blob.name}
    assert desk.library.app_of(studio) == "LM Studio"
    assert desk.library.app_of(blob) == "Ollama"
    desk.preferences.set(MAX_TOKENS, 8)
    for number, (family, path) in enumerate({"Zebra 7B": studio, "Giraffe 1B": blob}.items(), start=1):
        assert path in {file.path for each in desk.models.families if each.name == family for file in each.files}
        desk.library.choose_file(path)
        driver.until(
            lambda path=path: (
                desk.engine.model is not None  # type: ignore[misc]
                and desk.engine.model.path == str(path)
                and desk.engine.status.phase is Phase.READY
            )
        )
        desk.replies.send("Hello")
        driver.until(lambda: not desk.replies.busy)
        messages = desk.transcript.messages()
        assert [message.role for message in messages] == [Role.USER, Role.ASSISTANT] * number
    assert driver.notices == []
    assert state(home) == before
    assert not driver.folders.models.exists()  # there is no copy


def test_other_apps_are_looked_into_where_that_is_wanted(driver: DeskDriver, home: Path) -> None:
    named("Theirs", home / ".lmstudio" / "models" / "a" / "b" / "theirs.gguf")
    desk = driver.open(driver.fake(FAKE))
    assert names(desk) == set()
    desk.preferences.set(OTHER_APPS, True)
    driver.until(lambda: names(desk) == {"theirs.gguf"})
    desk.preferences.set(OTHER_APPS, False)
    driver.until(lambda: names(desk) == set())


def test_no_file_of_another_app_is_taken_unasked(
    driver: DeskDriver, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llamadesk.control.library.starter_model", lambda: None)
    named("A Huge One", home / ".lmstudio" / "models" / "a" / "b" / "a-huge-one.gguf")
    desk = driver.open(driver.fake(FAKE), before=with_other_apps)
    assert names(desk) == {"a-huge-one.gguf"}
    assert desk.models.chosen is None
    assert not desk.models.expected
    driver.close(desk)
    own = named("Own", driver.folders.models / "own.gguf")
    desk = driver.open(driver.fake(FAKE), before=with_other_apps)
    assert desk.models.chosen is not None and desk.models.chosen.path == own


# --- The person's folders ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_a_folder_that_was_added_is_followed_and_kept(driver: DeskDriver, home: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    first = named("First", disk / "first.gguf")
    desk = driver.open(driver.fake(FAKE))
    desk.library.add_folder(disk)
    driver.until(lambda: names(desk) == {"first.gguf"})
    named("Second", disk / "second.gguf")
    driver.until(lambda: names(desk) == {"first.gguf", "second.gguf"})
    (disk / "second.gguf").unlink()
    driver.until(lambda: names(desk) == {"first.gguf"})
    desk.library.add_folder(disk)
    assert "already" in driver.notices[-1].text
    driver.close(desk)

    desk = driver.open(driver.fake(FAKE))
    assert names(desk) == {"first.gguf"}
    assert desk.library.places[first].where is Where.FOLDER
    desk.library.remove_folder(disk)
    driver.until(lambda: names(desk) == set())
    assert first.is_file()
    assert desk.settings.get(MODEL_FOLDERS, str) == ""


@pytest.mark.usefixtures("quick")
def test_a_drive_that_goes_and_comes(driver: DeskDriver, home: Path, tmp_path: Path) -> None:
    disk, away = tmp_path / "disk", tmp_path / "away"
    named("Far", disk / "a" / "far.gguf")
    desk = driver.open(driver.fake(FAKE), before=lambda desk: desk.library.add_folder(disk))
    assert names(desk) == {"far.gguf"}
    disk.rename(away)
    driver.until(lambda: names(desk) == set())
    finds = desk.models.finds
    assert finds is not None
    assert [root.is_there for root in finds.roots if root.where is Where.FOLDER] == [False]
    away.rename(disk)
    driver.until(lambda: names(desk) == {"far.gguf"})
    assert driver.notices == []


@pytest.mark.allow_log("model_missing")
@pytest.mark.usefixtures("quick")
def test_the_model_of_last_time_is_offered_when_its_drive_is_back(
    driver: DeskDriver, home: Path, tmp_path: Path
) -> None:
    disk, away = tmp_path / "disk", tmp_path / "away"
    far = named("Far", disk / "far.gguf")
    desk = driver.open(driver.fake(FAKE), before=lambda desk: desk.library.add_folder(disk))
    desk.library.choose_file(far)
    driver.close(desk)
    disk.rename(away)
    desk = driver.open(driver.fake(FAKE))
    assert desk.models.chosen is not None and desk.models.chosen.path != far
    assert "not there any more" in driver.notices[-1].text
    away.rename(disk)
    driver.until(lambda: driver.notices[-1].action_label == "Use it")
    desk.notices.act(driver.notices[-1].action_id)
    assert desk.models.chosen.path == far


@pytest.mark.usefixtures("quick")
def test_a_download_beside_models_makes_nobody_look_until_it_is_whole(
    driver: DeskDriver, home: Path, tmp_path: Path
) -> None:
    folder = driver.folders.models
    named("First", folder / "first.gguf")
    whole = named("Second", tmp_path / "second.gguf").read_bytes()
    desk = driver.open(driver.fake(FAKE))
    driver.pause(0.5)  # until the folder is followed
    looks = count_looks(desk)
    part = folder / "second.gguf.part"
    for number in range(10):
        with part.open("ab") as file:
            file.write(whole[number::10])
        (folder / "second.gguf.part.json").write_text("x" * number)
        (folder / "second.gguf.part.json").rename(folder / f"old-{number}.json")
        driver.pause(0.1)
    driver.pause(0.5)
    assert looks == []
    part.write_bytes(whole)
    part.rename(folder / "second.gguf")
    driver.until(lambda: names(desk) == {"first.gguf", "second.gguf"})
    driver.pause(0.5)
    assert len(looks) == 1


@pytest.mark.usefixtures("quick")
def test_a_file_that_is_being_copied_is_no_trouble_and_is_there_when_it_is_whole(
    driver: DeskDriver, home: Path, tmp_path: Path
) -> None:
    whole = named("Slow", tmp_path / "slow.gguf").read_bytes()
    folder = driver.folders.models
    folder.mkdir(parents=True)
    slow = folder / "slow.gguf"
    slow.write_bytes(whole[: len(whole) // 2])
    desk = driver.open(driver.fake(FAKE))
    finds = desk.models.finds
    assert finds is not None and [each.is_arriving for each in finds.unusable] == [True]
    with slow.open("r+b") as file:  # of this the system does not tell
        file.seek(len(whole) // 2)
        file.write(whole[len(whole) // 2 :])
    driver.until(lambda: names(desk) == {"slow.gguf"})
    assert driver.notices == []


@pytest.mark.allow_log("model_damaged")
def test_an_incomplete_set_in_our_folder_is_told_once(
    driver: DeskDriver, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llamadesk.library.looking._ARRIVING_SECONDS", 0.0)
    driver.folders.models.mkdir(parents=True)
    write_set(driver.folders.models, "big", 3, SHAPE)[1].unlink()
    desk = driver.open(driver.fake(FAKE))
    (notice,) = driver.notices
    assert "Part 2 of the 3 parts of this model is missing." in notice.text
    looks = count_looks(desk)
    desk.library.rescan()
    driver.until(lambda: looks)
    assert len(driver.notices) == 1


# --- What the person brings -------------------------------------------------------------------------------------------


def test_models_are_known_by_what_is_in_them(driver: DeskDriver, home: Path, tmp_path: Path) -> None:
    odd = named("Llama", tmp_path / "Downloads" / "llama-2-7b-chat.GGUF.q4_0.bin")
    text = tmp_path / "poem.gguf.txt"
    text.write_text("GG")
    desk = driver.open(driver.fake(FAKE))
    others: list[tuple[Path, ...]] = []
    desk.library.others_brought.connect(others.append)
    desk.library.take([text, odd])
    driver.until(lambda: desk.models.chosen is not None and desk.models.chosen.path == odd)
    driver.until(lambda: odd in desk.library.places)
    assert others == [(text,)]
    assert desk.library.places[odd].is_listed
    assert driver.notices == []


@pytest.mark.allow_log("model_not_gguf")
def test_several_at_once(driver: DeskDriver, home: Path, tmp_path: Path) -> None:
    first, second = named("First", tmp_path / "a" / "first.gguf"), named("Second", tmp_path / "b" / "second.gguf")
    page = tmp_path / "page.gguf"
    page.write_text("<!DOCTYPE html>" * 100)
    parts = write_set(tmp_path / "b", "big", 2, SHAPE, general__name="Big")
    desk = driver.open(driver.fake(FAKE))
    desk.library.take([first, page, *parts, second])
    driver.until(lambda: names(desk) == {"first.gguf", "second.gguf", parts[0].name})
    assert desk.models.chosen is not None and desk.models.chosen.path == first
    assert [notice.text.split(",")[0] for notice in driver.notices[1:]] == ["3 models were added"]
    driver.close(desk)
    desk = driver.open(driver.fake(FAKE))  # they are listed from now on, wherever they lie
    assert names(desk) == {"first.gguf", "second.gguf", parts[0].name}
    desk.library.choose_file(second)
    desk.library.forget_file(first)
    driver.until(lambda: "first.gguf" not in names(desk))
    assert first.is_file()


def test_what_lies_in_a_folder_that_is_looked_through_need_not_be_remembered(driver: DeskDriver, home: Path) -> None:
    own = named("Own", driver.folders.models / "own.gguf")
    desk = driver.open(driver.fake(FAKE))
    desk.library.add_file(own)
    driver.until(lambda: desk.models.chosen is not None and desk.models.chosen.path == own)
    driver.pause(0.1)
    assert desk.settings.get(MODEL_FILES, str) == ""


def test_a_folder_is_offered_to_be_looked_through(driver: DeskDriver, home: Path, tmp_path: Path) -> None:
    named("Mine", tmp_path / "mine" / "mine.gguf")
    desk = driver.open(driver.fake(FAKE))
    desk.library.take([tmp_path / "mine"])
    driver.until(lambda: driver.notices)
    (notice,) = driver.notices
    assert "“mine”" in notice.text
    assert names(desk) == set()  # it is only offered
    desk.notices.act(notice.action_id)
    driver.until(lambda: names(desk) == {"mine.gguf"})
    desk.library.take([tmp_path / "mine"])
    driver.until(lambda: len(driver.notices) == 2)
    assert "already" in driver.notices[-1].text


# --- The thread -------------------------------------------------------------------------------------------------------


def test_one_look_at_a_time_and_none_is_lost(driver: DeskDriver, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = driver.open(driver.fake(FAKE))
    looker = desk.library._places._looker
    running, most = 0, 0
    look: Callable[..., object] = looker.look

    def counted(wanted: object) -> object:
        nonlocal running, most
        running += 1
        most = max(most, running)
        found = look(wanted)
        running -= 1
        return found

    monkeypatch.setattr(looker, "look", counted)
    looks = count_looks(desk)
    for _ in range(20):
        desk.library.rescan()
    driver.until(lambda: len(looks) == 1)
    named("Own", driver.folders.models / "own.gguf")
    desk.library.rescan()
    driver.until(lambda: names(desk) == {"own.gguf"})
    assert most == 1


def test_a_look_that_finds_the_same_changes_nothing_on_screen(driver: DeskDriver, home: Path) -> None:
    named("Own", driver.folders.models / "own.gguf")
    desk = driver.open(driver.fake(FAKE))
    looks, changes = count_looks(desk), []
    desk.models.families_changed.connect(lambda: changes.append(1))
    desk.library.rescan()
    driver.until(lambda: looks)
    assert changes == []


def test_a_disk_that_does_not_answer_holds_up_nothing_but_the_look(
    driver: DeskDriver, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading  # noqa: PLC0415 - for this test alone

    answers = threading.Event()
    monkeypatch.setattr("llamadesk.control.library._FIRST_LOOK_SECONDS", 0.2)
    monkeypatch.setattr("llamadesk.library.looking.Looker.look", lambda *_: answers.wait(60))
    desk = driver.open(driver.fake(FAKE))  # returns
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    driver.close(desk)
    answers.set()
