"""Folders of models as other programs leave them, for tests: sets of parts, Ollama's blobs, the hub's cache."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path

import gguf_files
from gguf_files import Shape


def write_set(
    folder: Path, stem: str, n_parts: int, shape: Shape | None = None, **more: gguf_files.Value
) -> list[Path]:
    """A model split into parts as llama-gguf-split does it: the first says everything, each has some of the tensors."""
    shape = shape or Shape(n_layers=1)
    tensors, paths = shape.tensors, []
    per_part = -(-len(tensors) // n_parts)
    for index in range(n_parts):
        values: dict[str, gguf_files.Value | bytes] = {
            "split.no": struct.pack("<IH", gguf_files.U16, index),
            "split.count": struct.pack("<IH", gguf_files.U16, n_parts),
            "split.tensors.count": struct.pack("<Ii", gguf_files.I32, len(tensors)),
        }
        if index == 0:
            values |= shape.values | {key.replace("__", "."): value for key, value in more.items()}
        path = folder / f"{stem}-{index + 1:05d}-of-{n_parts:05d}.gguf"
        paths.append(gguf_files.write(path, values, tensors[index * per_part : (index + 1) * per_part]))
    return paths


class OllamaTree:
    """A folder of models as Ollama writes it."""

    TEMPLATE = b"{{ .Prompt }}"
    PARAMETERS = b'{"stop": ["</s>"]}'

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs").mkdir(parents=True)
        (folder / "manifests").mkdir()

    def blob(self, content: bytes) -> str:
        """Keep content; returns its digest."""
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / "blobs" / f"sha256-{digest}").write_bytes(content)
        return f"sha256:{digest}"

    def blob_path(self, digest: str) -> Path:
        return self.folder / "blobs" / digest.replace(":", "-")

    def manifest(self, *layers: tuple[str, str]) -> dict[str, object]:
        """A manifest of layers: the last part of the media type, and the digest."""
        return {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "digest": self.blob(b"{}"),
                "size": 2,
            },
            "layers": [
                {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": digest, "size": 1}
                for kind, digest in layers
            ],
        }

    def write(self, name: str, manifest: object, root: str = "manifests") -> Path:
        """A manifest under HOST/NAMESPACE/MODEL/TAG."""
        path = self.folder / root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
        return path

    def add(self, name: str, model: Path, root: str = "manifests") -> Path:
        """A model with its template and parameters under a name; returns the blob of its weights."""
        digest = self.blob(model.read_bytes())
        layers = [("model", digest), ("template", self.blob(self.TEMPLATE)), ("params", self.blob(self.PARAMETERS))]
        self.write(name, self.manifest(*layers), root)
        return self.blob_path(digest)


def add_to_hub_cache(
    cache: Path, repository: str, revision: str, files: Sequence[Path], *, links: bool = True
) -> list[Path]:
    """Files in a snapshot of a repository as huggingface_hub keeps them: links to blobs, or, where Windows allows none,
    the files themselves."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    snapshot, blobs, refs = folder / "snapshots" / revision, folder / "blobs", folder / "refs"
    for made in (snapshot, blobs, refs):
        made.mkdir(parents=True, exist_ok=True)
    (refs / "main").write_text(revision)
    paths = []
    for file in files:
        path = snapshot / file.name
        if links:
            blob = blobs / hashlib.sha256(file.read_bytes()).hexdigest()
            shutil.copyfile(file, blob)
            path.symlink_to(Path("..", "..", "blobs", blob.name))
        else:
            shutil.copyfile(file, path)
        paths.append(path)
    return paths
