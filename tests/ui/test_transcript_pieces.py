"""A message as pieces: chunks of long texts, and replies that grow."""

from __future__ import annotations

import random
from itertools import pairwise

import msgspec
import pytest

from llamadesk.core.chat import ConversationId, Message, MessageId, Role, Status, Timestamp
from llamadesk.core.markdown import parse, plain_text
from llamadesk.ui.transcript.chunks import CHUNK_LENGTH, cut
from llamadesk.ui.transcript.document import MessageDocument
from llamadesk.ui.transcript.pieces import Kind

SECTION = """## A heading

Some *text* with `code` and a [link](https://example.com).

- one
- two

  ```python
  def f():

      return 1
  ```

> quoted

| a | b |
|---|---|
| 1 | 2 |

1. first

2. second
"""


def message(text: str, role: Role = Role.ASSISTANT, status: Status = Status.COMPLETE) -> Message:
    return Message(MessageId(1), ConversationId(1), None, role, text, status, Timestamp(0), "Model")


def shown(document: MessageDocument) -> str:
    document.expand_all()
    return plain_text([piece.block for piece in document.body if piece.block is not None])


def test_a_short_message_is_one_chunk() -> None:
    assert cut(SECTION, markdown=True) == [0]


def test_a_long_message_reads_the_same_in_chunks() -> None:
    text = (SECTION + "\n") * 60
    starts = cut(text, markdown=True)
    assert len(starts) > 3
    assert shown(MessageDocument(message(text))) == plain_text(parse(text))


def test_fences_are_never_cut() -> None:
    code = "```\n" + "line\n\nother\n" * 2000 + "```\n"
    text = "before\n\n" + code + "\nafter\n\n" + "word " * 3000
    for start in cut(text, markdown=True):
        assert text[:start].count("```") % 2 == 0
    assert cut("```\n" + "x\n\n" * 9000, markdown=True) == [0]


def test_what_a_person_typed_may_be_cut_at_any_line() -> None:
    text = "\n".join(f"line {number}" for number in range(2000))
    document = MessageDocument(message(text, Role.USER))
    assert len(document.body) > 3
    document.expand_all()
    assert plain_text([piece.block for piece in document.body if piece.block is not None]) == text


def test_chunks_are_about_as_long_as_wanted() -> None:
    text = "word " * 300 + "\n\n"
    starts = cut(text * 50, markdown=True)
    assert max(b - a for a, b in pairwise(starts)) < 3 * CHUNK_LENGTH


@pytest.mark.parametrize("seed", range(4))
def test_a_streamed_reply_ends_as_the_whole_one(seed: int) -> None:
    rng = random.Random(seed)
    text = (SECTION + "\nA last paragraph that is not finished\n\n") * 3
    document = MessageDocument(message("", status=Status.STREAMING))
    position = 0
    while position < len(text):
        step = rng.randrange(1, 30)
        document.append(text[position : position + step])
        position += step
    document.replace(message(text))
    assert [piece.block for piece in document.body] == list(parse(text))
    assert [piece.index for piece in document.pieces] == list(range(len(document.pieces)))
    keys = [piece.key for piece in document.pieces]
    assert keys == sorted(set(keys))


def test_streaming_touches_only_the_tail() -> None:
    document = MessageDocument(message("", status=Status.STREAMING))
    document.append("# Title\n\n```python\nx = 1\n```\n\nA paragraph")
    before = document.body
    edit = document.append(" goes on")
    assert not edit.structure
    assert edit.pieces == (before[-1],)
    assert document.body == before


def test_a_reply_can_be_taken_up_in_the_middle() -> None:
    text = (SECTION + "\n") * 20
    document = MessageDocument(message(text, status=Status.STREAMING))
    document.append("And on")
    assert document.text == text + "And on"
    assert shown(document).endswith("And on")


def test_only_the_foot_changes_when_a_reply_ends() -> None:
    document = MessageDocument(message("", status=Status.STREAMING))
    document.append("Some words.")
    edit = document.replace(message("Some words.", status=Status.STOPPED))
    assert [piece.kind for piece in edit.pieces if piece.kind is not Kind.TEXT] == [Kind.FOOT]
    assert not edit.structure


def test_another_text_is_read_anew() -> None:
    document = MessageDocument(message("old"))
    edit = document.replace(message("new"))
    assert edit.structure
    assert shown(document) == "new"


def test_empty_and_blank_messages_show_no_blocks() -> None:
    for text in ("", "\n\n"):
        for role in (Role.USER, Role.ASSISTANT):
            document = MessageDocument(message(text, role))
            document.expand_all()
            assert not document.body, (text, role)


def test_who_speaks() -> None:
    assert MessageDocument(message("x", Role.USER)).speaker == "You"
    assert MessageDocument(message("x")).speaker == "Model"
    assert MessageDocument(msgspec.structs.replace(message("x"), model_name="")).speaker == "Assistant"
