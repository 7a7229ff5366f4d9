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
    """The fragments of the last prompt and of the reply to it. May be asked from several threads.

    As long as a new prompt says the same, its replies keep the ids by which they were generated: tokenized again they
    may give others, and all that follows would have to be read again. Nor are unchanged texts tokenized again.
    """

    def __init__(self, tokenizer: Tokenizer, piece: Callable[[int], bytes], known: Iterable[Fragment] = ()) -> None:
        """`piece`: the bytes of a token; `known`: what another one knew."""
        self._tokenizer = tokenizer
        self._piece = piece
        self._known: list[Fragment] = list(known)

    @property
    def known(self) -> Sequence[Fragment]:
        """The fragments of the last prompt and of the reply to it."""
        return self._known

    def remember(self, prompt: Sequence[Fragment], reply_ids: Sequence[int], reply_text: str) -> None:
        """Take note of a prompt that was read and the reply as it was shown.

        Tokens whose text was not shown (they ran into a stop string) are left out.
        """
        reply = self._fitting(reply_ids, reply_text)
        self._known = [*prompt] if reply is None else [*prompt, reply]

    def fragments(self, prompt: str) -> list[Fragment]:
        """The tokens of a prompt as `Tokenizer.split` takes it, with what is known of the same text."""
        every = self._known
        cached = {(known.kind, known.text): known for known in every}
        replied = self._replied(every)
        fragments: list[Fragment] = []
        matched: int | None = 0  # so many known fragments stand at the head of this prompt, too; None: they parted
        for part in self._tokenizer.split(prompt):
            if isinstance(part, int):
                fragment = Fragment(Kind.CONTROL, "", (part,))
            else:
                rest, kind = part, Kind.TEXT
                if (
                    matched is None
                ):  # turns before this one were dropped or edited, and it may still be one that is known
                    matched = replied.get(part.strip())
                while matched is not None and (ahead := self._up_to_reply(every, matched, rest)):
                    fragments += ahead
                    rest = rest[sum(len(piece.text) for piece in ahead) :]
                    kind = Kind.REST
                    matched = matched + len(ahead) if ahead[-1] is every[matched + len(ahead) - 1] else None
                if not rest:
                    continue
                fragment = cached.get((kind, rest)) or Fragment(
                    kind, rest, self._tokenizer.tokenize(rest, continues=kind is Kind.REST)
                )
            fragments.append(fragment)
            if matched is not None:
                same = matched < len(every) and every[matched] == fragment
                matched = matched + 1 if same else None
        return fragments

    @staticmethod
    def _replied(known: Sequence[Fragment]) -> dict[str, int]:
        """Where the known texts begin that end in a reply, by these texts without the white space around them."""
        found: dict[str, int] = {}
        for index, reply in enumerate(known):
            if reply.kind is Kind.REPLY:
                has_lead = index > 0 and known[index - 1].kind is Kind.TEXT
                lead = known[index - 1].text if has_lead else ""
                found[(lead + reply.text).strip()] = index - has_lead
        return found

    def _up_to_reply(self, known: Sequence[Fragment], start: int, text: str) -> list[Fragment]:
        """The known fragments from `start` up to the next reply, if `text` begins with them; else nothing."""
        ahead = known[start : start + 2]
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
