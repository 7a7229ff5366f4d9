"""What all rows of the tryout are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devlib.console import Log

STARTER_QUESTION = "What is the capital of France?"
STARTER_ANSWER = "Paris"
"""What the starter model's reply must have in it."""


@dataclass(frozen=True)
class Trial:
    """What `dev.py bundle` made, and what to try it with.

    Attributes:
        root: the checkout.
        bundle: the one-dir bundle, as `build/bundle/LlamaDesk`.
        deb: the package for Debian.
        archive: the archive for any Linux.
        python: the interpreter of the checkout's environment, which has the native build of llama.cpp.
        log: takes what programs write.
    """

    root: Path
    bundle: Path
    deb: Path
    archive: Path
    python: Path
    log: Log
