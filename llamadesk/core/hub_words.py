"""What a hub says of its models, in words for people who have never seen it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from llamadesk.core.family_words import params_text
from llamadesk.core.hub import HubModel, HubModelPage

_GGUF: Final = re.compile(r"[-_. ]gguf$", re.IGNORECASE)
_DOT: Final = "  ·  "
_LICENCES: Final[Mapping[str, str]] = {
    "apache-2.0": "Apache 2.0",
    "mit": "MIT",
    "bsd-3-clause": "BSD",
    "cc-by-4.0": "Creative Commons: name the author",
    "cc-by-sa-4.0": "Creative Commons: name the author, share alike",
    "cc-by-nc-4.0": "Creative Commons: not for business",
    "cc-by-nc-sa-4.0": "Creative Commons: not for business, share alike",
    "cc-by-nc-nd-4.0": "Creative Commons: not for business, unchanged",
    "gpl-3.0": "GPL 3",
    "agpl-3.0": "AGPL 3",
    "gemma": "Gemma's own terms",
    "llama2": "Llama 2 Community License",
    "llama3": "Llama 3 Community License",
    "llama3.1": "Llama 3.1 Community License",
    "llama3.2": "Llama 3.2 Community License",
    "llama3.3": "Llama 3.3 Community License",
    "openrail": "OpenRAIL",
    "other": "terms of its own",
    "unknown": "no licence named",
}
"""The hub's ids of licences, as they are mostly called."""


def name_of(repository: str) -> str:
    """The model's name in "owner/name"."""
    return repository.partition("/")[2]


def publisher_of(repository: str) -> str:
    """Who published it."""
    return repository.partition("/")[0]


def licence_text(licence: str) -> str:
    """A licence by the hub's id: "Apache 2.0"; the id itself where it is a rare one."""
    return _LICENCES.get(licence.lower(), licence) if licence else "no licence named"


def licence_of_page(page: HubModelPage) -> str:
    """The licence of a page; by its own name where it has one."""
    return page.licence_name or licence_text(page.model.licence)


def count_text(number: int) -> str:
    """How many of something there are: "870", "41 thousand", "1.2 million"."""
    if number < 10_000:
        return f"{number:,}"
    return f"{number / 1e3:.0f} thousand" if number < 999_500 else f"{number / 1e6:.1f} million"


def size_text(model: HubModel) -> str:
    """How large a model is: "6.7 billion parameters"; "" where the hub does not say."""
    return f"{params_text(model.n_params)} parameters" if model.n_params > 0 else ""


def downloads_text(model: HubModel) -> str:
    """How many people took it: "41 thousand downloads a month"."""
    return f"{count_text(model.downloads)} download{'' if model.downloads == 1 else 's'} a month"


def origin_line(model: HubModel) -> str:
    """Where a found model comes from, and how many take it, in a line."""
    return f"by {publisher_of(model.repository)}{_DOT}{downloads_text(model)}"


def facts_line(model: HubModel) -> str:
    """How large it is and under what licence, in a line."""
    return _DOT.join(filter(None, (size_text(model), licence_text(model.licence))))


def spoken(model: HubModel) -> str:
    """The same as a sentence for screen readers."""
    gated = ", its publisher asks who downloads it" if model.gated else ""
    facts = f"{origin_line(model)}, {facts_line(model)}".replace(_DOT, ", ")
    return f"{name_of(model.repository)} {facts}{gated}"


def title_of(repository: str, quantization: str) -> str:
    """What a download is called: "Llama 2 7B Chat Q4_K_M"."""
    name = _GGUF.sub("", name_of(repository)).replace("-", " ").replace("_", " ").strip() or repository
    return f"{name} {quantization}".strip()
