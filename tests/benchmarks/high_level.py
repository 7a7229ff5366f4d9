"""The high-level `llama_cpp.Llama`, as its own examples use it, for comparison.

    high_level.py MODEL N_TOKENS N_CTX    the prompt on standard input; prints {"prefill": ..., "decode": ...}

Both are tokens per second; those written are counted from the first one on.
"""

from __future__ import annotations

import json
import sys
import time

from llama_cpp import Llama

path, n_tokens, n_ctx = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
prompt = sys.stdin.read()
llama = Llama(path, n_ctx=n_ctx, verbose=False)
n_prompt = len(llama.tokenize(prompt.encode()))
llama.create_completion("Hello", max_tokens=1)
started = time.perf_counter()
times = []
for _ in llama.create_completion(prompt, max_tokens=n_tokens, stream=True, seed=1):
    times.append(time.perf_counter())
answer = {
    "prefill": n_prompt / (times[0] - started),
    "decode": (llama.n_tokens - n_prompt) / (times[-1] - times[0]),  # the last token written is not read again
}
print(json.dumps(answer))
