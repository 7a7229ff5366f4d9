"""A model that lies on this computer already, as it is offered to somebody who has not chosen one yet."""

from __future__ import annotations

import msgspec

from llamadesk.core.choosing import Choice, room_and_pace_words
from llamadesk.core.models import ModelFile
from llamadesk.core.sizes import bytes_text


class ReadyModel(msgspec.Struct, frozen=True):
    """One of the models to begin with.

    Attributes:
        file: the file of it to use here.
        choice: what that takes on this machine, and how fast it is.
        place: where it lies, in words, such as "LM Studio".
    """

    file: ModelFile
    choice: Choice
    place: str

    @property
    def name(self) -> str:
        """The model with its quantization, as it is told apart from others."""
        return f"{self.file.family} {self.file.facts.quantization}".strip()

    @property
    def figures(self) -> str:
        """Quantization, size and place on one line."""
        parts = (self.file.facts.quantization, bytes_text(self.file.size_bytes), self.place)
        return "  ·  ".join(part for part in parts if part)

    @property
    def reason(self) -> str:
        """Whether it fits, and how fast it is, in a sentence."""
        return f"It {room_and_pace_words(self.choice)}."
