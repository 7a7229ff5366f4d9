"""The queue of downloads, with a real hub on this machine, real files and a real store: what goes well."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.control import library
from llamadesk.control.online import download_work
from llamadesk.core.downloads import DownloadStage, status_words
from llamadesk.core.start import StartMode
from llamadesk.web.transfer_state import kept_bytes, part_of, record_of
from tests.control.desk_driver import DeskDriver
from tests.control.download_queue import NAME, REPOSITORY, Queue, content, hub, queue
from tests.web.hub_server import Fault, HubServer

__all__ = ["content", "hub", "queue"]

S = DownloadStage
PARTS = [f"tiny-{number:05d}-of-00003.gguf" for number in (1, 2, 3)]
SHARDED = "someone/Sharded"


def add_parts(hub: HubServer, tmp_path: Path) -> list[bytes]:
    folder = tmp_path / "parts"
    folder.mkdir()
    first = write_tiny_llama(folder / "tiny.gguf", TinyModel(n_embd=128, tensors_per_file=8))
    parts = [path.read_bytes() for path in sorted(folder.iterdir())]
    assert [path.name for path in sorted(folder.iterdir())] == PARTS and first.name == PARTS[0]
    for name, part in zip(PARTS, parts, strict=True):
        hub.add(SHARDED, f"F16/{name}", part)
    return parts


def test_from_the_hub_to_the_list_of_models(queue: Queue, content: bytes) -> None:
    paths: list[Path] = []
    queue.control.finished.connect(paths.append)
    entry = queue.add()
    queue.until(S.DONE)
    assert queue.place().read_bytes() == content
    assert paths == [queue.place()]
    assert sorted(path.name for path in queue.place().parent.iterdir()) == [NAME]
    assert queue.entry().status.done_bytes == len(content) == entry.download.size
    commit = queue.hub.commit(REPOSITORY)
    assert f"/{REPOSITORY}/resolve/{commit}/{NAME}" in [request.path for request in queue.hub.requests]
    queue.driver.until(lambda: queue.desk.models.file_at(queue.place()) is not None)
    (notice,) = queue.driver.notices  # another model is chosen: this one is offered
    assert "is downloaded" in notice.text and notice.action_label == "Use it"
    queue.desk.notices.act(notice.action_id)
    queue.settle()
    assert queue.desk.models.chosen is not None and queue.desk.models.chosen.path == queue.place()


def test_the_first_model_of_all_is_used_at_once(
    driver: DeskDriver, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "starter_model", lambda: None)
    queue = Queue(driver, hub)
    assert queue.desk.models.chosen is None
    queue.add()
    queue.until(S.DONE)
    driver.until(lambda: queue.desk.models.chosen is not None)
    assert queue.desk.models.chosen.path == queue.place()
    assert queue.told() == []


def test_in_safe_mode_it_is_only_offered(driver: DeskDriver, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "starter_model", lambda: None)
    queue = Queue(driver, hub, StartMode(safe=True))
    queue.add()
    queue.until(S.DONE)
    assert queue.desk.models.chosen is None
    assert "is downloaded" in queue.told()[-1]


def test_one_at_a_time_and_in_order(queue: Queue, content: bytes) -> None:
    queue.hub.add("someone/Other", NAME, content)
    queue.slow_down()
    first, second = queue.add(), queue.add("someone/Other")
    queue.driver.until(lambda: queue.stages() == [S.DOWNLOADING, S.WAITING])
    assert queue.control.state.n_active == 2
    queue.control.pause(first.download.id)
    queue.driver.until(lambda: queue.stages() == [S.PAUSED, S.DOWNLOADING])
    queue.control.resume(first.download.id)
    assert queue.stages() == [S.WAITING, S.DOWNLOADING]
    queue.slow_down(0.0)
    queue.until(S.DONE, S.DONE)
    assert queue.place().read_bytes() == queue.place(repository="someone/Other").read_bytes() == content
    assert second.download.targets.isdisjoint(first.download.targets)


def test_it_goes_on_after_a_restart(queue: Queue, content: bytes) -> None:
    queue.slow_down()
    queue.add()
    queue.until_bytes(400_000)
    queue.restart()
    queue.slow_down(0.0)
    queue.until(S.DONE)
    assert queue.place().read_bytes() == content
    (first, second) = queue.hub.file_requests()
    assert "range" not in first.headers and int(second.headers["range"][6:-1]) >= 300_000


def test_what_is_paused_rests_until_the_person_says_so(queue: Queue, content: bytes) -> None:
    queue.slow_down()
    entry = queue.add()
    queue.until_bytes(350_000)
    queue.control.pause(entry.download.id)
    queue.settle()
    queue.restart()
    assert queue.stages() == [S.PAUSED]
    assert queue.entry().status.done_bytes >= 300_000  # told without a look at the network
    n_requests = len(queue.hub.requests)
    queue.driver.pause(0.3)
    assert len(queue.hub.requests) == n_requests
    queue.slow_down(0.0)
    queue.control.resume(entry.download.id)
    queue.until(S.DONE)
    assert queue.place().read_bytes() == content


def test_what_is_done_stays_until_it_is_cleared(queue: Queue) -> None:
    queue.add()
    queue.until(S.DONE)
    queue.restart()
    assert queue.stages() == [S.DONE]
    queue.control.forget_done()
    assert queue.stages() == []
    assert queue.place().exists()
    queue.settle()
    queue.restart()
    assert queue.stages() == []


def test_what_was_deleted_since_is_not_listed_as_done(queue: Queue) -> None:
    queue.add()
    queue.until(S.DONE)
    queue.place().unlink()
    queue.add()  # and can be had again
    queue.until(S.DONE)
    queue.place().unlink()
    queue.restart()
    assert queue.stages() == []


def test_a_part_that_vanished_begins_anew(queue: Queue, content: bytes) -> None:
    queue.slow_down()
    entry = queue.add()
    queue.until_bytes(350_000)
    queue.control.pause(entry.download.id)
    queue.driver.until(lambda: not queue.control._runner.holds(entry.download.id))
    part_of(queue.place()).unlink()
    record_of(queue.place()).unlink()
    queue.slow_down(0.0)
    queue.control.resume(entry.download.id)
    queue.until(S.DONE)
    assert queue.place().read_bytes() == content


def test_cancelling_leaves_nothing(queue: Queue) -> None:
    queue.slow_down()
    entry = queue.add()
    queue.until_bytes(100_000)
    queue.control.cancel(entry.download.id)
    assert queue.stages() == []
    queue.driver.until(lambda: not queue.place().parent.exists())
    queue.settle()
    assert not (queue.driver.folders.models / "someone").exists()  # the folders were made for it
    queue.restart()
    assert queue.stages() == []


def test_cancelled_and_wanted_again_at_once(queue: Queue, content: bytes) -> None:
    queue.slow_down()
    entry = queue.add()
    queue.until_bytes(100_000)
    file = queue.file()
    queue.slow_down(0.0)
    queue.control.cancel(entry.download.id)
    queue.control.add(file, "Tiny")
    queue.driver.until(lambda: queue.stages() == [S.DONE])
    assert queue.entry().download.id != entry.download.id
    assert queue.place().read_bytes() == content


def test_cancelled_when_the_app_was_killed(queue: Queue) -> None:
    """It was not deleted then: that is made up for."""
    queue.slow_down()
    entry = queue.add()
    queue.until_bytes(100_000)
    queue.control.pause(entry.download.id)
    queue.driver.until(lambda: not queue.control._runner.holds(entry.download.id))
    kept = queue.control._kept
    kept.cancelled[entry.download.id] = msgspec.structs.replace(queue.entry().download, cancelled=True)
    queue.control.state.remove(entry.download.id)
    queue.driver.run(kept._write(entry.download.id))
    assert part_of(queue.place()).exists()
    queue.restart()
    queue.driver.until(lambda: not queue.place().parent.exists())
    assert queue.stages() == []


def test_the_same_once_more(queue: Queue) -> None:
    queue.slow_down()
    queue.add()
    queue.add()
    assert len(queue.control.state.entries()) == 1
    assert "being downloaded already" in queue.told()[-1]
    queue.control.pause(queue.entry().download.id)
    queue.slow_down(0.0)
    queue.add()  # goes on
    queue.until(S.DONE)
    queue.add()
    assert len(queue.control.state.entries()) == 1
    assert "is here already" in queue.told()[-1]


def test_two_transfers_never_share_a_file(queue: Queue, content: bytes) -> None:
    """The server says nothing, so the thread that was told to stop cannot hear of it."""
    queue.hub.faults = [Fault(stall_after=500_000)]
    entry = queue.add()
    queue.driver.until(lambda: kept_bytes(queue.place()) >= 300_000)
    queue.control.pause(entry.download.id)
    queue.control.resume(entry.download.id)
    queue.driver.pause(0.5)
    assert queue.stages() == [S.WAITING]
    assert len(queue.hub.file_requests()) == 1
    queue.hub.released.set()
    queue.until(S.DONE)
    assert queue.place().read_bytes() == content
    second = queue.hub.file_requests()[1]
    assert int(second.headers["range"][6:-1]) >= 300_000  # only what had no check yet was fetched twice


def test_a_silent_server_shows(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_work, "_SILENT_SECONDS", 0.1)
    queue.hub.faults = [Fault(stall_after=500_000)]
    queue.add()
    queue.driver.until(lambda: "nothing is arriving" in status_words(queue.entry()))
    assert queue.entry().status.bytes_per_second == 0.0
    queue.hub.released.set()
    queue.until(S.DONE)


def test_a_silent_server_does_not_hold_the_end_up(queue: Queue) -> None:
    queue.hub.faults = [Fault(stall_after=500_000)]
    queue.add()
    queue.driver.until(lambda: kept_bytes(queue.place()) >= 300_000)
    queue.driver.close(queue.desk)
    assert [thread for thread in threading.enumerate() if thread.name == "download"]  # it was not waited for
    queue.hub.released.set()


def test_a_limit_counts_at_once(queue: Queue) -> None:
    queue.slow_down(0.01)  # with which it would take minutes
    queue.add()
    queue.driver.until(lambda: queue.stages() == [S.DOWNLOADING])
    queue.slow_down(0.0)
    queue.until(S.DONE)
    assert len(queue.hub.file_requests()) == 1


def test_parts_are_one_download(queue: Queue, tmp_path: Path) -> None:
    parts = add_parts(queue.hub, tmp_path)
    entry = queue.add(SHARDED, f"F16/{PARTS[0]}")
    assert entry.download.size == sum(map(len, parts))
    queue.until(S.DONE)
    folder = queue.driver.folders.models / SHARDED / "F16"
    assert [(folder / name).read_bytes() for name in PARTS] == parts
    queue.control.use(entry.download.id)
    queue.driver.until(lambda: queue.desk.models.chosen is not None and queue.desk.models.chosen.path.name == PARTS[0])


def test_given_up_the_parts_that_came_go_too(queue: Queue, tmp_path: Path) -> None:
    parts = add_parts(queue.hub, tmp_path)
    folder = queue.driver.folders.models / SHARDED / "F16"
    folder.mkdir(parents=True)
    (folder / PARTS[0]).write_bytes(parts[0])  # it was here before
    queue.hub.faults = [None, Fault(stall_after=len(parts[2]) // 2)]
    entry = queue.add(SHARDED, f"F16/{PARTS[0]}")
    queue.driver.until(lambda: [part.arrived for part in queue.entry().download.parts] == [True, True, False])
    queue.driver.until(lambda: len(queue.hub.file_requests()) == 2)
    queue.control.cancel(entry.download.id)
    queue.hub.released.set()
    queue.driver.until(lambda: [path.name for path in folder.iterdir()] == [PARTS[0]])


def test_parts_that_came_are_not_fetched_again(queue: Queue, tmp_path: Path) -> None:
    add_parts(queue.hub, tmp_path)
    queue.hub.faults = [None, Fault(stall_after=1000)]
    entry = queue.add(SHARDED, f"F16/{PARTS[0]}")
    queue.driver.until(lambda: queue.entry().download.parts[0].arrived)
    queue.control.pause(entry.download.id)
    queue.hub.released.set()
    queue.driver.until(lambda: not queue.control._runner.holds(entry.download.id))
    queue.settle()
    queue.hub.requests.clear()
    queue.restart()
    queue.control.resume(entry.download.id)
    queue.until(S.DONE)
    asked = {request.path.partition("?")[0].rpartition("/")[2] for request in queue.hub.file_requests()}
    assert asked == set(PARTS[1:])


def test_the_machine_stays_awake_meanwhile(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAKEPY_FAKE_SUCCESS", "1")
    queue.control._awake._timer.setInterval(20)
    queue.slow_down()
    entry = queue.add()
    queue.driver.until(lambda: queue.control._awake.held)
    queue.control.pause(entry.download.id)
    assert not queue.control._awake.held


def test_offline_nothing_goes_on_by_itself(queue: Queue) -> None:
    queue.slow_down()
    entry = queue.add()
    queue.until_bytes(50_000)
    queue.restart(StartMode(offline=True))
    assert queue.stages() == [S.PAUSED]
    queue.slow_down(0.0)
    queue.restart()  # it was not the person who let it rest
    queue.until(S.DONE)
    assert queue.entry().download.id == entry.download.id


def test_something_else_than_a_model_is_not_offered_for_chat(queue: Queue, content: bytes) -> None:
    queue.hub.add(REPOSITORY, "mmproj-F16.gguf", content)
    entry = queue.add(path="mmproj-F16.gguf")
    assert not entry.download.is_model
    queue.until(S.DONE)
    (notice,) = queue.driver.notices
    assert notice.action_label == ""
