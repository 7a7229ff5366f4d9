"""The models of Ollama, in place.

Ollama keeps every layer of a model (the weights, its template, parameters, licence) as a *blob* named by its SHA-256,
and under each model's name a *manifest*, which lists the layers. Here a model is the blob of its weights, by the name
in the manifests; the other layers are left alone, and so is what the manifests do not list (a download that goes on).

From Ollama's sources, read and not tried (`manifest/paths.go`, `manifest/manifest.go`, `types/model/name.go`):
`manifests/HOST/NAMESPACE/MODEL/TAG` is JSON; in newer versions `manifests-v2` goes before it, where entries may be
links to blobs, the public host is called ollama.com and a port is written %3A; a manifest may list others, one for each
program that runs it. Blobs lie in `blobs/sha256-HEX`; in older versions a colon stood in the place of the hyphen.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import msgspec

from llamadesk.core.errors import Problem, ProblemCode

_MANIFESTS: Final = ("manifests-v2", "manifests")
"""The newer one first: where both know a name, it is right."""
_BLOBS: Final = "blobs"
_PUBLIC_HOSTS: Final = frozenset({"registry.ollama.ai", "ollama.com"})
_PUBLIC_NAMESPACE: Final = "library"
_LATEST: Final = "latest"
_MODEL_LAYER: Final = "application/vnd.ollama.image.model"
_ADAPTER_LAYER: Final = "application/vnd.ollama.image.adapter"
_DIGEST: Final = re.compile(r"sha256[:-]([0-9a-fA-F]{64})")
_NAME_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}")
_MAX_MANIFEST_BYTES: Final = 1024 * 1024
_MAX_MANIFESTS: Final = 5000


class OllamaModel(msgspec.Struct, frozen=True):
    """The weights of a model that Ollama has.

    Attributes:
        path: the blob. It is Ollama's, and named by its hash.
        names: what Ollama calls it, such as "llama3.2:3b"; those that tell most first. None where it is only the base
            of models with an adapter.
    """

    path: Path
    names: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """What a file of this model might be called, such as "llama3.2-3b"; "" without a name."""
        if not self.names:
            return ""
        return self.names[0].rpartition("/")[2].removesuffix(f":{_LATEST}").replace(":", "-")


class OllamaStore(msgspec.Struct, frozen=True):
    """What lies in a folder of Ollama: models by their paths, and manifests that lead nowhere, with why."""

    models: tuple[OllamaModel, ...]
    problems: tuple[tuple[Path, Problem], ...]


class _Layer(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str = ""
    digest: str = ""


class _Manifest(msgspec.Struct, frozen=True, rename="camel"):
    layers: list[_Layer] | None = None
    manifests: list[_Manifest] | None = None
    digest: str = ""


def is_store(names: Collection[str]) -> bool:
    """Whether a folder with entries of these names is one where Ollama keeps models."""
    return _BLOBS in names and any(name in names for name in _MANIFESTS)


def models(folder: Path) -> OllamaStore:
    """The models in a folder of Ollama, such as ~/.ollama/models. Never raises: what cannot be read is left out, as
    Ollama does."""
    names: dict[Path, list[str]] = {}
    problems: list[tuple[Path, Problem]] = []
    for name, path in _named_manifests(folder).items():
        layers = _layers(folder, _read(path))
        adapted = any(layer.media_type == _ADAPTER_LAYER for layer in layers)
        for layer in layers:
            if layer.media_type != _MODEL_LAYER:
                continue
            blob = _blob(folder, layer.digest)
            if blob is None:
                problems.append((path, _missing(name)))
            elif not adapted:
                names.setdefault(blob, []).append(name)
            else:
                names.setdefault(blob, [])
    found = (OllamaModel(blob, tuple(sorted(called, key=_tells_little))) for blob, called in names.items())
    return OllamaStore(tuple(sorted(found, key=lambda model: model.names or (str(model.path),))), tuple(problems))


def manifest_folders(folder: Path) -> list[Path]:
    """Where something changes when Ollama gets or removes a model: a manifest is written last, and removed first."""
    roots = [folder / kind for kind in _MANIFESTS]
    below = [
        path
        for root in roots
        for depth in (1, 2, 3)
        for path in itertools.islice(_entries(root, depth), _MAX_MANIFESTS)
    ]
    return [path for path in (*roots, *below) if path.is_dir()]


def _tells_little(name: str) -> tuple[bool, int, str]:
    """Sorts "llama3.2:3b" before "llama3.2:latest"."""
    return name.endswith(f":{_LATEST}"), -len(name), name


def _named_manifests(folder: Path) -> dict[str, Path]:
    """Where the manifest of each name lies."""
    found: dict[str, Path] = {}
    for kind in _MANIFESTS:
        for path in _entries(folder / kind, depth=4):
            if len(found) >= _MAX_MANIFESTS:
                break
            host, namespace, model, tag = (unquote(part) for part in path.parts[-4:])
            if all(_NAME_PART.fullmatch(part) for part in (host, namespace, model, tag)):
                found.setdefault(_short_name(host, namespace, model, tag), path)
    return found


def _short_name(host: str, namespace: str, model: str, tag: str) -> str:
    """As `ollama list` shows it."""
    name = f"{model}:{tag}"
    if host.lower() not in _PUBLIC_HOSTS:
        return f"{host}/{namespace}/{name}"
    return name if namespace == _PUBLIC_NAMESPACE else f"{namespace}/{name}"


def _entries(folder: Path, depth: int) -> Iterator[Path]:
    """What lies so many levels below a folder."""
    try:
        listed = sorted(folder.iterdir())
    except OSError:
        return
    for path in listed:
        if depth == 1:
            yield path
        else:
            yield from _entries(path, depth - 1)


def _read(path: Path) -> _Manifest:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_MANIFEST_BYTES), type=_Manifest)
    except (OSError, msgspec.DecodeError, RecursionError):
        return _Manifest()


def _layers(folder: Path, manifest: _Manifest) -> list[_Layer]:
    """The layers of a manifest, and of those that it lists, inline or as blobs."""
    layers = list(manifest.layers or ())
    for child in manifest.manifests or ():
        blob = _blob(folder, child.digest) if child.layers is None else None
        layers += (_read(blob) if blob is not None else child).layers or ()
    return layers


def _blob(folder: Path, digest: str) -> Path | None:
    """Where a blob lies; None where it is not there, or where this is no digest but, say, a path."""
    known = _DIGEST.fullmatch(digest)
    if known is None:
        return None
    for name in (f"sha256-{known[1].lower()}", f"sha256:{known[1].lower()}"):
        path = folder / _BLOBS / name
        try:
            if path.is_file():
                return path
        except OSError:  # may not be looked at: whoever reads it says why
            return path
    return None


def _missing(name: str) -> Problem:
    title = f"The weights of Ollama's model {name} are not there."
    advice = f"Get them again with “ollama pull {name}”, or remove what is left with “ollama rm {name}”."
    return Problem(ProblemCode.MODEL_MISSING, title, advice)
