"""What to try after a load that failed: the same model with less, step by step."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.fit import SHORTEST_CONTEXT
from llamadesk.core.protocol import KvType, LoadSettings

MOST_TRIES: Final = 10
"""Loads for one wish of the person, the first one among them."""

_CPU_MICRO_BATCH: Final = 128


class Trouble(StrEnum):
    """Why a load did not work, as far as that decides what to try next."""

    MEMORY = "memory"  # there was not enough
    DEATH = "death"  # the engine's process ended: a driver, the processor, or memory
    OTHER = "other"  # something that less of everything cannot mend on the processor


def trouble_of(problem: Problem) -> Trouble | None:
    """The trouble that a problem of a load or of the first reply tells of; None where nothing is to be tried again."""
    match problem.code:
        case ProblemCode.MODEL_TOO_LARGE:
            return Trouble.MEMORY
        case ProblemCode.ENGINE_LOST:
            return Trouble.DEATH
        case ProblemCode.LOAD_FAILED | ProblemCode.DECODE_FAILED:
            return Trouble.OTHER
        case _:
            return None


def step_down(wanted: LoadSettings, tried: LoadSettings, trouble: Trouble) -> LoadSettings | None:
    """What to try after `tried` failed: fewer layers on the GPU, a shorter context, the processor alone with the
    context of `wanted`, and then its plainest variant; None where nothing is left.

    Args:
        wanted: how it was to be loaded at first, with the true number of layers.
        tried: how it was loaded last.
        trouble: what came of that.
    """
    shorter = tried.n_ctx // 2 if tried.n_ctx // 2 >= SHORTEST_CONTEXT else None
    if tried.n_gpu_layers:
        fewer = wanted.n_gpu_layers // 2
        if trouble is not Trouble.OTHER:
            if 0 < fewer < tried.n_gpu_layers:
                return msgspec.structs.replace(tried, n_gpu_layers=fewer)
            if shorter and tried.n_ctx == wanted.n_ctx:
                return msgspec.structs.replace(tried, n_ctx=shorter)
        return on_processor(wanted)
    if trouble is Trouble.MEMORY:
        return msgspec.structs.replace(tried, n_ctx=shorter) if shorter else None
    if trouble is Trouble.DEATH and not tried.baseline_cpu:
        if shorter and tried.n_ctx == wanted.n_ctx:
            return msgspec.structs.replace(tried, n_ctx=shorter)
        return msgspec.structs.replace(tried, n_ctx=wanted.n_ctx, baseline_cpu=True)
    return None


def on_processor(settings: LoadSettings) -> LoadSettings:
    """The same without any GPU, computed the way that suits processors."""
    fused = settings.flash_attention and settings.kv_type is not KvType.F16  # a quantized V needs it
    return msgspec.structs.replace(
        settings,
        n_gpu_layers=0,
        n_ubatch=min(settings.n_ubatch, _CPU_MICRO_BATCH),
        flash_attention=fused,
        tensor_split=(),
    )


def difference_in_words(wanted: LoadSettings, used: LoadSettings, n_layers: int) -> str:
    """What is other than it was wanted, for a person: "with 16 of 33 layers on the graphics card".

    `n_layers` counts the layers that can be put on a GPU, the output layer among them.
    """
    parts = []
    if used.baseline_cpu and not wanted.baseline_cpu:
        parts.append("on the processor alone, in its plainest way")
    elif wanted.n_gpu_layers and not used.n_gpu_layers:
        parts.append("on the processor alone")
    elif used.n_gpu_layers < wanted.n_gpu_layers:
        parts.append(f"with {used.n_gpu_layers} of {n_layers} layers on the graphics card")
    if used.n_ctx < wanted.n_ctx:
        parts.append(f"with a context length of {used.n_ctx:,} tokens")
    return " and ".join(parts)
