"""What reading a model's facts costs a process that has read none yet.

    header_facts.py MODEL    seconds, and the bytes that the process held at most above those before, as JSON

`llamadesk` has to be on the path.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

from llamadesk.core.gguf import read_facts

_FORGET_PEAK = "5"


def held(field: str) -> int:
    """Bytes of this process by one of the kernel's counts: VmRSS is now, VmHWM the most since it was forgotten."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return 1024 * int(found[1])


model = Path(sys.argv[1])
Path("/proc/self/clear_refs").write_text(_FORGET_PEAK, encoding="utf-8")
before = held("VmRSS")
started = time.perf_counter()
facts = read_facts(model)
seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "bytes": held("VmHWM") - before, "n_vocab": facts.n_vocab}))
