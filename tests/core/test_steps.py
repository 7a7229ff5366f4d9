"""What is tried after a load that failed: less each time, and not for ever."""

from __future__ import annotations

import itertools

import pytest

from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.fit import SHORTEST_CONTEXT
from llamadesk.core.protocol import KvType, LoadSettings
from llamadesk.core.steps import MOST_TRIES, Trouble, difference_in_words, on_processor, step_down, trouble_of

ON_GPU = LoadSettings("m.gguf", n_ctx=8192, n_gpu_layers=33, n_ubatch=512, flash_attention=True)
ON_CPU = LoadSettings("m.gguf", n_ctx=8192)


def ladder(wanted: LoadSettings, trouble: Trouble) -> list[tuple[int, int, bool]]:
    """(layers, context, plainest processor) of each step, as long as there is one."""
    steps, tried = [], wanted
    while (following := step_down(wanted, tried, trouble)) is not None:
        steps.append((following.n_gpu_layers, following.n_ctx, following.baseline_cpu))
        tried = following
        assert len(steps) <= MOST_TRIES
    return steps


def test_memory_runs_out() -> None:
    contexts = [4096, 2048, 1024, 512]
    assert ladder(ON_CPU, Trouble.MEMORY) == [(0, n_ctx, False) for n_ctx in contexts]
    on_gpu = [(16, 8192, False), (16, 4096, False), (0, 8192, False)]
    assert ladder(ON_GPU, Trouble.MEMORY) == on_gpu + [(0, n_ctx, False) for n_ctx in contexts]


def test_the_process_dies() -> None:
    on_cpu = [(0, 4096, False), (0, 8192, True)]
    assert ladder(ON_CPU, Trouble.DEATH) == on_cpu
    assert ladder(ON_GPU, Trouble.DEATH) == [(16, 8192, False), (16, 4096, False), (0, 8192, False), *on_cpu]


def test_what_less_cannot_mend_is_tried_on_the_processor_and_then_told() -> None:
    assert ladder(ON_GPU, Trouble.OTHER) == [(0, 8192, False)]
    assert ladder(ON_CPU, Trouble.OTHER) == []


@pytest.mark.parametrize("layers", [0, 1, 2, 3, 33, 129])
@pytest.mark.parametrize("n_ctx", [256, 512, 700, 4096, 131_072])
@pytest.mark.parametrize("kv_type", list(KvType))
def test_every_mixture_of_troubles_ends_and_never_asks_for_more(layers: int, n_ctx: int, kv_type: KvType) -> None:
    wanted = LoadSettings("m.gguf", n_ctx=n_ctx, n_gpu_layers=layers, n_ubatch=512, kv_type=kv_type)
    for troubles in itertools.product(Trouble, repeat=3):
        tried, seen = wanted, {wanted}
        for trouble in itertools.islice(itertools.cycle(troubles), 60):
            following = step_down(wanted, tried, trouble)
            if following is None:
                break
            assert following not in seen
            assert following.n_gpu_layers <= wanted.n_gpu_layers
            assert min(n_ctx, SHORTEST_CONTEXT) <= following.n_ctx <= n_ctx
            assert (following.model_path, following.kv_type) == (wanted.model_path, wanted.kv_type)
            seen.add(following)
            tried = following
        else:
            pytest.fail(f"no end: {troubles}")


def test_on_the_processor_a_quantized_v_keeps_its_flash_attention() -> None:
    assert not on_processor(ON_GPU).flash_attention
    assert on_processor(ON_GPU).n_ubatch == 128
    quantized = LoadSettings("m.gguf", n_gpu_layers=3, flash_attention=True, kv_type=KvType.Q8_0)
    assert on_processor(quantized).flash_attention


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        (ProblemCode.MODEL_TOO_LARGE, Trouble.MEMORY),
        (ProblemCode.ENGINE_LOST, Trouble.DEATH),
        (ProblemCode.DECODE_FAILED, Trouble.OTHER),
        (ProblemCode.LOAD_FAILED, Trouble.OTHER),
        (ProblemCode.MODEL_DAMAGED, None),
        (ProblemCode.LOAD_CANCELLED, None),
    ],
)
def test_troubles_by_problem(code: ProblemCode, trouble: Trouble | None) -> None:
    assert trouble_of(Problem(code, "A trouble.")) is trouble


def test_the_difference_in_words() -> None:
    fewer = LoadSettings("m.gguf", n_ctx=4096, n_gpu_layers=16)
    words = difference_in_words(ON_GPU, fewer, 33)
    assert words == "with 16 of 33 layers on the graphics card and with a context length of 4,096 tokens"
    assert difference_in_words(ON_GPU, ON_CPU, 33) == "on the processor alone"
    plain = LoadSettings("m.gguf", n_ctx=8192, baseline_cpu=True)
    assert difference_in_words(ON_CPU, plain, 33) == "on the processor alone, in its plainest way"
