"""A download in words, and where it goes, whatever the names on the hub are."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import msgspec
import pytest

from llamadesk.core.downloads import (
    Download,
    DownloadEntry,
    DownloadPart,
    DownloadStage,
    DownloadStatus,
    place_of,
    rate_words,
    status_words,
)
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.gguf_sets import part_paths

PART = DownloadPart("https://hub.example/a", "/models/a/b/c.gguf", 3_600_000_000, "00" * 32)
DOWNLOAD = Download(1, "Llama", "a/b", (PART,))


def words(stage: DownloadStage, done: int = 1_200_000_000, **rest: object) -> str:
    status = DownloadStatus(stage, done, DOWNLOAD.size, **rest)  # type: ignore[arg-type]
    return status_words(DownloadEntry(DOWNLOAD, status))


def test_how_far_it_is() -> None:
    stage = DownloadStage.DOWNLOADING
    told = words(stage, bytes_per_second=8_100_000.0, seconds_left=301.0)
    assert told == "1.2 of 3.6 GB · 8.1 MB/s · 5 minutes left"
    assert words(stage) == "1.2 of 3.6 GB"


def test_the_other_stages() -> None:
    assert words(DownloadStage.WAITING, done=0) == "Waiting for its turn · 3.6 GB"
    assert words(DownloadStage.WAITING) == "Waiting for its turn · 1.2 of 3.6 GB"
    assert words(DownloadStage.PAUSED) == "Paused · 1.2 of 3.6 GB"
    assert words(DownloadStage.CHECKING).endswith("already · 1.2 of 3.6 GB")
    assert words(DownloadStage.DONE, done=DOWNLOAD.size) == "Done · 3.6 GB"
    assert words(DownloadStage.RETRYING, trouble="The connection was lost.") == (
        "The connection was lost. Trying again · 1.2 of 3.6 GB"
    )
    problem = Problem(ProblemCode.DISK_FULL, "The disk is full.", "Free some space.")
    assert words(DownloadStage.FAILED, problem=problem) == "The disk is full. Free some space."


@pytest.mark.parametrize(
    ("speed", "said"), [(0, "0 kB/s"), (940_000, "940 kB/s"), (960_000, "1.0 MB/s"), (1.25e9, "1.2 GB/s")]
)
def test_speeds(speed: float, said: str) -> None:
    assert rate_words(speed) == said


def test_of_an_empty_file_everything_is_there() -> None:
    assert DownloadStatus(DownloadStage.CHECKING, 0, 0).fraction == 1.0
    assert DownloadStatus(DownloadStage.CHECKING, 5, 4).fraction == 1.0  # it was longer than the hub had said


def test_what_is_kept_comes_back() -> None:
    download = msgspec.structs.replace(DOWNLOAD, paused=True, added_at=5, from_hub_path="x/ü.gguf", cancelled=True)
    assert msgspec.json.decode(msgspec.json.encode(download), type=Download) == download
    kept_long_ago = b'{"id":1,"title":"t","repository":"a/b","parts":[{"url":"u","target":"t","size":1,"sha256":""}]}'
    assert not msgspec.json.decode(kept_long_ago, type=Download).paused


def test_usual_names_stay_as_they_are() -> None:
    place = place_of("TheBloke/Llama-2-7B-Chat-GGUF", "llama-2-7b-chat.Q4_0.gguf")
    assert place == PurePosixPath("TheBloke/Llama-2-7B-Chat-GGUF/llama-2-7b-chat.Q4_0.gguf")
    assert place_of("a/b", "BF16/ü ß.gguf") == PurePosixPath("a/b/BF16/ü ß.gguf")


ODD = (
    "..", ".", "", "/", "../..", "..\\..", "C:\\x", "a:b", "con", "NUL.gguf", "com1", "aux.tar.gz", "x.", "x ", " x",
    "\0", "a\nb", "\u202egguf.x", "<|>", "?*", "~", "-rf", "é" * 300, "\ud800", ".hidden", "a//b", "...", ". .",
)  # fmt: skip


@pytest.mark.parametrize("repository", ODD)
@pytest.mark.parametrize("path", ODD)
def test_no_name_leads_elsewhere(repository: str, path: str) -> None:
    place = place_of(repository, path)
    assert not place.is_absolute()
    for step in place.parts:
        windows = PureWindowsPath(step)
        assert not windows.drive and not windows.root and windows.parts == (step,) and not windows.is_reserved()
        assert step.strip(" .") == step and step.isprintable() and not set('<>:"/\\|?*') & set(step)
        assert 0 < len(step.encode()) <= 201


def test_a_long_name_of_a_part_stays_one() -> None:
    place = place_of("a/b", "m" * 400 + "-00002-of-00003.gguf")
    assert len(part_paths(place)) == 3
