"""A long text of a header, whole: a chat template as it was written."""

from __future__ import annotations

import struct
from pathlib import Path

import gguf_files as files
import pytest
from gguf_files import Array, Shape

from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.gguf_raw import LONGEST_TEXT, TEMPLATE_KEY, LongText, long_text


def test_the_starter_models_template(starter_model: Path) -> None:
    template = long_text(starter_model, TEMPLATE_KEY)
    assert template is not None and template.is_whole
    assert "<|im_start|>" in template.text and "{%" in template.text


def test_line_ends_and_what_cannot_be_printed_stay(tmp_path: Path) -> None:
    text = "{% if a %}\n\t😀\u202e" + "x" * 9000 + "\n{% endif %}"
    path = Shape().write(tmp_path / "m.gguf", tokenizer__chat_template=text)
    assert long_text(path, TEMPLATE_KEY) == LongText(text, is_whole=True)


@pytest.mark.parametrize("letter", ["x", "ä", "😀"])
@pytest.mark.parametrize(("n_more", "is_whole"), [(0, True), (1, False), (LONGEST_TEXT, False)])
def test_the_longest_is_whole_and_a_longer_one_is_cut(tmp_path: Path, letter: str, n_more: int, is_whole: bool) -> None:
    path = files.write(tmp_path / "m.gguf", {"before": "b" * 5000, "a": letter * (LONGEST_TEXT + n_more), "after": 1})
    assert long_text(path, "a") == LongText(letter * LONGEST_TEXT, is_whole)


def test_where_there_is_none(tmp_path: Path) -> None:
    path = files.write(tmp_path / "m.gguf", {"n": 7, "texts": Array(files.STRING, ["a"]), "empty": ""})
    assert long_text(path, "missing") is None
    assert long_text(path, "n") is None
    assert long_text(path, "texts") is None
    assert long_text(path, "empty") == LongText("", is_whole=True)


def test_a_gigabyte_that_is_not_there_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    claim = files.text("a") + struct.pack("<IQ", files.STRING, 10**9)
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + claim + b"x" * 100)
    with pytest.raises(ProblemError) as caught:
        long_text(path, "a")
    assert caught.value.problem.code is ProblemCode.MODEL_DAMAGED
