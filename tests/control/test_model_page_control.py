"""A model file's page: what is on it, its check, its template at work, its way into the trash. With real files."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.control.desk import Desk
from llamadesk.control.models.model_page import SAMPLE_CHAT
from llamadesk.core.chat import Role
from llamadesk.core.downloads import Download, DownloadEntry, DownloadPart, DownloadStage, DownloadStatus
from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.model_page import CheckStage, ModelPage
from llamadesk.core.settings import MODEL_PATH
from llamadesk.library.scan import read_model
from llamadesk.state.engine import Phase
from llamadesk.state.quantizing import QuantizeJob
from llamadesk.web.transfer import _kept_record
from llamadesk.web.transfer_state import Part, part_of
from tests.control.desk_driver import DeskDriver

FAKE: dict[str, object] = {"lives": [{}]}


@pytest.fixture
def model(driver: DeskDriver) -> Path:
    """A small model in LlamaDesk's own folder."""
    driver.folders.models.mkdir(parents=True)
    return write_tiny_llama(driver.folders.models / "tiny-F16.gguf")


@pytest.fixture
def trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files in the system's trash, which is one of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path))  # whose disk decides which trash is taken
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    (tmp_path / "share").mkdir()
    return tmp_path / "share" / "Trash" / "files"


def opened(driver: DeskDriver, desk: Desk, path: Path) -> ModelPage:
    state = desk.model_pages.state
    desk.model_pages.open(path)
    driver.until(lambda: state.path == path and (state.page or state.problem))
    assert state.problem is None, state.problem
    assert state.page is not None
    return state.page


def checked(driver: DeskDriver, desk: Desk, path: Path) -> CheckStage:
    desk.model_pages.verify(path)
    state = desk.model_pages.state
    driver.until(lambda: state.check is not None and state.check.stage is not CheckStage.READING)
    assert state.check is not None
    return state.check.stage


# --- What is on it ---


def test_all_that_is_known_of_the_starter_model(driver: DeskDriver, starter_model: Path) -> None:
    desk = driver.open()
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    page = opened(driver, desk, starter_model)
    assert page.file == desk.models.chosen
    assert page.parts == (starter_model,)
    assert page.template is not None and "<|im_start|>" in page.template.text
    assert {value.key for value in page.raw} >= {"general.architecture", "tokenizer.ggml.tokens"}
    assert page.stays is not None  # it came with LlamaDesk
    assert page.fingerprint == desk.fingerprints.of(page.file)
    assert desk.model_pages.is_chosen(page.file)
    assert "RAM" in desk.model_pages.fits(page.file) and "tokens" in desk.model_pages.fits(page.file)
    desk.replies.send("Tell me something about the sea, at some length.")
    driver.until(lambda: not desk.replies.busy, 60)
    names = {fact.name for fact in desk.model_pages.history(page.file)}
    assert {"Writes", "Loads in"} <= names


def test_a_set_of_parts_is_one_model(driver: DeskDriver, tmp_path: Path) -> None:
    first = write_tiny_llama(tmp_path / "tiny.gguf", TinyModel(tensors_per_file=8))
    desk = driver.open(driver.fake(FAKE))
    second = sorted(tmp_path.glob("tiny-0000*"))[1]
    page = opened(driver, desk, second)
    assert page.file.path == first
    assert len(page.parts) > 1 and second in page.parts
    assert page.file.size_bytes == sum(part.stat().st_size for part in page.parts)


def test_what_llamadesk_quantized_says_from_what(driver: DeskDriver, tmp_path: Path) -> None:
    """Made by the real quantizer."""
    source = write_tiny_llama(tmp_path / "tiny-F16.gguf", TinyModel(n_embd=64))
    desk = driver.open(driver.fake(FAKE))
    desk.quantizing.start(read_model(source), "Q8_0")
    driver.until(lambda: not desk.quantizing.busy and driver.notices, 50)
    (made,) = [path for path in tmp_path.rglob("*.gguf") if "Q8_0" in path.name]
    page = opened(driver, desk, made)
    assert page.file.facts.quantization == "Q8_0"
    assert ("Made here from", "tiny-F16.gguf (F16)") in [(fact.name, fact.text) for fact in page.origin]
    assert checked(driver, desk, made) is CheckStage.UNKNOWN


@pytest.mark.allow_log("model_damaged")
def test_broken_and_vanished_files_are_told(driver: DeskDriver, tmp_path: Path, model: Path) -> None:
    desk = driver.open(driver.fake(FAKE))
    state = desk.model_pages.state
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\xff" * 4000)
    for path, code in ((broken, ProblemCode.MODEL_DAMAGED), (tmp_path / "gone.gguf", ProblemCode.MODEL_MISSING)):
        desk.model_pages.open(path)
        driver.until(lambda: state.problem)
        assert state.path == path and state.page is None
        assert state.problem is not None and state.problem.code is code
        opened(driver, desk, model)
    model.unlink()
    desk.model_pages.open(model)  # again, and it is not there any more
    driver.until(lambda: state.problem)
    assert state.page is None


def test_pages_that_are_asked_for_one_after_the_other(driver: DeskDriver, model: Path, starter_model: Path) -> None:
    desk = driver.open(driver.fake(FAKE))
    for path in (model, starter_model, model):
        desk.model_pages.open(path)
    driver.until(lambda: desk.model_pages.state.page)
    driver.pause(0.2)
    page = desk.model_pages.state.page
    assert page is not None and page.file.path == model


# --- Whether it is undamaged ---


def test_without_anything_known_the_hash_is_shown(driver: DeskDriver, model: Path) -> None:
    desk = driver.open(driver.fake(FAKE))
    opened(driver, desk, model)
    assert checked(driver, desk, model) is CheckStage.UNKNOWN
    check = desk.model_pages.state.check
    assert check is not None and check.fraction == 1
    assert [(each.name, each.sha256) for each in check.hashes] == [
        (model.name, hashlib.sha256(model.read_bytes()).hexdigest())
    ]


def test_what_a_download_has_recorded_is_compared(driver: DeskDriver, model: Path) -> None:
    content = model.read_bytes()
    model.unlink()
    _download(driver, model, content)
    desk = driver.open(driver.fake(FAKE))
    opened(driver, desk, model)
    assert checked(driver, desk, model) is CheckStage.SAME
    with model.open("r+b") as file:  # in the weights: the header stays as it is
        file.seek(-100, os.SEEK_END)
        file.write(b"\0\xff\0\xff")
    opened(driver, desk, model)
    assert checked(driver, desk, model) is CheckStage.OTHER


def test_what_came_of_a_check_is_known_until_the_file_changes(driver: DeskDriver, model: Path) -> None:
    desk = driver.open(driver.fake(FAKE))
    opened(driver, desk, model)
    checked(driver, desk, model)
    before = desk.model_pages.state.check
    assert before is not None and before.ended_at
    driver.settle(desk)
    driver.close(desk)
    desk = driver.open(driver.fake(FAKE))
    opened(driver, desk, model)
    driver.until(lambda: desk.model_pages.state.check is not None)
    assert desk.model_pages.state.check == before
    os.utime(model, ns=(1, 1))
    opened(driver, desk, model)
    driver.until(lambda: desk.model_pages.state.check is None)


def _download(driver: DeskDriver, path: Path, content: bytes) -> None:
    """As `web.transfer` leaves a file and its record."""
    sha256 = hashlib.sha256(content).hexdigest()
    with Part(path, len(content), sha256) as part:
        while not part.complete:
            part.write(content[part.position : part.position + part.room])
        part.finish(_kept_record(driver.folders.download_records, sha256, path))
    assert path.is_file() and not part_of(path).exists()


@pytest.mark.parametrize(("right", "stage"), [(True, CheckStage.SAME), (False, CheckStage.OTHER)])
def test_a_file_that_is_named_by_its_hash(driver: DeskDriver, model: Path, right: bool, stage: CheckStage) -> None:
    digest = hashlib.sha256(model.read_bytes()).hexdigest() if right else "0" * 64
    blob = model.rename(model.with_name(f"sha256-{digest}"))
    link = model.with_name("linked.gguf")
    link.symlink_to(blob)
    desk = driver.open(driver.fake(FAKE))
    opened(driver, desk, link)
    assert checked(driver, desk, link) is stage


def test_a_file_that_was_cut_is_told_without_being_hashed(driver: DeskDriver, model: Path) -> None:
    desk = driver.open(driver.fake(FAKE))
    opened(driver, desk, model)
    os.truncate(model, model.stat().st_size - 1000)
    assert checked(driver, desk, model) is CheckStage.FAILED
    check = desk.model_pages.state.check
    assert check is not None and check.problem is not None
    assert check.problem.code is ProblemCode.MODEL_DAMAGED
    assert not check.hashes


def test_a_check_can_be_stopped_and_ends_with_the_page_and_the_app(
    driver: DeskDriver, model: Path, starter_model: Path
) -> None:
    with model.open("ab") as file:
        file.truncate(4_000_000_000)  # a hole: takes seconds to read
    desk = driver.open(driver.fake(FAKE))
    pages = desk.model_pages
    opened(driver, desk, model)
    pages.verify(model)
    driver.until(lambda: pages.state.check is not None and pages.state.check.done_bytes)
    pages.stop_verifying()
    driver.until(lambda: pages.state.check is not None and pages.state.check.stage is CheckStage.STOPPED)
    pages.verify(model)
    driver.until(lambda: pages.state.check is not None and pages.state.check.stage is CheckStage.READING)
    opened(driver, desk, starter_model)
    driver.pause(0.3)
    assert pages.state.check is None
    assert checked(driver, desk, starter_model) is CheckStage.UNKNOWN
    opened(driver, desk, model)
    pages.verify(model)
    driver.close(desk)  # waits for nothing


# --- Its template at work ---


def test_a_sample_chat_as_the_model_would_see_it(driver: DeskDriver, model: Path, starter_model: Path) -> None:
    desk = driver.open()
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    preview = desk.model_pages.preview
    state = desk.model_pages.state
    for path in (starter_model, model):  # one is loaded, of the other the vocabulary is read for this
        opened(driver, desk, path)
        preview()
        assert state.preview.is_asked
        driver.until(lambda: not state.preview.is_asked)
        assert state.preview.problem is None, state.preview.problem
        text = "".join(piece.text for piece in state.preview.pieces)
        last = [turn.content for turn in SAMPLE_CHAT if turn.role is Role.USER][-1]
        assert text.endswith(f"<|im_start|>user\n{last}<|im_end|>\n<|im_start|>assistant\n")
        assert any(piece.is_control for piece in state.preview.pieces)
    assert desk.engine.model is not None and desk.engine.model.path == str(starter_model)


def test_a_template_that_fails_is_told(driver: DeskDriver, tmp_path: Path) -> None:
    template = "{{ raise_exception('Only for robots.') }}"
    path = write_tiny_llama(tmp_path / "a.gguf", TinyModel(template=template, name="Something"))
    desk = driver.open()
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    opened(driver, desk, path)
    desk.model_pages.preview()
    driver.until(lambda: not desk.model_pages.state.preview.is_asked)
    preview = desk.model_pages.state.preview
    assert preview.problem is not None or preview.pieces  # a built-in format may stand in for it
    assert desk.engine.status.phase is Phase.READY


# --- Into the trash ---


def test_a_file_goes_into_the_trash(driver: DeskDriver, model: Path, trash: Path) -> None:
    desk = driver.open(driver.fake(FAKE))
    driver.until(lambda: desk.models.file_at(model))
    state = desk.model_pages.state
    page = opened(driver, desk, model)
    assert page.stays is None
    desk.model_pages.move_to_trash(model)
    driver.until(lambda: state.path is None)
    assert not model.exists()
    assert [path.name for path in trash.iterdir()] == [model.name]
    driver.until(lambda: desk.models.file_at(model) is None)
    assert "trash" in driver.notices[-1].text


def test_all_parts_of_a_set_go(driver: DeskDriver, trash: Path) -> None:
    driver.folders.models.mkdir(parents=True)
    first = write_tiny_llama(driver.folders.models / "tiny.gguf", TinyModel(tensors_per_file=8))
    desk = driver.open(driver.fake(FAKE))
    page = opened(driver, desk, first)
    desk.model_pages.move_to_trash(first)
    driver.until(lambda: desk.model_pages.state.path is None)
    assert sorted(path.name for path in trash.iterdir()) == sorted(part.name for part in page.parts)
    assert not any(part.exists() for part in page.parts)


def test_the_model_in_use_stays_until_another_is_chosen(
    driver: DeskDriver, model: Path, trash: Path, starter_model: Path
) -> None:
    desk = driver.open(driver.fake(FAKE), model=model)
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    state = desk.model_pages.state
    opened(driver, desk, model)
    desk.model_pages.move_to_trash(model)
    driver.until(lambda: state.trouble)
    assert model.exists() and state.page is not None
    assert state.trouble is not None and "in use" in state.trouble.title
    desk.library.add_file(starter_model)
    driver.until(lambda: desk.models.chosen is not None and desk.models.chosen.path == starter_model)
    desk.model_pages.move_to_trash(model)
    driver.until(lambda: state.path is None)
    assert not model.exists() and state.trouble is None


@pytest.mark.allow_log("load_failed")
def test_a_chosen_model_that_does_not_load_may_go(driver: DeskDriver, model: Path, trash: Path) -> None:
    fails = {"code": "load_failed", "title": "It does not load.", "advice": "", "detail": ""}
    plans: list[object] = [[{"type": "Fail", "problem": fails}]]
    desk = driver.open(driver.fake({"lives": [{"load": plans}]}), model=model)
    driver.until(lambda: desk.engine.status.phase is Phase.STOPPED)
    opened(driver, desk, model)
    desk.model_pages.move_to_trash(model)
    driver.until(lambda: desk.model_pages.state.path is None)
    assert desk.models.chosen is None
    assert desk.settings.get(MODEL_PATH, str) == ""
    assert desk.engine.status.phase is Phase.NO_MODEL


@pytest.mark.allow_log("model_damaged")
def test_a_damaged_file_without_a_page_may_go(driver: DeskDriver, model: Path, trash: Path) -> None:
    model.write_bytes(b"GGUF" + b"\xff" * 500)
    desk = driver.open(driver.fake(FAKE))
    state = desk.model_pages.state
    desk.model_pages.open(model)
    driver.until(lambda: state.problem)
    desk.model_pages.move_to_trash(model)
    driver.until(lambda: state.path is None)
    assert [path.name for path in trash.iterdir()] == [model.name]


def test_another_apps_file_stays(
    driver: DeskDriver, tmp_path: Path, trash: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / ".lmstudio" / "models" / "a" / "b"
    folder.mkdir(parents=True)
    path = write_tiny_llama(folder / "tiny-F16.gguf")
    desk = driver.open(driver.fake(FAKE))
    page = opened(driver, desk, path)
    assert page.stays is not None and "LM Studio" in page.stays.text
    assert ("Belongs to", "LM Studio") in [(fact.name, fact.text) for fact in page.place]
    desk.model_pages.move_to_trash(path)
    driver.until(lambda: desk.model_pages.state.trouble)
    assert path.exists()


def test_a_page_can_be_awaited(driver: DeskDriver, model: Path) -> None:
    desk = driver.open(driver.fake(FAKE))
    copy = shutil.copy(model, model.with_name("copy.gguf"))

    async def look() -> None:
        assert (await desk.model_pages.page(Path(copy))).file.path == Path(copy)
        with pytest.raises(ProblemError):
            await desk.model_pages.page(model.with_name("none.gguf"))

    driver.run(look())


def test_a_file_that_another_one_is_made_from_stays(driver: DeskDriver, model: Path, trash: Path) -> None:
    desk = driver.open(driver.fake(FAKE))
    opened(driver, desk, model)
    desk.quantizing.state.show(QuantizeJob(read_model(model), "Q8_0", model.with_name("tiny-Q8_0.gguf")))
    desk.model_pages.move_to_trash(model)
    driver.until(lambda: desk.model_pages.state.trouble)
    trouble = desk.model_pages.state.trouble
    assert trouble is not None and "being made from this file" in trouble.title
    assert model.exists()
    desk.quantizing.state.show(None)
    desk.model_pages.move_to_trash(model)
    driver.until(lambda: desk.model_pages.state.path is None)


def test_a_file_that_is_being_downloaded_stays(driver: DeskDriver, model: Path, trash: Path) -> None:
    desk = driver.open(driver.fake(FAKE))
    opened(driver, desk, model)
    download = Download(1, "Tiny", "a/b", (DownloadPart("https://hub.invalid/x", str(model), 10, ""),))
    status = DownloadStatus(DownloadStage.DOWNLOADING, 1, 10)
    desk.downloads.state.put(DownloadEntry(download, status))
    desk.model_pages.move_to_trash(model)
    driver.until(lambda: desk.model_pages.state.trouble)
    assert model.exists()
    desk.downloads.state.remove(1)
