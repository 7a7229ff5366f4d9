"""The queue of downloads where something is wrong: it is told in plain words, and goes on where that helps."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from llamadesk.control.notices import Notice
from llamadesk.control.online import download_retries
from llamadesk.control.online.download_work import Fetch
from llamadesk.core.downloads import DownloadEntry, DownloadStage
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.hub import HubFile, HubPart
from llamadesk.core.start import StartMode
from llamadesk.store.front import Store
from llamadesk.web import transfer, transfer_pace
from llamadesk.web.transfer_state import kept_bytes
from tests.control.desk_driver import DeskDriver
from tests.control.download_queue import NAME, REPOSITORY, Queue, content, hub, queue
from tests.web.hub_server import GRANTED_TOKEN, Fault, HubServer

__all__ = ["content", "hub", "queue"]

S = DownloadStage
ALWAYS = 50
"""More faults than a download has patience for."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a download waits before it tries again, it waits shortly."""
    monkeypatch.setattr(transfer_pace, "_FIRST_WAIT_SECONDS", 0.001)


def _notice(queue: Queue) -> Notice:
    """The last one that tells of a failure."""
    return [notice for notice in queue.driver.notices if notice.action_label == "Try again"][-1]


def failed(queue: Queue, code: ProblemCode) -> DownloadEntry:
    """Wait until the only download has failed for that reason, and check that the person knows."""
    queue.until(S.FAILED)
    problem = queue.entry().status.problem
    assert problem is not None and problem.code is code
    assert problem.title and problem.advice
    assert _notice(queue).text.startswith(f"“Tiny” could not be downloaded. {problem.title}")
    return queue.entry()


@pytest.mark.allow_log("hub_missing")
def test_a_file_that_is_not_there_any_more(queue: Queue, content: bytes) -> None:
    file = queue.file()
    queue.hub.add(REPOSITORY, NAME, content[::-1])  # so that the commit is another one
    queue.control.add(file, "Tiny")
    queue.settle()
    failed(queue, ProblemCode.HUB_MISSING)
    queue.hub.add(REPOSITORY, NAME, content)
    queue.desk.notices.act(_notice(queue).action_id)
    queue.until(S.DONE)


@pytest.mark.allow_log("hub_busy")
def test_a_hub_that_wants_to_be_left_alone(queue: Queue) -> None:
    queue.hub.faults = [Fault(status=429, retry_after="100000")]
    queue.add()
    entry = failed(queue, ProblemCode.HUB_BUSY)
    assert "tries again by itself" in entry.status.trouble
    queue.control.retry(entry.download.id)
    queue.until(S.DONE)


@pytest.mark.allow_log("network_failed")
def test_a_lost_network_is_waited_for_and_tried_again(
    driver: DeskDriver, hub: HubServer, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(download_retries, "_AGAIN_MS", 50)
    queue = Queue(driver, hub)
    hub.faults = [Fault(cut_after=400_000), *[Fault(cut_after=0)] * (2 * transfer_pace.MOST_TRIES + 3)]
    queue.add()
    failed(queue, ProblemCode.NETWORK_FAILED)
    queue.until(S.DONE)  # by itself, after it had failed once more
    assert queue.place().read_bytes() == content
    assert len([text for text in queue.told() if "could not" in text]) == 1
    first = int(hub.file_requests()[1].headers["range"][6:-1])
    assert first == 400_000


@pytest.mark.allow_log("network_failed")
def test_failed_is_tried_again_after_a_restart(queue: Queue) -> None:
    queue.hub.faults = [Fault(cut_after=0)] * transfer_pace.MOST_TRIES
    queue.add()
    failed(queue, ProblemCode.NETWORK_FAILED)
    queue.restart()
    queue.until(S.DONE)


def test_a_trouble_that_passes_is_told_on_the_way(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_pace, "_FIRST_WAIT_SECONDS", 60.0)
    queue.hub.faults = [Fault(cut_after=400_000)]
    entry = queue.add()
    queue.driver.until(lambda: queue.stages() == [S.RETRYING])
    assert queue.entry().status.trouble
    assert queue.entry().is_active
    queue.control.pause(entry.download.id)
    queue.control.resume(entry.download.id)  # does not wait for the minute
    queue.until(S.DONE)
    assert queue.told() == ["“Tiny” is downloaded."]


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.allow_log("disk_full")
def test_a_full_disk(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: Usage(10, 5, transfer.RESERVE_BYTES + 100_000))
        queue.add()
        entry = failed(queue, ProblemCode.DISK_FULL)
        assert entry.status.trouble == ""  # nothing that passes by itself
    queue.control.retry(entry.download.id)
    queue.until(S.DONE)


@pytest.mark.allow_log("disk_full")
def test_a_disk_without_room_for_all_parts(queue: Queue, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    names = [f"big-0000{number}-of-00002.gguf" for number in (1, 2)]
    for name in names:
        queue.hub.add(REPOSITORY, name, content)
    free = transfer.RESERVE_BYTES + len(content) * 3 // 2
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10, 5, free))
    queue.add(path=names[0])
    failed(queue, ProblemCode.DISK_FULL)
    assert queue.hub.file_requests() == []  # the first part would have found room


@pytest.mark.allow_log("download_unwritable")
def test_a_folder_that_cannot_be_written(queue: Queue) -> None:
    obstacle = queue.driver.folders.models / "someone"
    obstacle.parent.mkdir(parents=True, exist_ok=True)
    obstacle.write_text("a file where a folder should be")
    queue.add()
    entry = failed(queue, ProblemCode.DOWNLOAD_UNWRITABLE)
    obstacle.unlink()
    queue.control.retry(entry.download.id)
    queue.until(S.DONE)


@pytest.mark.allow_log("download_name_taken", "model_")
def test_another_file_of_that_name(queue: Queue, content: bytes) -> None:
    queue.place().parent.mkdir(parents=True)
    queue.place().write_bytes(b"something of the person's own")
    queue.add()
    entry = failed(queue, ProblemCode.DOWNLOAD_NAME_TAKEN)
    assert entry.can_replace
    queue.control.retry(entry.download.id)
    failed(queue, ProblemCode.DOWNLOAD_NAME_TAKEN)
    assert queue.place().read_bytes() == b"something of the person's own"
    queue.control.replace(entry.download.id)
    queue.until(S.DONE)
    assert queue.place().read_bytes() == content


@pytest.mark.allow_log("download_name_taken", "model_")
def test_another_file_of_that_name_outlives_the_download(queue: Queue) -> None:
    queue.place().parent.mkdir(parents=True)
    queue.place().write_bytes(b"something of the person's own")
    queue.add()
    queue.until(S.FAILED)
    queue.control.cancel(queue.entry().download.id)
    queue.settle()
    assert queue.place().read_bytes() == b"something of the person's own"


def test_the_right_file_is_there_already(queue: Queue, content: bytes) -> None:
    queue.place().parent.mkdir(parents=True)
    queue.place().write_bytes(content)
    queue.add()
    queue.until(S.DONE)
    assert queue.hub.file_requests() == []
    assert queue.told() == ["“Tiny” is on this disk already. It is being checked.", "“Tiny” is downloaded."]


def test_a_finished_file_that_was_damaged_is_mended(queue: Queue, content: bytes) -> None:
    queue.add()
    queue.until(S.DONE)
    queue.control.forget_done()
    with queue.place().open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"damage")
    queue.hub.requests.clear()
    queue.add()
    queue.until(S.DONE)
    assert queue.place().read_bytes() == content
    assert all(request.headers["range"] for request in queue.hub.file_requests())  # and not thrown away whole


@pytest.mark.allow_log("hub_gated")
def test_a_model_that_is_not_for_everybody(queue: Queue, content: bytes) -> None:
    queue.hub.add("someone/Gated", NAME, content, gated=True)
    queue.add("someone/Gated")
    failed(queue, ProblemCode.HUB_GATED)
    queue.desk.hub.set_token(GRANTED_TOKEN)  # it goes on by itself then
    queue.until(S.DONE)


@pytest.mark.allow_log("hub_missing")
def test_a_set_of_which_the_hub_has_not_all(queue: Queue) -> None:
    part = HubPart("big-00001-of-00002.gguf", 10, "")
    queue.control.add(HubFile(REPOSITORY, "main", part.path, (part,), 2), "Big")
    queue.settle()
    assert queue.stages() == []
    (told,) = queue.told()
    assert told.startswith("“Big” cannot be downloaded: only 1 of its 2 parts are on the hub. Choose another file")


@pytest.mark.allow_log("hub_missing", "network_failed")
@pytest.mark.parametrize("repository", ["../../up", "a b/ü", "con/nul", "x", "-/-.", "a/b/c"])
def test_odd_names_stay_in_the_models_folder(queue: Queue, repository: str, tmp_path: Path) -> None:
    part = HubPart("..\\..\\odd.gguf", 10, "")
    before = sorted(path.name for path in tmp_path.iterdir())
    queue.control.add(HubFile(repository, "main", part.path, (part,)), "Odd")
    queue.settle()
    entries = queue.control.state.entries()
    for entry in entries:
        assert queue.driver.folders.models in entry.download.file.parents and ".." not in entry.download.file.parts
    if entries:
        queue.until(S.FAILED)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.allow_log("hub_busy")
def test_offline_it_fails_at_once_and_says_why(driver: DeskDriver, hub: HubServer, queue: Queue) -> None:
    queue.hub.faults = [Fault(status=429, retry_after="100000")] * 2
    file = queue.file()
    driver.close(queue.desk)
    again = Queue(driver, hub, StartMode(offline=True))
    again.control.add(file, "Tiny")
    again.until(S.FAILED)
    assert again.entry().status.trouble == ""  # nobody tries again by itself there
    assert not again.control._retries._timer.isActive()


@pytest.mark.allow_log("mistake in LlamaDesk")
def test_a_mistake_of_ours_is_reported_and_loses_nothing(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bool:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(Fetch, "_get_all", fail)
        queue.add()
        queue.driver.until(lambda: queue.stages() == [S.FAILED])
        queue.settle()
    assert [type(bug) for bug in queue.driver.bugs] == [ZeroDivisionError]
    queue.driver.bugs.clear()
    queue.control.retry(queue.entry().download.id)
    queue.until(S.DONE)


@pytest.mark.allow_log("store_full")
def test_an_entry_is_kept_as_soon_as_the_store_takes_it(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise ProblemError(Problem(ProblemCode.STORE_FULL, "The disk is full.", "Free some space."))

    queue.slow_down()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "learn", refuse)
        entry = queue.add()
    queue.until_bytes(50_000)
    queue.restart()  # which tries once more
    assert [each.download.id for each in queue.control.state.entries()] == [entry.download.id]


@pytest.mark.allow_log("cannot be read")
def test_nothing_that_other_versions_kept_is_in_the_way(queue: Queue) -> None:
    class Odd(msgspec.Struct):
        id: str = "what is this"

    queue.driver.run(queue.desk._rooms.store.learn("download/1", Odd()))
    queue.restart()
    assert queue.stages() == []
    queue.add()
    queue.until(S.DONE)
    assert kept_bytes(queue.place()) == 0
