"""Reports that a person may hand to others, without the person's own name in them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

_NAME_VARIABLES = ("USER", "LOGNAME", "USERNAME")


def without_person(text: str) -> str:
    """`text` with the person's own folder as "~", and a folder that is called by their name as "(name)"."""
    try:
        home = Path.home()
    except RuntimeError:
        home = Path()
    if len(home.parts) > 1:
        text = text.replace(str(home), "~")
    names = {home.name, *(os.environ.get(variable, "") for variable in _NAME_VARIABLES)} - {""}
    for name in names:
        text = re.sub(rf"(?<=[/\\]){re.escape(name)}(?![\w.-])", "(name)", text, flags=re.IGNORECASE)
    return text


def all_without_person(value: Any) -> Any:
    """The same for every text in plain data (dictionaries, lists and scalars)."""
    match value:
        case str():
            return without_person(value)
        case dict():
            return {key: all_without_person(each) for key, each in value.items()}
        case list() | tuple():
            return [all_without_person(each) for each in value]
        case _:
            return value
