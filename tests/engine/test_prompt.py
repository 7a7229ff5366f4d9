"""From turns to the text and the tokens of a prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine_driver import assistant, system, user
from tiny_models import CHATML_TEMPLATE, LLAMA_2_TEMPLATE, VocabKind

from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.protocol import LoadSettings
from llamadesk.engine import formats
from llamadesk.engine.history import History, ids_of
from llamadesk.engine.jinja import render
from llamadesk.engine.native import Model
from llamadesk.engine.prompt import ChatWriter, ModelNames
from llamadesk.engine.renderer import RenderRequest, TemplateFailed, TemplateUnusable
from llamadesk.engine.tokens import Tokenizer

TinyWriter = Callable[..., Path]


class HereRenderer:
    """Renders in this process, and can be told that a template takes for ever."""

    def __init__(self) -> None:
        self.rendered = 0

    def render(self, request: RenderRequest) -> str:
        self.rendered += 1
        if "forever" in request.template:
            raise TemplateUnusable("too much time or memory")
        reply = render(request)
        if reply.error:
            raise TemplateFailed(reply.error)
        return reply.text


@pytest.fixture
def spm(tiny: TinyWriter) -> Iterator[Model]:
    path = tiny(vocab=VocabKind.SPM, template="")
    model = Model(str(path), LoadSettings(str(path)), lambda _: True)
    yield model
    model.close()


@pytest.fixture
def bpe(tiny: TinyWriter) -> Iterator[Model]:
    path = tiny()
    model = Model(str(path), LoadSettings(str(path)), lambda _: True)
    yield model
    model.close()


def writer(model: Model, template: str, names: str = "", renderer: HereRenderer | None = None) -> ChatWriter:
    vocab = model.vocab
    described = ModelNames(names, template, vocab.text_of(vocab.bos), vocab.text_of(vocab.eos))
    return ChatWriter(described, Tokenizer(vocab, template), renderer or HereRenderer())


def tokens(model: Model, text: str) -> list[int]:
    return ids_of(History(Tokenizer(model.vocab), model.vocab.piece).fragments(text))


# --- Llama 2 ---------------------------------------------------------------------------------------------------------

LLAMA_2_CHAT = (
    system("you are the SYS"),
    user("  hello world \n"),
    assistant(" The capital </s> of France\n"),
    user("is [INST] Paris"),
)


def test_llama_2_is_exact_to_the_token(spm: Model) -> None:
    """BOS [INST] <<SYS>>...<</SYS>> {u1} [/INST] {a1} EOS BOS [INST] {u2} [/INST], put together by hand."""
    for source in (
        writer(spm, LLAMA_2_TEMPLATE, "Some name"),
        writer(spm, "", "LLaMA v2 llama-2-7b-chat.GGUF.q4_0 llama"),
    ):
        assert source.source == "built-in: llama-2"
        plain = spm.vocab.tokenize
        expected = [
            1,
            *plain("[INST] <<SYS>>\nyou are the SYS\n<</SYS>>\n\nhello world [/INST] The capital </s> of France "),
            2,
            1,
            *plain("[INST] is [INST] Paris [/INST]"),
        ]
        assert tokens(spm, source.write(LLAMA_2_CHAT)) == expected


def test_llama_2_piece_by_piece(spm: Model) -> None:
    """Without a system text the block is left out; one space before [/INST], none after the last one."""
    ids = tokens(spm, writer(spm, LLAMA_2_TEMPLATE).write([user(" hello "), assistant("Paris"), user("world")]))
    piece = spm.vocab.piece
    shown = [piece(token).decode() or {1: "BOS", 2: "EOS"}[token] for token in ids]
    assert shown == [
        *("BOS", " [", "INST", "]", " hello", " [/", "INST", "]", " Paris", " ", "EOS"),
        *("BOS", " [", "INST", "]", " world", " [/", "INST", "]"),
    ]


# --- Choosing a format -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "special", "expected"),
    [
        ("Llama 2 7B Chat", (), formats.LLAMA_2),
        ("LLaMA v2 llama-2-13b-chat.Q5_0 llama", (), formats.LLAMA_2),
        ("llama-2-7b llama", (), None),
        ("CodeLlama 7B Instruct", (), formats.LLAMA_2),
        ("Meta Llama 3 8B Instruct", formats.LLAMA_3.needs, formats.LLAMA_3),
        ("Meta Llama 3 8B Instruct", (), None),
        ("Mistral-7B-Instruct-v0.2", (), formats.MISTRAL),
        ("gemma-2b-it gemma", formats.GEMMA.needs, formats.GEMMA),
        ("zephyr-7b-beta", (), formats.ZEPHYR),
        ("Phi-3-mini", formats.PHI_3.needs, formats.PHI_3),
        ("vicuna 13b v1.5", (), formats.VICUNA),
        ("alpaca native", (), formats.ALPACA),
        ("Something", ("<|im_start|>", "<|im_end|>", "<s>"), formats.CHATML),
        ("Something", ("<s>",), None),
    ],
)
def test_built_in_formats_by_name_and_tokens(
    names: str, special: tuple[str, ...], expected: formats.ChatFormat | None
) -> None:
    assert formats.built_in(names, frozenset(special)) is expected


@pytest.mark.parametrize(
    ("chat_format", "text"),
    [
        (formats.CHATML, "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\nA"
         "<|im_end|>\n<|im_start|>user\nV<|im_end|>\n<|im_start|>assistant\n"),
        (formats.MISTRAL, "<s>[INST] S\n\nU [/INST] A</s>[INST] V [/INST]"),
        (formats.LLAMA_3, "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user"
         "<|end_header_id|>\n\nU<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"
         "<|start_header_id|>user<|end_header_id|>\n\nV<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"),
        (formats.GEMMA, "<s><start_of_turn>user\nS\n\nU<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n"
         "<start_of_turn>user\nV<end_of_turn>\n<start_of_turn>model\n"),
        (formats.ZEPHYR, "<|system|>\nS</s>\n<|user|>\nU</s>\n<|assistant|>\nA</s>\n<|user|>\nV</s>\n<|assistant|>\n"),
        (formats.PHI_3, "<|system|>\nS<|end|>\n<|user|>\nU<|end|>\n<|assistant|>\nA<|end|>\n<|user|>\nV<|end|>\n"
         "<|assistant|>\n"),
        (formats.VICUNA, "<s>S\n\nUSER: U ASSISTANT: A</s>USER: V ASSISTANT:"),
        (formats.ALPACA, "<s>S\n\n### Instruction:\nU\n\n### Response:\nA\n\n### Instruction:\nV\n\n### Response:\n"),
        (formats.PLAIN, "<s>S\nUser: U\nAssistant: A\nUser: V\nAssistant:"),
    ],
)  # fmt: skip
def test_what_built_in_formats_write(chat_format: formats.ChatFormat, text: str) -> None:
    assert chat_format.write([system("S"), user("U"), assistant("A"), user("V")], "<s>", "</s>") == text


# --- Templates of files ----------------------------------------------------------------------------------------------

NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
)
DEAF_TO_SYSTEM = "{% for m in messages if m.role != 'system' %}[{{ m.role }}]{{ m.content }}{% endfor %}"


def test_the_template_of_the_file_comes_first(bpe: Model) -> None:
    chat = writer(bpe, "{% for m in messages %}{{ m.role }}!{{ m.content }}{% endfor %}", "Llama 2 chat")
    assert chat.source == "file"
    assert chat.write([user("hi")]) == "user!hi"
    assert chat.stop == ()


@pytest.mark.parametrize("template", [NO_SYSTEM, DEAF_TO_SYSTEM])
def test_without_a_system_role_its_text_goes_to_the_first_question(bpe: Model, template: str) -> None:
    chat = writer(bpe, template)
    assert chat.write([system("Be brief."), user("hi")]) == "[user]Be brief.\n\nhi"
    assert chat.write([user("hi")]) == "[user]hi"


def test_an_empty_system_text_is_none(bpe: Model) -> None:
    assert writer(bpe, NO_SYSTEM).write([system(" \n"), user("hi")]) == "[user]hi"


@pytest.mark.allow_log("cannot be used")
def test_a_template_that_fails_gives_way_to_a_built_in_format(bpe: Model) -> None:
    chat = writer(bpe, "{% for %}")
    assert chat.source == "built-in: chatml"
    assert chat.write([user("hi")]) == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.allow_log("cannot be used")
def test_a_template_that_takes_too_long_is_tried_once(bpe: Model) -> None:
    renderer = HereRenderer()
    chat = writer(bpe, "forever", renderer=renderer)
    chat.write([user("hi")])
    chat.write([user("hi")])
    assert renderer.rendered == 1
    assert chat.source == "built-in: chatml"


@pytest.mark.allow_log("failed", "cannot be used")
def test_without_any_format_it_is_a_problem_in_plain_words(spm: Model) -> None:
    chat = writer(spm, "{{ raise_exception('never') }}")
    with pytest.raises(ProblemError) as caught:
        chat.write([user("hi")])
    assert caught.value.problem.code is ProblemCode.TEMPLATE_FAILED
    assert "template" in caught.value.problem.title


def test_a_model_without_a_template_and_a_known_name_is_asked_plainly(spm: Model) -> None:
    chat = writer(spm, "", "Something")
    assert chat.source == "built-in: plain"
    assert chat.stop == ("\nUser:",)
    assert chat.write([user("hi")]) == "<s>User: hi\nAssistant:"


def test_typed_control_tokens_pass_a_template_as_text(bpe: Model) -> None:
    chat = writer(bpe, CHATML_TEMPLATE)
    ids = tokens(
        bpe, chat.write([system("<|im_end|>"), user("<|im_start|>system"), assistant("<|im_end|>"), user("x")])
    )
    control = set(bpe.vocab.special_tokens())
    assert sum(token in control for token in ids) == 2 * 4 + 1
