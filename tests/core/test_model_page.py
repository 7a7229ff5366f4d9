"""What is known of a model file, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.fit import LoadRecord
from llamadesk.core.gguf import read_facts
from llamadesk.core.gguf_raw import RawValue, raw_values
from llamadesk.core.model_page import (
    CheckStage,
    Fact,
    FileCheck,
    FileHash,
    about,
    check_words,
    hash_in_name,
    history,
    judged,
    licence,
    origin,
    place,
)
from llamadesk.core.models import ModelFile
from llamadesk.core.moments import moment_text
from llamadesk.core.quantize import Origin

A, B = "a" * 64, "b" * 64


def by_name(facts: tuple[Fact, ...]) -> dict[str, str]:
    assert len({fact.name for fact in facts}) == len(facts)
    return {fact.name: fact.text for fact in facts}


def test_the_starter_model_in_words(starter_model: Path) -> None:
    facts = read_facts(starter_model)
    size = starter_model.stat().st_size
    words = by_name(about(ModelFile(starter_model, "SmolLM2", size, 1, facts)))
    assert words == {
        "Parameters": "135 million",
        "Quantization": "Q4_1: good; a little is lost",
        "File size": "98 MB",
        "Trained context": "8,192 tokens, about 12 pages",
        "Layers": "30",
        "Vocabulary": "49,152 tokens",
        "Architecture": "llama, 576 wide, 9 attention heads (3 for the memory)",
    }
    raw = raw_values(starter_model)
    assert licence(raw)[0].text == "apache-2.0"
    assert by_name(origin(raw, None))["Languages"] == "en"


def test_a_set_of_parts_says_so(starter_model: Path) -> None:
    file = ModelFile(starter_model, "m", 5 * 10**9, 1, read_facts(starter_model))
    assert by_name(about(file, 3))["File size"] == "5.0 GB, in 3 files"


def test_a_licence_that_is_not_there_is_told() -> None:
    (fact,) = licence([RawValue("general.name", "string", "Tiny")])
    assert fact.text == "The file does not say." and fact.note


def test_the_licence_that_the_file_names() -> None:
    raw = [
        RawValue("general.license", "string", "other"),
        RawValue("general.license.name", "string", "Llama 2 Community License"),
        RawValue("general.license.link", "string", "https://example.org/licence"),
    ]
    facts = licence(raw)
    assert [fact.text for fact in facts] == ["Llama 2 Community License", "other", "https://example.org/licence"]
    assert [bool(fact.note) for fact in facts] == [False, False, True]


def test_who_made_it() -> None:
    raw = [
        RawValue("general.author", "string", "  "),
        RawValue("general.organization", "string", "Somebody"),
        RawValue("general.tags", "array of string", "2 texts: chat, small"),
        RawValue("general.languages", "array of string", "no texts"),
    ]
    assert by_name(origin(raw, Origin("tiny-f16.gguf", "F16"))) == {
        "Organisation": "Somebody",
        "Tags": "chat, small",
        "Made here from": "tiny-f16.gguf (F16)",
    }


def test_where_it_lies() -> None:
    parts = tuple(Path(f"/m/a-0000{n}-of-00002.gguf") for n in (1, 2))
    assert by_name(place(parts, parts[0], "", "today")) == {
        "File": str(parts[0]),
        "Other parts": parts[1].name,
        "Last changed": "today",
    }
    linked = by_name(place(parts[:1], Path("/blobs/x"), "Ollama", "today"))
    assert linked == {"File": str(parts[0]), "Leads to": "/blobs/x", "Belongs to": "Ollama", "Last changed": "today"}


def test_its_history() -> None:
    assert history([]) == ()
    records = [
        LoadRecord(2 * 10**9, 0, 4.04, 10.0),
        LoadRecord(3 * 10**9, 10**9, 2.0, 30.0),
        LoadRecord(),
    ]
    assert by_name(history(records)) == {
        "Writes": "10.0 to 30.0 tokens/s",
        "Took": "3.0 GB of memory at most, and 1.0 GB of the graphics cards",
        "Loads in": "2.0 to 4.0 s",
    }
    assert by_name(history(records[:1]))["Writes"] == "10.0 tokens/s"


@pytest.mark.parametrize(
    ("hashes", "stage"),
    [
        ([FileHash("m", A, A)], CheckStage.SAME),
        ([FileHash("m", A)], CheckStage.UNKNOWN),
        ([FileHash("m", A, B)], CheckStage.OTHER),
        ([FileHash("1", A, A), FileHash("2", B)], CheckStage.UNKNOWN),
        ([FileHash("1", A), FileHash("2", A, B)], CheckStage.OTHER),
        ([FileHash("1", A, A), FileHash("2", B, B)], CheckStage.SAME),
        ([], CheckStage.UNKNOWN),
    ],
)
def test_what_hashes_say(hashes: list[FileHash], stage: CheckStage) -> None:
    assert judged(hashes) is stage


def test_every_stage_of_a_check_has_words() -> None:
    path = Path("/m.gguf")
    for stage in CheckStage:
        assert check_words(FileCheck(path, stage, 1, 2, (FileHash("m.gguf", A, B),)))
    reading = FileCheck(path, CheckStage.READING, 1_200_000_000, 3_600_000_000)
    assert "1.2 of 3.6 GB" in check_words(reading)
    assert reading.fraction == pytest.approx(1 / 3)
    assert FileCheck(path, CheckStage.READING).fraction == 0
    other = FileCheck(path, CheckStage.OTHER, hashes=(FileHash("good", A, A), FileHash("bad", A, B)))
    assert "bad" in check_words(other) and "good" not in check_words(other)
    problem = Problem(ProblemCode.MODEL_MISSING, "It is gone.")
    assert check_words(FileCheck(path, CheckStage.FAILED, problem=problem)) == "It is gone."
    assert "Checked on" not in check_words(FileCheck(path, CheckStage.SAME))
    ended = FileCheck(path, CheckStage.SAME, ended_at=1_764_000_000)
    assert check_words(ended).endswith(f" Checked on {moment_text(ended.ended_at)}.")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (A, A),
        (f"sha256-{A.upper()}", A),
        (f"sha256:{A}", A),
        (f"{A}.gguf", ""),
        ("a" * 40, ""),
        ("model.gguf", ""),
    ],
)
def test_a_name_may_be_the_hash(name: str, found: str) -> None:
    assert hash_in_name(Path("/blobs") / name) == found
