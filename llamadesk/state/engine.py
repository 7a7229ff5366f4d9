"""What the engine is doing, as the status line and the settings pane show it."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from PySide6.QtCore import QObject, Signal

from llamadesk.core.devices import usable_gpus
from llamadesk.core.protocol import Accelerator, Device, LoadedModel


class Phase(StrEnum):
    """The first words of the status line are a contract with tests from outside and with screen readers."""

    NO_MODEL = "No model"
    LOADING = "Loading..."
    READY = "Ready"
    READING = "Reading..."
    GENERATING = "Generating..."
    STOPPED = "Stopped"
    RESTING = "Resting"


class EngineStatus(msgspec.Struct, frozen=True):
    """One moment of the engine.

    Attributes:
        phase: what it does.
        fraction: how far a load or the reading of a prompt is, 0 to 1; 0 elsewhere.
        reason: why it is stopped, in words.
        tokens_per_second: of the reply that is written or was written last; 0.0 where there is none.
        n_past, n_ctx: tokens of the context that are used and that there are; 0 where nothing is loaded.
    """

    phase: Phase = Phase.NO_MODEL
    fraction: float = 0.0
    reason: str = ""
    tokens_per_second: float = 0.0
    n_past: int = 0
    n_ctx: int = 0

    @property
    def text(self) -> str:
        """The state in words, as the label "Engine status" shows it."""
        if self.phase is Phase.STOPPED:
            return f"Stopped: {self.reason}"
        if self.phase is Phase.RESTING:
            return "Stopped: resting, loads again with your next message"
        return self.phase.value

    @property
    def busy(self) -> bool:
        """Whether a reply is under way."""
        return self.phase in (Phase.READING, Phase.GENERATING)


class EngineState(QObject):
    """The engine's status, the model it has loaded and the devices it knows."""

    status_changed = Signal()
    model_changed = Signal()
    devices_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._status = EngineStatus()
        self._model: LoadedModel | None = None
        self._devices: tuple[Device, ...] = ()
        self._accelerators: tuple[Accelerator, ...] = ()
        self.cpu_features: frozenset[str] = frozenset()
        """What llama.cpp uses of the processor."""

    @property
    def status(self) -> EngineStatus:
        """What the engine does now."""
        return self._status

    @property
    def model(self) -> LoadedModel | None:
        """The model that is loaded."""
        return self._model

    @property
    def devices(self) -> tuple[Device, ...]:
        """What can compute here, with the memory that a model could have; empty until the engine said so."""
        return self._devices

    @property
    def accelerators(self) -> tuple[Accelerator, ...]:
        """The modules that make GPUs usable, whether they work or not."""
        return self._accelerators

    @property
    def gpus(self) -> tuple[Device, ...]:
        """The devices that layers can be offloaded to."""
        return usable_gpus(self._devices)

    def set_status(self, status: EngineStatus) -> None:
        """Show another status."""
        if status != self._status:
            self._status = status
            self.status_changed.emit()

    def set_model(self, model: LoadedModel | None) -> None:
        """Another model is loaded, or none."""
        if model != self._model:
            self._model = model
            self.model_changed.emit()

    def set_devices(self, devices: tuple[Device, ...], accelerators: tuple[Accelerator, ...] = ()) -> None:
        """The engine named its devices, and what became of the modules that make GPUs usable."""
        if (devices, accelerators) != (self._devices, self._accelerators):
            self._devices, self._accelerators = devices, accelerators
            self.devices_changed.emit()
