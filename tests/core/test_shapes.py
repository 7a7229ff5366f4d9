"""Sizes that are reckoned from a shape: against what was published, and against what a header says."""

from __future__ import annotations

from pathlib import Path

import gguf_files as files
import msgspec
import pytest

from llamadesk.core.catalogue import CatalogueModel
from llamadesk.core.fit import kv_bytes, memory_need
from llamadesk.core.gguf import read_facts
from llamadesk.core.paths import resources_dir
from llamadesk.core.protocol import KvType, LoadSettings
from llamadesk.core.quantize import TARGETS
from llamadesk.core.shapes import active_share, expected_facts, expected_file_bytes, parameters
from llamadesk.library.catalogue import load_catalogue

PUBLISHED = {
    "llama-2-7b-chat": {
        "Q3_K_S": 2.95,
        "Q3_K_M": 3.30,
        "Q3_K_L": 3.60,
        "Q4_0": 3.83,
        "Q4_K_S": 3.86,
        "Q4_K_M": 4.08,
        "Q5_0": 4.65,
        "Q5_K_S": 4.65,
        "Q5_K_M": 4.78,
        "Q6_K": 5.53,
        "Q8_0": 7.16,
    },
    "llama-2-13b-chat": {
        "Q3_K_S": 5.66,
        "Q3_K_M": 6.34,
        "Q3_K_L": 6.93,
        "Q4_0": 7.37,
        "Q4_K_S": 7.41,
        "Q4_K_M": 7.87,
        "Q5_0": 8.97,
        "Q5_K_S": 8.97,
        "Q5_K_M": 9.23,
        "Q6_K": 10.68,
        "Q8_0": 13.83,
    },
    "llama-2-70b-chat": {
        "Q3_K_S": 29.92,
        "Q3_K_M": 33.19,
        "Q3_K_L": 36.15,
        "Q4_0": 38.87,
        "Q4_K_S": 39.07,
        "Q4_K_M": 41.42,
        "Q5_0": 47.46,
        "Q5_K_S": 47.46,
        "Q5_K_M": 48.75,
    },
    "phi-4": {  # fused tensors
        "Q4_0": 8.41,
        "Q4_K_S": 8.44,
        "Q4_K_M": 9.05,
        "Q5_K_S": 10.15,
        "Q5_K_M": 10.60,
        "Q6_K": 12.03,
        "Q8_0": 15.58,
    },
    "qwen2.5-7b-instruct": {"Q4_K_M": 4.683},
    "smollm2-360m-instruct": {"Q4_K_M": 0.2706},  # rows that the usual blocks do not fit in
}
"""In 1,000,000,000 bytes, as the cards of the files' repositories have them."""


@pytest.fixture(scope="module")
def models() -> dict[str, CatalogueModel]:
    return {model.id: model for model in load_catalogue(resources_dir() / "catalogue").models}


@pytest.mark.parametrize(
    ("id_", "quantization"), [(id_, quantization) for id_, sizes in PUBLISHED.items() for quantization in sizes]
)
def test_sizes_are_close_to_those_published(id_: str, quantization: str, models: dict[str, CatalogueModel]) -> None:
    size = expected_file_bytes(expected_facts(models[id_], quantization))
    assert size == pytest.approx(1e9 * PUBLISHED[id_][quantization], rel=0.03)


def test_facts_are_those_of_the_header(models: dict[str, CatalogueModel], tmp_path: Path) -> None:
    header = read_facts(files.LLAMA_2_7B.write(tmp_path / "7b.gguf"))
    expected = expected_facts(models["llama-2-7b-chat"], "Q4_0")
    ours = {"name": header.name, "output_bytes": 0, "tensor_bytes": 0}  # the written file has a plainer output matrix
    assert msgspec.structs.replace(expected, **ours) == msgspec.structs.replace(header, **ours)
    assert expected.tensor_bytes == pytest.approx(header.tensor_bytes, rel=0.02)
    assert kv_bytes(expected, 4096, KvType.F16) == 2 * 2**30


def test_a_tied_embedding_is_no_output_matrix(models: dict[str, CatalogueModel]) -> None:
    tied, untied = (
        expected_facts(models[id_], "Q8_0") for id_ in ("smollm2-1.7b-instruct", "tinyllama-1.1b-chat-v1.0")
    )
    embedding = tied.tensor_bytes - tied.repeating_bytes - tied.output_bytes
    assert embedding == tied.n_vocab * tied.n_embd * 34 // 32
    assert tied.output_bytes < 10_000  # a norm
    assert untied.output_bytes > untied.n_vocab * untied.n_embd


def test_experts_count_in_the_size_and_little_in_a_token(models: dict[str, CatalogueModel]) -> None:
    shape = models["qwen3-30b-a3b-instruct-2507"].shape
    outside = 2 * shape.n_vocab * shape.n_embd
    in_layers = parameters(shape) - outside
    assert in_layers + outside == pytest.approx(30.5e9, rel=0.01)
    assert in_layers * active_share(shape) + outside == pytest.approx(3.3e9, rel=0.03)  # "A3B"
    assert active_share(models["llama-2-7b-chat"].shape) == 1.0


@pytest.mark.parametrize("quantization", TARGETS)
def test_every_model_can_be_fitted(quantization: str, models: dict[str, CatalogueModel]) -> None:
    for model in models.values():
        facts = expected_facts(model, quantization)
        need = memory_need(facts, LoadSettings(model_path="", n_ctx=2048))
        assert 0.9 * facts.repeating_bytes < need.ram_bytes < facts.tensor_bytes + 3e9, model.id


def test_an_unknown_quantization_is_no_guess(models: dict[str, CatalogueModel]) -> None:
    with pytest.raises(KeyError):
        expected_facts(models["phi-4"], "Q4_2")
