"""What an entry of the catalogue may hold: checked while it is read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from catalogue_entries import LICENCE, MODEL, SHAPE, SOURCE

from llamadesk.core.catalogue import Catalogue, CatalogueModel, HubSource, Licence


def read(value: object, kind: type = CatalogueModel) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value), type=kind)


def test_a_short_entry_is_enough() -> None:
    model = read(MODEL)
    assert model.shape.head_size == 16
    assert model.downloadable == ("Q4_0", "Q8_0")
    assert model.scores == ()
    assert not model.gated


@pytest.mark.parametrize(
    "change",
    [
        {"id": "Tiny Model"},
        {"family": ""},
        {"n_params": 0},
        {"n_ctx_train": -1},
        {"languages": ["English"]},
        {"strength": 101},
        {"licence_url": "http://example.org/"},
        {"licence_url": "https://example.org/a b"},
        {"licence_url": "https://example.org/\n"},
        {"sources": [SOURCE | {"repository": "https://example.org/a"}]},
        {"sources": [SOURCE | {"repository": "somebody/.."}]},
        {"sources": [SOURCE | {"pattern": "../tiny.{}.gguf"}]},
        {"sources": [SOURCE | {"pattern": "a/b/tiny.{}.gguf"}]},
        {"sources": [SOURCE | {"pattern": "tiny.{}.exe"}]},
        {"sources": [SOURCE | {"pattern": "tiny.gguf"}]},
        {"sources": [SOURCE | {"quantizations": ["Q4_0", "Q4_0"]}]},
        {"sources": [SOURCE | {"quantizations": ["q4_0"]}]},
        {"shape": SHAPE | {"n_layers": 0}},
        {"shape": SHAPE | {"n_layers": 1e3}},
        {"shape": SHAPE | {"n_head_kv": 3}},
        {"shape": SHAPE | {"n_head": 6, "n_head_kv": 6}},
        {"shape": SHAPE | {"n_expert": 8}},
        {"shape": SHAPE | {"n_expert": 2, "n_expert_used": 4}},
        {"scores": [{"benchmark": "MMLU", "value": "high", "source": "card"}]},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(MODEL | change)


@pytest.mark.parametrize("change", [{"url": "ftp://example.org/"}, {"summary": ""}, {"policy_url": "file:///etc"}])
def test_a_licence_has_an_address_and_a_summary(change: dict[str, object]) -> None:
    assert read(LICENCE, Licence).policy_url == ""
    with pytest.raises(msgspec.ValidationError):
        read(LICENCE | change, Licence)


def test_files_are_named_by_the_pattern() -> None:
    assert read(SOURCE, HubSource).file_name("Q4_K_M") == "tiny.Q4_K_M.gguf"
    assert (
        read(SOURCE | {"pattern": "gguf/tiny-{lower}.gguf"}, HubSource).file_name("Q4_K_M") == "gguf/tiny-q4_k_m.gguf"
    )


def test_the_first_source_that_has_a_quantization_goes_before() -> None:
    other = SOURCE | {"repository": "another/Tiny-GGUF", "quantizations": ["Q8_0", "Q6_K"]}
    model = read(MODEL | {"sources": [SOURCE, other]})
    assert model.downloadable == ("Q4_0", "Q8_0", "Q6_K")
    found = {quantization: model.source_of(quantization) for quantization in ("Q8_0", "Q6_K", "F16")}
    assert found["F16"] is None
    assert [source.repository for source in found.values() if source] == ["somebody/Tiny-GGUF", "another/Tiny-GGUF"]


def test_a_licence_is_found_by_its_id() -> None:
    licence = read(LICENCE, Licence)
    catalogue = Catalogue(models=(read(MODEL), read(MODEL | {"licence": "own"})), licences=(licence,))
    assert [catalogue.licence_of(model) for model in catalogue.models] == [licence, None]
