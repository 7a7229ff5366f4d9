"""Models of the exact shape of Llama-2 7B, with random weights: they say nothing and cost what the real ones cost.

The vocabulary is made here: bytes, ASCII, common English words, and syllables in the order of how English they are.
It cuts English text into about as many tokens as the real one does.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import gguf
import numpy as np
import numpy.typing as npt

from tests import gguf_files
from tests.tiny_models import LLAMA_2_TEMPLATE

N_VOCAB = 32_000
N_LAYERS = 32
SPARE_BYTES = 2_000_000_000
"""Disk space that is to be left beside a model."""
_REVISION = 1
"""Counts changes of what is written: a model of another one is not used again."""
_CONTROL = ("<unk>", "<s>", "</s>")
_N_UNSPEAKABLE = len(_CONTROL) + 256
"""The first tokens, which the model never chooses: a reply does not end by itself, and is text in any place."""
_CHUNK_ROWS = 4096
_N_RECITED = 150

_WORDS = (
    "the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which "
    "one you were all her she there would their we him been has when who will no more if out so up said what its about "
    "than into them can only other time new some could these two may first then do any like my now over such our man "
    "me even most made after also did many off before must well back through years where much your way down should "
    "because long each just state those people too mister how little good world make very year still see own work men "
    "day get here old life both between being under three never know same last another while us might great go come "
    "since against right came take used himself few house use place during high without again home around small found "
    "thought went say part once general high upon school every don water away hand left number course war until always "
    "something fact though less public put think almost enough took head yet better set told nothing night end why "
    "called eyes find going look asked later knew point next city give group toward young days let room word words "
    "second sea sailor boats harbour town evening grey stones story storm island begin please write answer question "
    "tell light river ship wind sun moon road door table child children mother father friend friends letter book read"
)
_ONSETS = "s c t p m r d b f l h g w n st pr tr ch sh th br cr gr pl cl fl sp fr dr bl gl str qu wh sc sl sw sm j k v y"
_NUCLEI = "e a i o u ea ou ai ee oo ie io au oa ei ue ay oy"
_CODAS = "n s r t l d m p c g b k ng st nd nt ck ll ss rs ns ts th ch sh mp ct lt rd rt rn ld ght w x f v z"


@dataclass(frozen=True)
class Quantization:
    """How weights are stored: the tensor type of GGUF, the file type, and the scale that gives them a usual size."""

    name: str
    tensor_type: int
    file_type: int
    scale: float


Q4_0 = Quantization("Q4_0", int(gguf.GGMLQuantizationType.Q4_0), int(gguf.LlamaFileType.MOSTLY_Q4_0), 0.004)
Q5_0 = Quantization("Q5_0", int(gguf.GGMLQuantizationType.Q5_0), int(gguf.LlamaFileType.MOSTLY_Q5_0), 0.002)
Q8_0 = Quantization("Q8_0", int(gguf.GGMLQuantizationType.Q8_0), int(gguf.LlamaFileType.MOSTLY_Q8_0), 0.00025)
QUANTIZATIONS = (Q4_0, Q5_0, Q8_0)


def recital() -> list[str]:
    """The words that a reciting model says one after the other, and then from the first one again."""
    return list(dict.fromkeys(word for word in _WORDS.split() if len(word) > 1))[:_N_RECITED]


def llama_shape(
    folder: Path, quantization: Quantization = Q4_0, n_layers: int = N_LAYERS, *, recites: bool = False
) -> Path:
    """A file of the shape in `folder`, written where it is not there yet (32 layers of Q4_0 are 3.6 GiB).

    One that `recites` goes on after each word of `recital` with the next one, whatever stood before: its layers compute
    all that others do, and add nothing.

    Raises:
        OSError: it could not be written, for one because SPARE_BYTES would not be left on the disk.
    """
    kind = "-reciting" if recites else ""
    path = folder / f"llama-2-7b-shape-{_REVISION}{kind}-{n_layers}-layers.{quantization.name}.gguf"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    shape = gguf_files.Shape(
        n_layers=n_layers,
        n_embd=4096,
        n_ff=11_008,
        n_head=32,
        n_head_kv=32,
        n_vocab=N_VOCAB,
        n_ctx_train=4096,
        kind=quantization.tensor_type,
        file_type=quantization.file_type,
    )
    needed, free = gguf_files.data_bytes(shape.tensors) + SPARE_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(f"{path.name} needs {needed / 1e9:.1f} GB of disk space; {folder} has {free / 1e9:.1f} GB free")
    unfinished = path.with_suffix(".part")
    try:
        with unfinished.open("wb") as file:
            _write(file, shape, quantization, recites=recites)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _write(file: BinaryIO, shape: gguf_files.Shape, quantization: Quantization, *, recites: bool) -> None:
    """Header and weights, a few rows of them at a time."""
    values: dict[str, gguf_files.Value | bytes] = {**shape.values, **_vocabulary()}
    values["general.name"] = f"Llama 2 7B shape, random weights, {shape.n_layers} layers"
    values["tokenizer.chat_template"] = LLAMA_2_TEMPLATE
    file.write(gguf_files.header(values, shape.tensors))
    rows = _recited_rows(shape, quantization) if recites else {}
    random = np.random.default_rng(0)
    scale = np.frombuffer(np.float16(quantization.scale).tobytes(), np.uint8)
    start = file.tell()
    for name, extent, kind in shape.tensors:
        file.write(bytes(gguf_files.aligned(file.tell() - start) - (file.tell() - start)))
        if kind == gguf.GGMLQuantizationType.F32:
            file.write(np.ones(extent, np.float32).tobytes())
            continue
        n_columns, n_rows = extent
        for first in range(0, n_rows, _CHUNK_ROWS):
            count = min(_CHUNK_ROWS, n_rows - first)
            blocks = random.integers(0, 256, (count, gguf_files.n_bytes((n_columns,), kind)), np.uint8)
            by_block = blocks.reshape(count, n_columns // 32, -1)
            by_block[:, :, :2] = scale  # each block of 32 weights begins with its scale
            if name == "output.weight" and first == 0:
                by_block[:_N_UNSPEAKABLE] = 0  # far below the best of the others
            if recites and name.endswith(("attn_output.weight", "ffn_down.weight")):
                blocks[:] = 0  # the layers add nothing
            for token, row in rows.get(name, {}).items():
                if first <= token < first + count:
                    blocks[token - first] = row
            file.write(blocks.tobytes())


def _recited_rows(shape: gguf_files.Shape, quantization: Quantization) -> dict[str, dict[int, npt.NDArray[np.uint8]]]:
    """Rows of the two matrices of a reciting model, by token: each word's output is the embedding of the one before."""
    pieces = _tokens()
    recited = [pieces.index(f"▁{word}") for word in recital()]
    random = np.random.default_rng(1)
    width = gguf_files.n_bytes((shape.n_embd,), quantization.tensor_type)
    said = random.integers(0, 256, (len(recited), width), np.uint8)
    scale = np.frombuffer(np.float16(quantization.scale).tobytes(), np.uint8)
    said.reshape(len(recited), shape.n_embd // 32, -1)[:, :, :2] = scale
    following = recited[1:] + recited[:1]
    return {
        "token_embd.weight": dict(zip(recited, said, strict=True)),
        "output.weight": dict(zip(following, said, strict=True)),
    }


def _vocabulary() -> dict[str, gguf_files.Value | bytes]:
    """The tokens, and how they are merged: the earlier, the sooner."""
    tokens = _tokens()
    n_pieces = len(tokens) - _N_UNSPEAKABLE
    kinds = gguf.TokenType
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * 256, *[kinds.NORMAL] * n_pieces]
    scores = [0.0] * _N_UNSPEAKABLE + [-float(rank) for rank in range(n_pieces)]
    return {
        "tokenizer.ggml.tokens": gguf_files.Array(gguf_files.STRING, tokens),
        "tokenizer.ggml.scores": gguf_files.Array(gguf_files.F32, scores),
        "tokenizer.ggml.token_type": gguf_files.Array(gguf_files.I32, [int(kind) for kind in types]),
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": False,
    }


def _tokens() -> list[str]:
    """The vocabulary, by the ids of its tokens."""
    pieces = itertools.islice(dict.fromkeys(_pieces()), N_VOCAB - _N_UNSPEAKABLE)
    return [*_CONTROL, *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]


def _pieces() -> Iterator[str]:
    """Text pieces, more than are wanted, some of them twice; every piece's heads come before it, so that it can be
    merged."""
    yield from (chr(code) for code in range(0x21, 0x7F))
    yield from ("▁" * length for length in range(1, 17))
    words = [form for word in _WORDS.split() for form in (f"▁{word}", f"▁{word.capitalize()}")]
    for text in itertools.chain(words, _syllables()):
        yield from (text[:length] for length in range(2, len(text) + 1))


def _syllables() -> Iterator[str]:
    """In the middle of a word and at its head, the commonest first."""
    parts = [list(enumerate(["", *letters.split()])) for letters in (_ONSETS, _NUCLEI, _CODAS)]
    ranked = sorted(itertools.product(*parts), key=lambda syllable: sum(rank for rank, _ in syllable))
    for syllable in ranked:
        text = "".join(letters for _, letters in syllable)
        if text:
            yield from (text, f"▁{text}")
