"""A text file put into a message: read within bounds, fenced so that the model sees where it begins and ends."""

from __future__ import annotations

import re
from pathlib import Path

MAX_ATTACHMENT_BYTES = 1024 * 1024


def fenced_file(path: Path) -> str:
    """The file's name and its text in a fence that nothing inside can close.

    Raises:
        ValueError: it cannot be used; the text says why and what to do, for a person.
    """
    name = " ".join(path.name.replace("`", "'").split())
    try:
        if not path.is_file():  # a pipe or a device could be read for ever
            raise ValueError(f"“{name}” is not a file that can be read.")
        with path.open("rb") as file:
            data = file.read(MAX_ATTACHMENT_BYTES + 1)
    except OSError as error:
        raise ValueError(f"“{name}” could not be read: {error.strerror or error}.") from error
    if len(data) > MAX_ATTACHMENT_BYTES:
        raise ValueError(f"“{name}” is larger than 1 MB. Copy the part that matters into the message instead.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"“{name}” is not a text file in UTF-8, so it cannot be put into a message.") from error
    if "\x00" in text:
        raise ValueError(f"“{name}” is not a text file, so it cannot be put into a message.")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    language = path.suffix[1:] if path.suffix[1:].isalnum() else ""
    end = "" if text.endswith("\n") else "\n"
    return f"{name}\n{fence}{language}\n{text}{end}{fence}\n"
