"""Built-in chat formats, for files that carry no template or one that fails.

Each writes a prompt with the control tokens by their names; the names become tokens in `llamadesk.engine.tokens`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from llamadesk.core.chat import Role
from llamadesk.core.protocol import Turn

Write = Callable[[Sequence[Turn], str, str], str]


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """How a family of models is talked to.

    Attributes:
        name: as `LoadedModel.template_source` tells it.
        write: (turns, name of BOS, name of EOS) to the prompt, up to where the reply begins.
        needs: names of control tokens without which the format means nothing to a model.
        stop: strings by which a model would go on as the person; they end a reply.
    """

    name: str
    write: Write
    needs: frozenset[str] = frozenset()
    stop: tuple[str, ...] = ()


def fold_system(turns: Sequence[Turn]) -> list[Turn]:
    """The turns with the system text at the head of the person's first one, for models that know no system role."""
    if not turns or turns[0].role is not Role.SYSTEM:
        return list(turns)
    system, rest = turns[0].content, list(turns[1:])
    if rest and rest[0].role is Role.USER:
        return [Turn(Role.USER, f"{system}\n\n{rest[0].content}"), *rest[1:]]
    return [Turn(Role.USER, system), *rest]


def _llama_2(turns: Sequence[Turn], bos: str, eos: str) -> str:
    system = ""
    parts = []
    for turn in turns:
        if turn.role is Role.SYSTEM:
            system = f"<<SYS>>\n{turn.content}\n<</SYS>>\n\n"
        elif turn.role is Role.USER:
            parts.append(f"{bos}[INST] {system}{turn.content.strip()} [/INST]")
            system = ""
        else:
            parts.append(f" {turn.content.strip()} {eos}")
    return "".join(parts)


def _mistral(turns: Sequence[Turn], bos: str, eos: str) -> str:
    parts = [bos]
    for turn in fold_system(turns):
        parts.append(f"[INST] {turn.content} [/INST]" if turn.role is Role.USER else f" {turn.content}{eos}")
    return "".join(parts)


def _chatml(turns: Sequence[Turn], _bos: str, _eos: str) -> str:
    return _wrapped(turns, "<|im_start|>{role}\n{content}<|im_end|>\n") + "<|im_start|>assistant\n"


def _llama_3(turns: Sequence[Turn], bos: str, _eos: str) -> str:
    head = "<|start_header_id|>{role}<|end_header_id|>\n\n"
    return bos + _wrapped(_stripped(turns), head + "{content}<|eot_id|>") + head.format(role="assistant")


def _gemma(turns: Sequence[Turn], bos: str, _eos: str) -> str:
    form = "<start_of_turn>{role}\n{content}<end_of_turn>\n"
    return bos + _wrapped(_stripped(fold_system(turns)), form, assistant="model") + "<start_of_turn>model\n"


def _zephyr(turns: Sequence[Turn], _bos: str, eos: str) -> str:
    return _wrapped(turns, "<|{role}|>\n{content}" + eos + "\n") + "<|assistant|>\n"


def _phi_3(turns: Sequence[Turn], _bos: str, _eos: str) -> str:
    return _wrapped(turns, "<|{role}|>\n{content}<|end|>\n") + "<|assistant|>\n"


def _vicuna(turns: Sequence[Turn], bos: str, eos: str) -> str:
    forms = {Role.SYSTEM: "{content}\n\n", Role.USER: "USER: {content} ", Role.ASSISTANT: "ASSISTANT: {content}" + eos}
    return bos + "".join(forms[turn.role].format(content=turn.content) for turn in turns) + "ASSISTANT:"


def _alpaca(turns: Sequence[Turn], bos: str, _eos: str) -> str:
    titles = {Role.SYSTEM: "", Role.USER: "### Instruction:\n", Role.ASSISTANT: "### Response:\n"}
    return bos + "".join(f"{titles[turn.role]}{turn.content}\n\n" for turn in turns) + "### Response:\n"


def _plain(turns: Sequence[Turn], bos: str, _eos: str) -> str:
    titles = {Role.SYSTEM: "", Role.USER: "User: ", Role.ASSISTANT: "Assistant: "}
    return bos + "".join(f"{titles[turn.role]}{turn.content.strip()}\n" for turn in turns) + "Assistant:"


def _wrapped(turns: Sequence[Turn], form: str, assistant: str = "assistant") -> str:
    roles = {Role.SYSTEM: "system", Role.USER: "user", Role.ASSISTANT: assistant}
    return "".join(form.format(role=roles[turn.role], content=turn.content) for turn in turns)


def _stripped(turns: Sequence[Turn]) -> list[Turn]:
    return [Turn(turn.role, turn.content.strip()) for turn in turns]


LLAMA_2 = ChatFormat("llama-2", _llama_2)
CHATML = ChatFormat("chatml", _chatml, frozenset({"<|im_start|>", "<|im_end|>"}))
LLAMA_3 = ChatFormat("llama-3", _llama_3, frozenset({"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}))
MISTRAL = ChatFormat("mistral", _mistral)
GEMMA = ChatFormat("gemma", _gemma, frozenset({"<start_of_turn>", "<end_of_turn>"}))
ZEPHYR = ChatFormat("zephyr", _zephyr)
PHI_3 = ChatFormat("phi-3", _phi_3, frozenset({"<|user|>", "<|assistant|>", "<|end|>"}))
VICUNA = ChatFormat("vicuna", _vicuna, stop=("USER:",))
ALPACA = ChatFormat("alpaca", _alpaca, stop=("### Instruction:",))
PLAIN = ChatFormat("plain", _plain, stop=("\nUser:",))

_BY_NAME: tuple[tuple[re.Pattern[str], ChatFormat], ...] = tuple(
    (re.compile(pattern), chat_format)
    for pattern, chat_format in (
        (r"(?=.*llama[-_ ]?v?2)(?=.*chat)|(?=.*code[-_ ]?llama)(?=.*instruct)", LLAMA_2),
        (r".*llama[-_ ]?v?3", LLAMA_3),
        (r".*gemma", GEMMA),
        (r".*phi[-_ ]?3", PHI_3),
        (r".*zephyr", ZEPHYR),
        (r"(?=.*mi[sx]tral)(?=.*instruct)", MISTRAL),
        (r".*vicuna", VICUNA),
        (r".*alpaca", ALPACA),
    )
)
_BY_TOKENS = (CHATML, LLAMA_3, GEMMA, PHI_3)


def is_llama_2(template: str) -> bool:
    """Whether a template is one of Llama 2's: its words are known exactly, and its copies differ in spaces."""
    return "[INST]" in template and "<<SYS>>" in template


def built_in(names: str, special: Collection[str]) -> ChatFormat | None:
    """The format of a model, by its names (model, file, architecture) and the names of its special tokens, or None."""
    flat = " ".join(names.lower().split())
    for pattern, chat_format in _BY_NAME:
        if pattern.match(flat) and chat_format.needs.issubset(special):
            return chat_format
    return next((chat_format for chat_format in _BY_TOKENS if chat_format.needs.issubset(special)), None)
