"""Ollama's models in place.

The trees are written after Ollama's sources and documentation; a real Ollama was not run.
"""

from __future__ import annotations

import json
from pathlib import Path

import gguf_files
import pytest
from gguf_files import Shape
from model_trees import OllamaTree

from llamadesk.core.errors import ProblemCode
from llamadesk.library import ollama
from llamadesk.library.scan import scan

PUBLIC = "registry.ollama.ai/library"


@pytest.fixture
def tree(tmp_path: Path) -> OllamaTree:
    return OllamaTree(tmp_path / ".ollama" / "models")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return Shape().write(tmp_path / "weights", general__name="")


def test_names_from_the_manifests(tree: OllamaTree, weights: Path) -> None:
    blob = tree.add(f"{PUBLIC}/llama3.2/latest", weights)
    assert tree.add(f"{PUBLIC}/llama3.2/3b", weights) == blob
    tree.add("registry.ollama.ai/somebody/Llama3.2/3b", weights)
    tree.add("hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF/Q4_K_M", weights)
    (model,) = ollama.models(tree.folder).models
    assert model.path == blob
    assert sorted(model.names) == [
        "hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M",
        "llama3.2:3b",
        "llama3.2:latest",
        "somebody/Llama3.2:3b",
    ]
    assert model.names[-1] == "llama3.2:latest"


@pytest.mark.parametrize(
    ("name", "family"),
    [
        (f"{PUBLIC}/llama2/7b-chat-q4_0", "Llama2 7B Chat"),
        (f"{PUBLIC}/llama3.2/latest", "Llama3.2"),
        ("hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF/Q4_K_M", "Llama 3.2 3B Instruct"),
    ],
)
def test_listed_by_its_name_and_used_in_place(tree: OllamaTree, weights: Path, name: str, family: str) -> None:
    blob = tree.add(name, weights)
    result = scan([tree.folder], [])
    assert [(found.name, [file.path for file in found.files]) for found in result.families] == [(family, [blob])]
    assert result.problems == ()
    assert result.places[blob].names == ollama.models(tree.folder).models[0].names


def test_found_from_the_folder_above(tree: OllamaTree, weights: Path) -> None:
    blob = tree.add(f"{PUBLIC}/tiny/1b", weights)
    assert list(scan([tree.folder.parent], []).places) == [blob]


def test_other_layers_and_unfinished_downloads_are_left_alone(tree: OllamaTree, weights: Path) -> None:
    tree.add(f"{PUBLIC}/tiny/1b", weights)
    projector = Shape().values | {"general.architecture": "clip"}
    eye = gguf_files.write(weights.with_name("eye"), projector, Shape().tensors)
    seeing = tree.manifest(
        ("model", tree.blob(weights.read_bytes() + b"\0")), ("projector", tree.blob(eye.read_bytes()))
    )
    tree.write(f"{PUBLIC}/seeing/7b", seeing)
    tree.blob(weights.read_bytes() + b"\0\0")  # which no manifest names
    (tree.folder / "blobs" / f"sha256-{'0' * 64}-partial").write_bytes(weights.read_bytes())
    assert [model.names for model in ollama.models(tree.folder).models] == [("seeing:7b",), ("tiny:1b",)]


def test_a_model_without_its_weights(tree: OllamaTree, weights: Path) -> None:
    tree.add(f"{PUBLIC}/tiny/1b", weights).unlink()
    result = scan([tree.folder], [])
    assert result.families == ()
    ((path, problem),) = result.problems
    assert path == tree.folder / "manifests" / PUBLIC / "tiny" / "1b"
    assert problem.code == ProblemCode.MODEL_MISSING
    assert "tiny:1b" in problem.title
    assert "ollama pull tiny:1b" in problem.advice


def test_the_base_of_an_adapter_has_no_name(tree: OllamaTree, weights: Path) -> None:
    """What Ollama calls "mine" is base and adapter together."""
    base = tree.blob(weights.read_bytes())
    tree.write(f"{PUBLIC}/mine/latest", tree.manifest(("model", base), ("adapter", tree.blob(b"adapter"))))
    assert ollama.models(tree.folder).models == (ollama.OllamaModel(tree.blob_path(base), ()),)


def test_newer_manifests_go_first(tree: OllamaTree, weights: Path) -> None:
    """In `manifests-v2` an entry is a link to a blob, and the public host has another name."""
    tree.add(f"{PUBLIC}/tiny/1b", weights)
    newer = tree.blob(weights.read_bytes() + b"newer")
    manifest = tree.blob(json.dumps(tree.manifest(("model", newer))).encode())
    link = tree.folder / "manifests-v2" / "ollama.com" / "library" / "tiny" / "1b"
    link.parent.mkdir(parents=True)
    link.symlink_to(tree.blob_path(manifest))
    assert ollama.models(tree.folder).models == (ollama.OllamaModel(tree.blob_path(newer), ("tiny:1b",)),)


def test_a_port_in_the_name_of_the_host(tree: OllamaTree, weights: Path) -> None:
    tree.add("10.0.0.1%3A5000/me/tiny/1b", weights, "manifests-v2")
    assert ollama.models(tree.folder).models[0].names == ("10.0.0.1:5000/me/tiny:1b",)


def test_a_manifest_that_lists_others(tree: OllamaTree, weights: Path) -> None:
    inline = tree.blob(weights.read_bytes())
    by_digest = tree.blob(weights.read_bytes() + b"\0")
    child = tree.blob(json.dumps(tree.manifest(("model", by_digest))).encode())
    listed = {
        "mediaType": "application/vnd.ollama.manifest.list.v2+json",
        "manifests": [
            {"runner": "mlx", "format": "safetensors", **tree.manifest(("tensor", tree.blob(b"tensor")))},
            {"runner": "ollama", "format": "gguf", **tree.manifest(("model", inline))},
            {"runner": "llamacpp", "format": "gguf", "digest": child},
        ],
    }
    tree.write(f"{PUBLIC}/tiny/1b", listed)
    found = {model.path for model in ollama.models(tree.folder).models}
    assert found == {tree.blob_path(inline), tree.blob_path(by_digest)}


def test_colons_in_the_names_of_older_blobs(tree: OllamaTree, weights: Path) -> None:
    blob = tree.add(f"{PUBLIC}/tiny/1b", weights)
    older = blob.rename(blob.with_name(blob.name.replace("-", ":")))
    assert [model.path for model in ollama.models(tree.folder).models] == [older]


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "{",
        "[]",
        '"text"',
        '{"layers": 5}',
        '{"layers": [{"mediaType": "application/vnd.ollama.image.model"}]}',
        '{"manifests": [{"digest": "sha256:../../../etc/passwd"}]}',
        '{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../weights"}]}',
        '{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256-' + "g" * 64 + '"}]}',
        "[" * 100_000,
    ],
)
def test_manifests_that_say_nothing(tree: OllamaTree, weights: Path, manifest: str) -> None:
    blob = tree.add(f"{PUBLIC}/tiny/1b", weights)
    tree.write(f"{PUBLIC}/bad/1b", manifest)
    assert [model.path for model in ollama.models(tree.folder).models] == [blob]


def test_files_that_are_no_manifests(tree: OllamaTree, weights: Path) -> None:
    tree.add(f"{PUBLIC}/tiny/1b", weights)
    manifests = tree.folder / "manifests"
    (manifests / ".DS_Store").write_bytes(b"\0")
    (manifests / PUBLIC / "tiny" / ".DS_Store").write_bytes(b"\0")
    (manifests / PUBLIC / "tiny" / "folder").mkdir()
    (manifests / PUBLIC / "loop").symlink_to(manifests / PUBLIC / "loop")
    assert [model.names for model in ollama.models(tree.folder).models] == [("tiny:1b",)]


def test_nothing_there(tmp_path: Path) -> None:
    assert ollama.models(tmp_path / "nothing") == ollama.OllamaStore((), ())
