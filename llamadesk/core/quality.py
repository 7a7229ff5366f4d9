"""How much of a model's quality its quantizations keep, in an order and in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Final

QUANTIZATION_NAME: Final = re.compile(
    r"""(?<![a-z0-9])
    (?:(?:ud|i1|imat|imatrix)[-_.])?                          # how it was made: "UD-Q4_K_XL", "i1-IQ3_S"
    (?:
        i?q[1-8](?:_[01](?:_[48]_[48])?|_k(?:_(?:xxs|xs|xl|s|m|l))?|_(?:xxs|xs|xl|nl|s|m|l))*
        | bf16 | fp?(?:16|32) | fp8
        | tq[12]_0 | (?:mx|nv)fp4(?:_moe)?
    )
    (?![a-z0-9])""",
    re.VERBOSE | re.IGNORECASE,
)
"""The name of a quantization as the names of files have it."""


class Quality(IntEnum):
    """How much of the original is left."""

    UNKNOWN = 0
    POOR = 1
    WEAK = 2
    GOOD = 3
    VERY_GOOD = 4
    NEARLY_ORIGINAL = 5
    ORIGINAL = 6


_WORDS: Final[Mapping[Quality, str]] = {
    Quality.UNKNOWN: "unknown",
    Quality.POOR: "much is lost; a last resort",
    Quality.WEAK: "noticeably weaker",
    Quality.GOOD: "good; a little is lost",
    Quality.VERY_GOOD: "very good; hardly anything is lost",
    Quality.NEARLY_ORIGINAL: "nearly the original",
    Quality.ORIGINAL: "the original, or as good as that",
}
_BY_QUALITY: Final[Mapping[Quality, str]] = {
    Quality.POOR: "IQ1_S IQ1_M TQ1_0 TQ2_0 Q1_0 Q2_0 IQ2_XXS IQ2_XS IQ2_S Q2_K_S IQ2_M Q2_K",
    Quality.WEAK: "IQ3_XXS IQ3_XS Q3_K_S IQ3_S IQ3_M Q3_K_M Q3_K_L",
    Quality.GOOD: "NVFP4 MXFP4 Q4_0 IQ4_XS IQ4_NL Q4_K_S Q4_1 Q4_K_M",
    Quality.VERY_GOOD: "Q5_0 Q5_K_S Q5_1 Q5_K_M",
    Quality.NEARLY_ORIGINAL: "Q6_K",
    Quality.ORIGINAL: "Q8_0 BF16 F16 F32",
}
"""The quantizations of each, the worst first: in the order of the losses that llama.cpp's makers have measured."""
_QUALITIES: Final[Mapping[str, Quality]] = {
    name: quality for quality, names in _BY_QUALITY.items() for name in names.split()
}
_RANKS: Final[Mapping[str, int]] = {name: rank for rank, name in enumerate(_QUALITIES, start=1)}


def quality_of(quantization: str) -> Quality:
    """How much a quantization keeps, such as "Q4_K_M"."""
    return _QUALITIES.get(quantization.upper(), Quality.UNKNOWN)


def quality_words(quantization: str) -> str:
    """The same in words, such as "good; a little is lost"."""
    return _WORDS[quality_of(quantization)]


def quality_rank(quantization: str) -> int:
    """Its place among all quantizations: a higher one keeps more; 0 where it is not known."""
    return _RANKS.get(quantization.upper(), 0)
