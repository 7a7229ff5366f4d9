"""What a model is called: one name for all its quantizations, in the spelling that its makers use.

The file's name comes first. It is what people know a download by, and the same for all quantizations but for the
quantization itself, while `general.name` is often the title of a training run. What the header says only counts where
the file's name says nothing ("ggml-model-q4_0.bin", a hash).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from llamadesk.core.quality import QUANTIZATION_NAME as _QUANTIZATION

_PART: Final = re.compile(r"-\d{5}-of-\d{5}$")
_SUFFIXES: Final = re.compile(r"\.(?:gguf|ggml|bin)$", re.IGNORECASE)
_HASH: Final = re.compile(r"(?:sha256)?[-_]?[0-9a-f]{32,}", re.IGNORECASE)
_PUBLISHER: Final = re.compile(
    r"""^(?:allenai|arcee-ai|baidu|bartowski|cohereforai|deepseek-ai|google|huggingfacetb|ibm-granite|lgai-exaone|lmstudio
    |meta|meta-llama|microsoft|mistralai|moonshotai|nousresearch|nvidia|openai|qwen|thebloke|thudm|tiiuae|unsloth|zai-org)_""",
    re.VERBOSE | re.IGNORECASE,
)
_SEPARATOR: Final = re.compile(r"[-_\s]+|\.(?!\d)|(?<!\d)\.")  # a dot between digits is part of a version

_NOISE: Final = frozenset({"gguf", "ggml", "imat", "imatrix"})
_FILLERS: Final = """
    model models pytorch unnamed untitled main output out merged converted consolidated weights final test new download
    chat instruct it base hf quantized
"""
_SAYS_NOTHING: Final = frozenset(_FILLERS.split())
_SIZE: Final = re.compile(r"^(?:\d+x)?a?\d+(?:\.\d+)?[bmk]$", re.IGNORECASE)
_VERSION: Final = re.compile(r"^v\d+(?:\.\d+)*$", re.IGNORECASE)
_WORD_AND_NUMBER: Final = re.compile(r"^([a-z]+)(\d[\d.]*)$", re.IGNORECASE)

_SPELLED: Final = """
    CodeGemma CodeLlama DeepSeek DPO ERNIE EXAONE GLM GPT InternLM it LFM LM Llama MedGemma MiniCPM MoE MPT OLMo OLMoE
    OpenChat OpenHermes OSS QAT QwQ RWKV SmolLM SmolVLM StableLM StarCoder TinyLlama VL VLM WizardCoder WizardLM
"""
_SPELLINGS: Final[Mapping[str, str]] = {word.lower(): word for word in _SPELLED.split()}


def family_name(file_name: str, values: Mapping[str, object]) -> str:
    """The name of the model in a file, without its quantization, such as "Llama 2 7B Chat".

    Args:
        file_name: the file's name with its suffix.
        values: what the file's header says of itself (`general.name` and its kin).
    """
    basename, name = (str(values.get(key) or "") for key in ("general.basename", "general.name"))
    parts = [basename, *(str(values.get(key) or "") for key in ("general.size_label", "general.finetune"))]
    file_name = file_name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # it may be no Unicode at all
    for candidate in (_SUFFIXES.sub("", file_name), "-".join(filter(None, parts)) if basename else "", name):
        words = _words(candidate)
        if _says_something(words):
            return " ".join(words)
    return " ".join(_words(file_name)) or file_name


def family_key(name: str) -> str:
    """What two spellings of the same family name have in common."""
    return name.casefold()


def bare_name(file_name: str) -> str:
    """What a file of a model is called besides its quantization, in its own spelling: without suffix, number of a part,
    and hash; "" where nothing is left."""
    stem = _HASH.sub("", _PART.sub("", _SUFFIXES.sub("", file_name)))
    words = [_SUFFIXES.sub("", word.strip("-_. ")) for word in _QUANTIZATION.sub("\0", stem).split("\0")]
    return "-".join(filter(None, words))


def is_quantization(word: str) -> bool:
    """Whether a word is nothing but the name of a quantization."""
    return _QUANTIZATION.fullmatch(word) is not None


def _words(text: str) -> list[str]:
    text = _PART.sub("", text)
    text = _HASH.sub("", text)
    text = _PUBLISHER.sub("", text)
    text = _QUANTIZATION.sub(" ", text)
    return [_spelled(word) for word in _SEPARATOR.split(text) if word and word.lower() not in _NOISE]


def _says_something(words: list[str]) -> bool:
    return any(
        len(word) > 1
        and word.lower() not in _SAYS_NOTHING
        and not _SIZE.match(word)
        and not _VERSION.match(word)
        and not word.isdigit()
        for word in words
    )


def _spelled(word: str) -> str:
    lower = word.lower()
    if lower in _SPELLINGS:
        return _SPELLINGS[lower]
    if _SIZE.match(word):
        return word.upper().replace("X", "x")  # 8x7B
    if _VERSION.match(word):
        return lower
    if (parts := _WORD_AND_NUMBER.match(lower)) and parts[1] in _SPELLINGS:
        return _SPELLINGS[parts[1]] + parts[2]
    if word in (lower, word.upper()) and word.isalpha() and len(word) > 3:
        return word.capitalize()
    return word[:1].upper() + word[1:]
