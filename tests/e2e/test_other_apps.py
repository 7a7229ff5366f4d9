"""Models that other apps left on the computer, used where they lie, in the real window."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from model_trees import OllamaTree
from tiny_models import TinyModel, write_tiny_llama

from tests.e2e.window import Window

WITHOUT_STARTER = ("-P", str(Path(__file__).with_name("without_starter.py")))
OFFERED = ("Use it: Zebra 7B F16", "Use it: Giraffe 1B F16")
LISTED = ("Use: Zebra 7B F16", "Use: Giraffe 1B F16")
ALL = "All of them (2): the models on this computer"


def files_below(folder: Path) -> dict[Path, tuple[int, int]]:
    found = {path: path.stat() for path in folder.rglob("*") if path.is_file()}
    return {path: (status.st_mtime_ns, status.st_ino) for path, status in found.items()}


@pytest.mark.timeout(300)
def test_from_an_empty_chat_to_one_with_a_model_of_another_app(desktop: Mapping[str, str], tmp_path: Path) -> None:
    home = tmp_path / "home"
    studio = home / ".lmstudio" / "models" / "publisher" / "Zebra-7B-GGUF"
    studio.mkdir(parents=True)
    write_tiny_llama(studio / "Zebra-7B-F16.gguf", TinyModel(seed=1))
    weights = write_tiny_llama(tmp_path / "weights.gguf", TinyModel(seed=2))
    OllamaTree(home / ".ollama" / "models").add("registry.ollama.ai/library/giraffe/1b", weights)
    before = files_below(home / ".lmstudio") | files_below(home / ".ollama")

    env = {**desktop, "HOME": str(home)}
    with Window(env, tmp_path / "data", program=WITHOUT_STARTER) as window:
        window.wait_until("both models", lambda: all(window.names(offer) for offer in OFFERED))
        assert window.status() == "No model"  # nothing is loaded unasked
        window.press(ALL)
        window.wait_until("both in the list of all", lambda: all(window.names(act) for act in LISTED))
        for act, name in ((OFFERED[0], "Zebra"), (LISTED[1], "Giraffe")):
            window.press(act)
            window.wait_until(name, lambda name=name: name in window.model())  # type: ignore[misc]
            window.wait_ready()
            window.send(f"Hello, {name}!")
            window.wait_reply_ended()
        window.close()
    assert files_below(home / ".lmstudio") | files_below(home / ".ollama") == before
    assert not list((tmp_path / "data").rglob("*.gguf"))
