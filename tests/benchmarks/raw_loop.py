"""llama.cpp's low-level calls alone, without LlamaDesk: what the same model gives when nothing is around it.

    raw_loop.py decode MODEL N_TOKENS PROMPT    tokens a second of N_TOKENS after the prompt
    raw_loop.py prefill MODEL N_BEFORE N_NEW    seconds to read N_NEW tokens, and to sample one, after N_BEFORE
    raw_loop.py stay MODEL N_BEFORE N_NEW       the same, and then wait for the end of the input

The bindings are imported without the rest of their package, as the engine does it: numpy is no part of llama.cpp.

Context and sampler are those of `LoadSettings` and `Sampling` by default.
"""

from __future__ import annotations

import os
import runpy
import sys
import time
from pathlib import Path

import psutil

_BINDINGS = Path(__file__).resolve().parents[2] / "llamadesk" / "engine" / "native" / "bindings.py"
lib = runpy.run_path(str(_BINDINGS))["lib"]

N_CTX, N_UBATCH, SEED = 4096, 128, 1


def open_model(path: str):
    lib.llama_log_set(QUIET, None)
    lib.llama_backend_init()
    model = lib.llama_model_load_from_file(os.fsencode(path), lib.llama_model_default_params())
    params = lib.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = N_CTX, N_UBATCH, N_UBATCH
    params.n_threads = params.n_threads_batch = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.no_perf = True
    return model, lib.llama_init_from_model(model, params)


def new_sampler(n_vocab: int):
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    for sampler in (
        lib.llama_sampler_init_penalties(n_vocab, 64, 1.1, 0.0, 0.0),
        lib.llama_sampler_init_top_k(40),
        lib.llama_sampler_init_top_p(0.95, 1),
        lib.llama_sampler_init_min_p(0.05, 1),
        lib.llama_sampler_init_temp(0.7),
        lib.llama_sampler_init_dist(SEED),
    ):
        lib.llama_sampler_chain_add(chain, sampler)
    return chain


def tokens_of(vocab, text: str) -> list[int]:
    data = text.encode()
    buffer = (lib.llama_token * (len(data) + 8))()
    return buffer[: lib.llama_tokenize(vocab, data, len(data), buffer, len(buffer), True, True)]


def decode(context, tokens: list[int]) -> None:
    for start in range(0, len(tokens), N_UBATCH):
        part = tokens[start : start + N_UBATCH]
        array = (lib.llama_token * len(part))(*part)
        if lib.llama_decode(context, lib.llama_batch_get_one(array, len(part))) != 0:
            raise SystemExit("llama_decode failed")


def measure_decode(path: str, n_tokens: int, prompt: str) -> float:
    model, context = open_model(path)
    vocab = lib.llama_model_get_vocab(model)
    sampler = new_sampler(lib.llama_vocab_n_tokens(vocab))
    decode(context, tokens_of(vocab, f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"))
    token = lib.llama_sampler_sample(sampler, context, -1)
    array = (lib.llama_token * 1)()
    started = time.perf_counter()
    for _ in range(n_tokens):
        array[0] = token
        lib.llama_decode(context, lib.llama_batch_get_one(array, 1))
        token = lib.llama_sampler_sample(sampler, context, -1)
    return n_tokens / (time.perf_counter() - started)


def measure_prefill(path: str, n_before: int, n_new: int, stay: bool = False) -> float:
    model, context = open_model(path)
    vocab = lib.llama_model_get_vocab(model)
    sampler = new_sampler(lib.llama_vocab_n_tokens(vocab))
    words = tokens_of(vocab, "The sailor looked at the sea and thought about the long way home. " * 400)
    decode(context, words[:n_before])
    lib.llama_sampler_sample(sampler, context, -1)
    started = time.perf_counter()
    decode(context, words[n_before : n_before + n_new])
    lib.llama_sampler_sample(sampler, context, -1)
    seconds = time.perf_counter() - started
    if stay:
        print(seconds, flush=True)
        sys.stdin.read()  # model and context are held until then
    return seconds


QUIET = lib.llama_log_callback(lambda *_: None)
if sys.argv[1] == "decode":
    print(measure_decode(sys.argv[2], int(sys.argv[3]), sys.argv[4]))
elif sys.argv[1] == "prefill":
    print(measure_prefill(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
else:
    measure_prefill(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), stay=True)
