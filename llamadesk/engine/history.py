"""What the model has read and written, so that the next prompt can go on from there token by token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from llamadesk.engine.tokens import Tokenizer


class Kind(Enum):
    """Where the tokens of a fragment come from."""

    CONTROL = "control"
    TEXT = "text"
    REPLY = "reply"  # generated
    REST = "rest"  # text that follows a reply without a control token between them


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a prompt and its tokens. A REPLY's text is what was shown; tokenizing it need not give its ids."""

    kind: Kind
    text: str
    ids: tuple[int, ...]


def ids_of(fragments: Iterable[Fragment]) -> list[int]:
    """All tokens in order."""
    return [token for fragment in fragments for token in fragment.ids]


class History:
    """The fragments of the last prompt and of the reply to it.

    As long as a new prompt says the same, its replies keep the ids by which they were generated: tokenized again they
    may give others, and all that follows would have to be read again. Nor are unchanged texts tokenized again.
    """

    def __init__(self, tokenizer: Tokenizer, piece: Callable[[int], bytes]) -> None:
        """`piece`: the bytes of a token."""
        self._tokenizer = tokenizer
        self._piece = piece
        self._known: list[Fragment] = []

    def remember(self, prompt: Sequence[Fragment], reply_ids: Sequence[int], reply_text: str) -> None:
        """Take note of a prompt that was read and the reply as it was shown.

        Tokens whose text was not shown (they ran into a stop string) are left out.
        """
        self._known = list(prompt)
        reply = self._fitting(reply_ids, reply_text)
        if reply is not None:
            self._known.append(reply)

    def fragments(self, prompt: str) -> list[Fragment]:
        """The tokens of a prompt as `Tokenizer.split` takes it, with what is known of the same text."""
        cached = {(known.kind, known.text): known for known in self._known}
        fragments: list[Fragment] = []
        matched: int | None = 0  # so many known fragments stand at the head of this prompt, too; None: they parted
        for part in self._tokenizer.split(prompt):
            if isinstance(part, int):
                fragment = Fragment(Kind.CONTROL, "", (part,))
            else:
                rest, kind = part, Kind.TEXT
                while matched is not None and (replied := self._up_to_reply(matched, rest)):
                    fragments += replied
                    rest = rest[sum(len(piece.text) for piece in replied) :]
                    kind = Kind.REST
                    matched = matched + len(replied) if replied[-1] is self._known[matched + len(replied) - 1] else None
                if not rest:
                    continue
                fragment = cached.get((kind, rest)) or Fragment(
                    kind, rest, self._tokenizer.tokenize(rest, continues=kind is Kind.REST)
                )
            fragments.append(fragment)
            if matched is not None:
                same = matched < len(self._known) and self._known[matched] == fragment
                matched = matched + 1 if same else None
        return fragments

    def _up_to_reply(self, start: int, text: str) -> list[Fragment]:
        """The known fragments from `start` up to the next reply, if `text` begins with them; else nothing."""
        ahead = self._known[start : start + 2]
        if ahead and ahead[0].kind is not Kind.REPLY:
            lead, ahead = ahead[:1], ahead[1:]
        else:
            lead = []
        if not ahead or ahead[0].kind is not Kind.REPLY or any(f.kind is Kind.CONTROL for f in lead):
            return []
        if lead and not text.startswith(lead[0].text):
            return []
        offset = len(lead[0].text) if lead else 0
        reply = ahead[0]
        if text.startswith(reply.text, offset):
            return [*lead, reply]
        # Many templates strip a reply.
        stripped = reply.text.rstrip()
        shorter = self._fitting(reply.ids, stripped) if stripped != reply.text else None
        if shorter is not None and text.startswith(stripped, offset):
            return [*lead, shorter]
        return []

    def _fitting(self, ids: Sequence[int], text: str) -> Fragment | None:
        """The longest head of `ids` whose text is a head of `text`; None where that is nothing."""
        pieces = [self._piece(token) for token in ids]
        for count in range(len(ids), 0, -1):
            head = b"".join(pieces[:count]).decode(errors="replace")
            if head and text.startswith(head):
                return Fragment(Kind.REPLY, head, tuple(ids[:count]))
        return None
