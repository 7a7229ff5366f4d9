"""The whole desk on the portable build with Mesa's software driver of Vulkan as its graphics card.

LLAMADESK_PORTABLE_ENGINE says where the build is: a folder with the package llama_cpp in it. Without it, or without the
driver, there is nothing to test here.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from llamadesk.bridge.client import EngineCommand, engine_command
from llamadesk.control.desk import Desk
from llamadesk.core.chat import Status
from llamadesk.core.protocol import ENGINE_FLAG
from llamadesk.core.settings import AUTO_GPU_LAYERS, CONTEXT_LENGTH, GPU_LAYERS, MAX_TOKENS
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver

PORTABLE = os.environ.get("LLAMADESK_PORTABLE_ENGINE", "")
DRIVERS = sorted(Path("/usr/share/vulkan/icd.d").glob("lvp_icd*.json"))
pytestmark = [
    pytest.mark.skipif(not Path(PORTABLE).is_dir() or not PORTABLE, reason="no portable build"),
    pytest.mark.skipif(not DRIVERS, reason="needs Mesa's software driver of Vulkan (Debian: mesa-vulkan-drivers)"),
    pytest.mark.timeout(600),
]
PATIENCE_SECONDS = 300


def on_software_card(**more: str) -> EngineCommand:
    command = engine_command()
    env = {
        "PYTHONPATH": os.pathsep.join([command.env["PYTHONPATH"], str(Path(PORTABLE).resolve())]),
        "GGML_VK_VISIBLE_DEVICES": "0",
        "GGML_VK_DISABLE_F16": "1",
        "GGML_VK_DISABLE_COOPMAT": "1",
        "VK_DRIVER_FILES": str(DRIVERS[0]),
        "VK_ICD_FILENAMES": str(DRIVERS[0]),
    }
    return EngineCommand(command.argv, command.env | env | more)


def until(driver: DeskDriver, condition: Callable[[], object]) -> None:
    """Like the driver's, and far more patient: this card takes many seconds for its first token."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, driver.notices
        driver.pause(0.2)


def settled(driver: DeskDriver, desk: Desk) -> None:
    until(driver, lambda: desk.engine.status.phase in (Phase.READY, Phase.STOPPED))
    assert desk.engine.status.phase is Phase.READY, driver.notices


def short_replies(desk: Desk) -> None:
    desk.preferences.set(MAX_TOKENS, 3)


def test_all_layers_go_to_the_card_by_themselves(driver: DeskDriver) -> None:
    desk = driver.open(on_software_card(), before=short_replies)
    settled(driver, desk)
    assert desk.models.chosen is not None and desk.engine.model is not None
    assert desk.engine.model.n_gpu_layers == desk.models.chosen.facts.n_layers + 1
    assert len(desk.engine.gpus) == 1
    text = desk.library.memory_text(1024, 31)
    assert text.startswith("VRAM ") and "RAM " in text
    desk.replies.send("Hello?")
    until(driver, lambda: not desk.replies.busy)
    assert desk.transcript.message(1).status in (Status.COMPLETE, Status.CUT_OFF)
    assert driver.notices == []


@pytest.mark.allow_log("load_failed", "engine_lost", "llamadesk.bridge")
def test_a_card_that_vanishes_during_a_reply_leaves_the_processor(driver: DeskDriver, tmp_path: Path) -> None:
    manifest = tmp_path / "card.json"
    shutil.copy(DRIVERS[0], manifest)
    card = {"VK_DRIVER_FILES": str(manifest), "VK_ICD_FILENAMES": str(manifest)}
    desk = driver.open(on_software_card(**card), before=lambda desk: desk.preferences.set(CONTEXT_LENGTH, 512))
    settled(driver, desk)
    assert desk.engine.model is not None and desk.engine.model.n_gpu_layers > 0
    desk.replies.send("Tell me a long story about a llama.")
    until(driver, lambda: desk.engine.status.phase is Phase.GENERATING)
    manifest.unlink()
    for child in psutil.Process().children():
        if ENGINE_FLAG in child.cmdline():
            child.kill()
    until(driver, lambda: not desk.replies.busy)
    until(driver, lambda: driver.notices)
    settled(driver, desk)
    assert desk.engine.gpus == ()
    assert desk.engine.model is not None and desk.engine.model.n_gpu_layers == 0
    assert "on the processor alone" in driver.notices[-1].text
    short_replies(desk)
    desk.replies.send("Are you there?")
    until(driver, lambda: not desk.replies.busy)
    assert desk.transcript.messages()[-1].status in (Status.COMPLETE, Status.CUT_OFF)
    assert desk.settings.get(GPU_LAYERS, int) == AUTO_GPU_LAYERS  # as it was
