"""What is known about one thing that the bundle carries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
"""Of the project."""
_TEXTS = ROOT / "packaging" / "licences"


class UnknownPartError(Exception):
    """Something is carried whose maker or licence is not known; the message names it."""


@dataclass(frozen=True, order=True)
class Text:
    """A licence's text.

    Attributes:
        name: of the file in the folder of licences, without ".txt".
        content: the whole text.
    """

    name: str
    content: str


@dataclass(frozen=True)
class Component:
    """A thing with one maker, one version and one licence.

    Attributes:
        name: as its makers call it.
        version: empty where it is not known.
        licence: an SPDX expression.
        texts: of its licence, the one that names it first.
        purl: its package URL; empty where it has none.
        kind: as CycloneDX names kinds of components.
        within: the name of the component whose files hold it, when it has no files of its own.
    """

    name: str
    version: str
    licence: str
    texts: tuple[Text, ...]
    purl: str = ""
    kind: str = "library"
    within: str = ""


def kept_text(name: str) -> Text:
    """A text that the project keeps in packaging/licences, for systems that have none at hand."""
    return text_of(name, _TEXTS / f"{name}.txt")


def is_kept(name: str) -> bool:
    """Whether the project keeps a text of that name."""
    return (_TEXTS / f"{name}.txt").is_file()


def apache_text() -> Text:
    """The Apache License 2.0, which is the project's own."""
    return text_of("Apache-2.0", ROOT / "LICENSE")


def text_of(name: str, *paths: Path) -> Text:
    """A text from its files, one after another.

    Raises:
        UnknownPartError: one of them is not there.
    """
    missing = [str(path) for path in paths if not path.is_file()]
    if missing or not paths:
        raise UnknownPartError(f"The licence of {name} is missing: {', '.join(missing) or 'no file is known'}.")
    return Text(name, "\n\n".join(path.read_text(encoding="utf-8", errors="replace").strip() for path in paths) + "\n")
