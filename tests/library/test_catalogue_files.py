"""The catalogue as files: what ships holds together, and what people add goes on top of it, whatever is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from catalogue_entries import LICENCE, MODEL

from llamadesk.core.catalogue import Catalogue, CatalogueModel
from llamadesk.core.errors import ProblemCode
from llamadesk.core.ggml_types import FILE_TYPES
from llamadesk.core.paths import resources_dir
from llamadesk.core.shapes import parameters
from llamadesk.library.catalogue import load_catalogue, model_of_family
from llamadesk.library.names import family_key, family_name

SHIPPED = resources_dir() / "catalogue"


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return load_catalogue(SHIPPED)


def write(path: Path, *models: object, licences: object = ()) -> Path:
    path.write_text(json.dumps({"models": models, "licences": licences}), encoding="utf-8")
    return path


# --- What ships -------------------------------------------------------------------------------------------------------


def test_what_ships_can_be_read(shipped: Catalogue) -> None:
    contents = [json.loads(path.read_text(encoding="utf-8")) for path in SHIPPED.glob("*.json")]
    assert shipped.problems == ()
    assert len(shipped.models) == sum(len(content.get("models", ())) for content in contents) > 12
    assert len(shipped.licences) == sum(len(content.get("licences", ())) for content in contents)


def test_llama_2_comes_first(shipped: Catalogue) -> None:
    first = shipped.models[:3]
    assert [model.id for model in first] == ["llama-2-7b-chat", "llama-2-13b-chat", "llama-2-70b-chat"]
    licence = shipped.licence_of(first[0])
    assert licence is not None
    assert licence.must_accept
    assert licence.policy_url
    for model in first:
        assert model.gated
        assert {"Q4_0", "Q5_0", "Q4_K_M"} <= set(model.downloadable)
        assert model.limits
        assert model.scores


@pytest.mark.parametrize("field", ["id", "family", "name"])
def test_nothing_is_there_twice(field: str, shipped: Catalogue) -> None:
    values = [getattr(model, field) for model in shipped.models]
    assert len(set(values)) == len(values)


def models() -> tuple[CatalogueModel, ...]:
    return load_catalogue(SHIPPED).models


@pytest.mark.parametrize("model", models(), ids=lambda model: model.id)
def test_an_entry_holds_together(model: CatalogueModel, shipped: Catalogue) -> None:
    assert shipped.licence_of(model) is not None
    assert parameters(model.shape) == pytest.approx(model.n_params, rel=0.01)
    assert model.sources
    assert model.good_for
    assert model.languages
    assert model.strength > 0
    families = {family_key(name) for name in (model.family, *model.aliases)}
    for source in model.sources:
        assert set(source.quantizations) <= set(FILE_TYPES.values())
        for quantization in source.quantizations:
            name = source.file_name(quantization).rpartition("/")[2]
            assert family_key(family_name(name, {})) in families


@pytest.mark.parametrize(
    ("file_name", "id_"),
    [
        ("llama-2-7b-chat.GGUF.q4_0.bin", "llama-2-7b-chat"),
        ("llama-2-13b-chat.GGUF.q5_0.bin", "llama-2-13b-chat"),
        ("llama-2-70b-chat.Q8_0.gguf", "llama-2-70b-chat"),
        ("Llama-2-7b-chat-hf-Q4_K_M.gguf", "llama-2-7b-chat"),
        ("smollm2-135m-instruct-q8_0.gguf", "smollm2-135m-instruct"),
        ("Qwen_Qwen3-8B-Q4_K_M.gguf", "qwen3-8b"),
        ("ibm-granite_granite-3.3-8b-instruct-Q6_K.gguf", "granite-3.3-8b-instruct"),
        ("llama-2-7b.Q4_0.gguf", None),
        ("my-own-model.gguf", None),
    ],
)
def test_a_file_that_is_here_is_found_in_the_catalogue(file_name: str, id_: str | None, shipped: Catalogue) -> None:
    model = model_of_family(shipped, family_name(file_name, {}))
    assert (model.id if model else None) == id_


# --- What people add --------------------------------------------------------------------------------------------------


def test_an_own_file_adds_models_and_takes_the_place_of_others(shipped: Catalogue, tmp_path: Path) -> None:
    own = write(tmp_path / "own.json", MODEL, MODEL | {"id": "phi-4", "name": "My Phi"})
    catalogue = load_catalogue(SHIPPED, [own])
    assert catalogue.problems == ()
    assert [model.id for model in catalogue.models] == [*(model.id for model in shipped.models), "tiny"]
    assert next(model.name for model in catalogue.models if model.id == "phi-4") == "My Phi"


def test_a_licence_of_the_app_cannot_be_replaced(shipped: Catalogue, tmp_path: Path) -> None:
    licences = [LICENCE | {"id": "llama2", "must_accept": False}, LICENCE | {"id": "own"}]
    catalogue = load_catalogue(SHIPPED, [write(tmp_path / "own.json", licences=licences)])
    assert {licence.id for licence in catalogue.licences} == {*(licence.id for licence in shipped.licences), "own"}
    assert catalogue.licence_of(catalogue.models[0]) == shipped.licence_of(shipped.models[0])


def test_one_bad_entry_leaves_out_that_entry_alone(tmp_path: Path) -> None:
    own = write(
        tmp_path / "own.json", MODEL, MODEL | {"id": "bad", "n_params": "many"}, 7, MODEL, MODEL | {"id": "good"}
    )
    catalogue = load_catalogue(tmp_path / "none", [own])
    assert [model.id for model in catalogue.models] == ["tiny", "good"]
    assert catalogue.n_own == ((own, 2),)
    assert [path for path, _ in catalogue.problems] == [own] * 3
    problems = [problem for _, problem in catalogue.problems]
    assert {problem.code for problem in problems} == {ProblemCode.CATALOGUE_UNREADABLE}
    assert [problem.title.split(", ")[1][:14] for problem in problems] == [f"model number {n}" for n in (2, 3, 4)]
    assert "n_params" in problems[0].detail
    assert "twice" in problems[2].detail


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"models": {}}',
        b'{"other": []}',
        b'{"models": ' + b"[" * 100_000,
        b" " * 5_000_000,
    ],
    ids=["empty", "list", "cut", "no text", "models", "other", "deep", "large"],
)
def test_a_file_that_is_none_is_listed(content: bytes, shipped: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_bytes(content)
    catalogue = load_catalogue(SHIPPED, [path, tmp_path, tmp_path / "missing.json", Path("\0")])
    assert catalogue.models == shipped.models
    assert len(catalogue.problems) == 4
    assert all(problem.title and problem.advice for _, problem in catalogue.problems)


def test_the_catalogue_is_among_the_files_that_ship(pytestconfig: Any) -> None:
    """The bundle takes every file below resources/ (packaging/llamadesk.spec)."""
    spec = (pytestconfig.rootpath / "packaging" / "llamadesk.spec").read_text(encoding="utf-8")
    assert '(ROOT / "resources").rglob("*")' in spec
    assert {path.name for path in SHIPPED.iterdir()} >= {"licences.json", "llama-2.json"}
