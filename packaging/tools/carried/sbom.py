"""The software bill of materials: CycloneDX 1.6 as JSON, the same bytes for the same bundle."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .component import Component, UnknownPartError
from .inventory import PLACES, Part
from .own_parts import APP

_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/schema/bom-1.6.schema.json")


def sbom(parts: Sequence[Part], bundle: Path, epoch: int | None) -> str:
    """The document.

    Args:
        parts: all that is carried, the application among it.
        bundle: the folder that the files are in, for their checksums.
        epoch: seconds since 1970 that the document is to be dated; None leaves the date out.

    Raises:
        UnknownPartError: a file is not in the bundle.
        StopIteration: the application is not among the parts.
    """
    application = next(part.component for part in parts if part.component.name == APP)
    others = [part for part in parts if part.component is not application]
    metadata: dict[str, Any] = {"component": _described(application)}
    if epoch is not None:
        metadata["timestamp"] = datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z")
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "components": [_described(part.component) | _checksum(part, bundle) for part in others],
        "dependencies": [{"ref": _ref(application), "dependsOn": sorted(_ref(part.component) for part in others)}],
    }
    # Derived from what it says, so that two documents have one number only when they are the same.
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(_SPACE, json.dumps(document, sort_keys=True))}"
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _described(component: Component) -> dict[str, Any]:
    described: dict[str, Any] = {
        "type": component.kind,
        "bom-ref": _ref(component),
        "name": component.name,
        "licenses": [_licence(component.licence)],
    }
    if component.version:
        described["version"] = component.version
    if component.purl:
        described["purl"] = component.purl
    if component.within:
        described["description"] = f"Inside the files of {component.within}."
    return described


def _licence(expression: str) -> dict[str, Any]:
    if " " in expression or expression.startswith("LicenseRef-"):
        return {"expression": expression}
    return {"license": {"id": expression}}


def _checksum(part: Part, bundle: Path) -> dict[str, Any]:
    if len(part.files) != 1:
        return {}
    for place in PLACES:
        path = bundle / place / part.files[0]
        if path.is_file():
            return {"hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}]}
    raise UnknownPartError(f"{part.files[0]} is not in {bundle}.")


def _ref(component: Component) -> str:
    return f"{component.name}@{component.version}" if component.version else component.name
