"""Making a model's file smaller: what llama.cpp can quantize to, what would come of it, whether it is worth it, and
what the process that does it (`--engine --quantize`) is told and says.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.ggml_types import FILE_TYPES, TENSOR_TYPES
from llamadesk.core.gguf_header import Header, Tensor
from llamadesk.core.models import ModelFacts
from llamadesk.core.sizes import bytes_text

# --- What there is to choose from -------------------------------------------------------------------------------------


class Target(msgspec.Struct, frozen=True):
    """A quantization that models can be made into.

    Attributes:
        name: in llama.cpp's words, such as "Q4_K_M".
        file_type: llama.cpp's number of it (`llama_ftype`).
        bits: for each weight, in a model of the usual shape (Llama 2 7B).
    """

    name: str
    file_type: int
    bits: float


_TYPES: Final = {tensor_type.name: tensor_type for tensor_type in TENSOR_TYPES.values()}
_FILE_TYPE_NUMBERS: Final = {name: number for number, name in FILE_TYPES.items()}

TARGETS: Final[Mapping[str, Target]] = {
    name: Target(name, _FILE_TYPE_NUMBERS[name], bits)
    for name, bits in (
        ("Q8_0", 8.5),
        ("Q6_K", 6.56),
        ("Q5_K_M", 5.68),
        ("Q5_K_S", 5.52),
        ("Q5_0", 5.52),
        ("Q4_K_M", 4.84),
        ("Q4_K_S", 4.58),
        ("Q4_0", 4.55),
        ("Q3_K_L", 4.27),
        ("Q3_K_M", 3.91),
        ("Q3_K_S", 3.5),
        ("Q2_K", 3.0),
    )
}
"""By name, the most exact first. What a person gets and gives up is told by `core.quality`."""

REQUANTIZING: Final = (
    "This model was quantized before. Doing it once more loses more than quantizing the original would: if you can get "
    "the original (F16 or BF16), start from that."
)
"""The warning that goes with what `is_requantizing` says."""

_UNQUANTIZED: Final = frozenset({"F32", "F16", "BF16"})


def is_requantizing(facts: ModelFacts) -> bool:
    """Whether the model was quantized already, so that quantizing it again loses quality twice; see REQUANTIZING."""
    return facts.quantization not in _UNQUANTIZED


def can_quantize(facts: ModelFacts, target: Target) -> Problem | None:
    """Why the model cannot sensibly be made into `target`; None where it can.

    That goes by the names of the quantizations. Whether the file really becomes smaller depends on the shapes of its
    tensors too: see `larger_problem`.
    """
    if facts.quantization == target.name:
        return _refused(f"This model is a {target.name} already.", "Choose a smaller quantization.")
    if _bits(facts) <= target.bits:
        return _refused(
            f"From {facts.quantization}, {target.name} would be larger and no better.",
            "What was lost does not come back. Choose a smaller quantization.",
        )
    return None


def targets_of(facts: ModelFacts) -> tuple[Target, ...]:
    """All that the model can sensibly be made into, the most exact first; see `can_quantize`."""
    return tuple(target for target in TARGETS.values() if can_quantize(facts, target) is None)


def larger_problem(header: Header, target: Target) -> Problem | None:
    """What to say where the file of that header would not become smaller as `target`; None where it would."""
    if expected_bytes(header.tensors, target) < sum(tensor.n_bytes for tensor in header.tensors):
        return None
    return _refused(
        f"As {target.name} this model would be no smaller than it is.",
        "Its shape does not fit this quantization. Choose a smaller one.",
    )


def _bits(facts: ModelFacts) -> float:
    """Bits for each weight of the model's quantization."""
    target = TARGETS.get(facts.quantization)
    if target is not None:
        return target.bits
    tensor_type = _TYPES.get(facts.quantization)
    if tensor_type is not None:
        return 8 * tensor_type.block_bytes / tensor_type.block_elements
    return 8 * facts.tensor_bytes / max(facts.n_params, 1)


def _refused(title: str, advice: str) -> Problem:
    return Problem(ProblemCode.QUANTIZE_FAILED, title, advice)


# --- What would come of it --------------------------------------------------------------------------------------------


class _Finer(NamedTuple):
    """Tensors that get more bits than the others: by a part of their name, and how many of the layers have it so."""

    name_part: str
    tensor_type: str
    share: float = 1.0


_ATTENTION_V: Final = ("attn_v.weight", "attn_qkv.weight", "attn_kv_b.weight")
_ATTENTION_OUTPUT: Final = "attn_output.weight"
_FFN_DOWN: Final = "ffn_down"


def _in_v_and_down(tensor_type: str, share: float) -> tuple[_Finer, ...]:
    return tuple(_Finer(part, tensor_type, share) for part in (*_ATTENTION_V, _FFN_DOWN))


_BASES: Final = {name: name.removesuffix("_S").removesuffix("_M").removesuffix("_L") for name in TARGETS}
"""The tensor type that most weights get."""
_FINER: Final[Mapping[str, tuple[_Finer, ...]]] = {
    "Q2_K": (*_in_v_and_down("Q3_K", 1.0), _Finer(_ATTENTION_OUTPUT, "Q3_K")),
    "Q3_K_M": (*_in_v_and_down("Q4_K", 1.0), _Finer(_ATTENTION_OUTPUT, "Q4_K")),
    "Q3_K_L": (*_in_v_and_down("Q5_K", 1.0), _Finer(_ATTENTION_OUTPUT, "Q5_K")),
    "Q4_K_S": _in_v_and_down("Q5_K", 1 / 8),
    "Q4_K_M": _in_v_and_down("Q6_K", 1 / 2),
    "Q5_K_M": _in_v_and_down("Q6_K", 1 / 2),
}
_NEXT_FITTING: Final[Mapping[str, str]] = {
    "Q2_K": "Q4_0",
    "Q3_K": "Q4_0",
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
}
"""What llama.cpp takes where the rows of a tensor cannot be divided into the blocks of a type."""
_OUTPUT: Final = "output.weight"
_EMBEDDINGS: Final = ("token_embd.weight", "per_layer_token_embd.weight")
_NEVER_QUANTIZED: Final = (
    "_norm.weight",
    "ffn_gate_inp.weight",
    "ssm_conv1d",
    "shortconv.conv.weight",
    "altup",
    "laurel",
    "per_layer_model_proj",
    "position_embd",
    "token_types.weight",
    "attn_rel_b.weight",
    "time_mix_",
)
"""Parts of the names of tensors that stay as they are."""


def expected_bytes(tensors: Sequence[Tensor], target: Target) -> int:
    """About how many bytes these tensors would take as `target`, to a few percent. The header of a file, which hardly
    changes, comes on top of it."""
    is_tied = all(tensor.name != _OUTPUT for tensor in tensors)
    return round(sum(_expected_bytes(tensor, target, is_tied=is_tied) for tensor in tensors))


def _expected_bytes(tensor: Tensor, target: Target, *, is_tied: bool) -> float:
    if not _is_quantized(tensor):
        return tensor.n_bytes
    base = _BASES[target.name]
    if tensor.name == _OUTPUT or (is_tied and tensor.name in _EMBEDDINGS):
        # The output matters most, and gets the better one of these.
        return _bytes_as(tensor, "Q8_0" if base == "Q8_0" or not _fits(tensor, base) else "Q6_K")
    for finer in _FINER.get(target.name, ()):
        if finer.name_part in tensor.name:
            return finer.share * _bytes_as(tensor, finer.tensor_type) + (1 - finer.share) * _bytes_as(tensor, base)
    return _bytes_as(tensor, base)


def _is_quantized(tensor: Tensor) -> bool:
    is_matrix = any(length > 1 for length in tensor.shape[1:])
    return is_matrix and tensor.name.endswith("weight") and not any(part in tensor.name for part in _NEVER_QUANTIZED)


def _fits(tensor: Tensor, type_name: str) -> bool:
    return tensor.shape[0] % _TYPES[type_name].block_elements == 0


def _bytes_as(tensor: Tensor, type_name: str) -> int:
    """Bytes of the tensor in that type, or in the one that llama.cpp takes in its place."""
    candidates = (type_name, _NEXT_FITTING.get(type_name, type_name), "F16")
    chosen = _TYPES[next(name for name in candidates if _fits(tensor, name))]
    return tensor.n_elements // chosen.block_elements * chosen.block_bytes


# --- The new file -----------------------------------------------------------------------------------------------------

PART_PREFIX: Final = "quantizing-"
"""How the name of an unfinished file begins; it ends in ".part". One that nobody works on any more may be deleted."""
_SPARE_BYTES: Final = 64 * 1024 * 1024
"""Of disk space, left to whatever else goes on."""
_ESTIMATE_MARGIN: Final = 1.03
"""What will be written is known to a few percent."""


def part_path(target: Path) -> Path:
    """Where the file lies until it is whole and gets its name. It is always the same for a target, so that the next try
    clears away what the last one left, and ASCII, for llama.cpp would misread any other on Windows."""
    return target.with_name(f"{PART_PREFIX}{zlib.crc32(os.fsencode(target.name)):08x}.part")


def quantized_bytes(header: Header, size_bytes: int, target: Target) -> int:
    """About how large the new file becomes.

    Args:
        header: of the source, with the tensors of all its parts.
        size_bytes: of the source, all its parts together.
        target: what it is made into.
    """
    header_bytes = size_bytes - sum(tensor.n_bytes for tensor in header.tensors)
    return header_bytes + expected_bytes(header.tensors, target)


def needed_bytes(n_bytes: int) -> int:
    """How much of a disk has to be free for a file that becomes about so large."""
    return round(n_bytes * _ESTIMATE_MARGIN) + _SPARE_BYTES


def space_problem(needed: int, free: int) -> Problem | None:
    """What to say where fewer bytes are free on the disk than are needed; None where it is enough."""
    if free >= needed:
        return None
    return disk_full(f"About {bytes_text(needed)} are needed there, and {bytes_text(free)} are free.")


def disk_full(words: str, detail: str = "") -> Problem:
    """That there is too little space, with one sentence of what is known of it."""
    return Problem(
        ProblemCode.DISK_FULL,
        f"There is too little space on the disk for the new model. {words}",
        "Delete something there, or choose a folder on another disk.",
        detail,
    )


def name_taken(target: Path) -> Problem:
    """That there is a file of that name, which stays."""
    advice = f"Rename it or delete it first. It lies in {target.parent}."
    return _refused(f"There is a file {target.name} already.", advice)


# --- What a file says of how it was made ------------------------------------------------------------------------------

ORIGIN_FILE_KEY: Final = "general.source.file"
ORIGIN_QUANTIZATION_KEY: Final = "general.source.quantization"
ORIGIN_LIMIT_BYTES: Final = 127
"""llama.cpp writes no longer text than this into a file that it makes."""


class Origin(msgspec.Struct, frozen=True):
    """What LlamaDesk made a file from: the other file's name (of a long one its beginning) and its quantization."""

    file_name: str
    quantization: str

    @property
    def values(self) -> dict[str, str]:
        """As keys and texts of a GGUF file."""
        shortened = self.file_name.encode(errors="replace")[:ORIGIN_LIMIT_BYTES].decode(errors="ignore")
        return {ORIGIN_FILE_KEY: shortened, ORIGIN_QUANTIZATION_KEY: self.quantization}


def origin_of(header: Header) -> Origin | None:
    """What the file of that header was made from; None where it does not say."""
    file_name, quantization = (header.values.get(key) for key in (ORIGIN_FILE_KEY, ORIGIN_QUANTIZATION_KEY))
    if isinstance(file_name, str) and isinstance(quantization, str):
        return Origin(file_name, quantization)
    return None


# --- What the process is told and says --------------------------------------------------------------------------------

QUANTIZE_FLAG: Final = "--quantize"
"""The argument after `--engine` that starts it."""


class QuantizeRequest(msgspec.Struct, frozen=True):
    """The line of JSON that the process reads. The end of its input, at any time, cancels.

    Attributes:
        source: path of the model's file, which stays as it is.
        target: path of the file to make, which must not be there yet.
        quantization: a name of TARGETS.
        n_threads: that compute; 0 for as many as the processor has.
    """

    source: str
    target: str
    quantization: str
    n_threads: int = 0


class QuantizeProgress(msgspec.Struct, frozen=True, tag=True):
    """The fraction of the weights that is done (0 to 1), and the tensors."""

    fraction: float
    n_done: int
    n_tensors: int


class Quantized(msgspec.Struct, frozen=True, tag=True):
    """The last line: the file is there, whole and on the disk."""

    path: str
    size_bytes: int


class QuantizeFailed(msgspec.Struct, frozen=True, tag=True):
    """The last line: nothing was made, and nothing is left of it."""

    problem: Problem


class QuantizeCancelled(msgspec.Struct, frozen=True, tag=True):
    """The last line: the input ended before the file was made, and nothing is left of it."""


QuantizeAnswer = QuantizeProgress | Quantized | QuantizeFailed | QuantizeCancelled
"""What the process writes, each as a line of JSON; all but QuantizeProgress end it."""


def answer_decoder() -> msgspec.json.Decoder[QuantizeAnswer]:
    """Reads the lines that the process writes."""
    return msgspec.json.Decoder(QuantizeAnswer)
