"""The rows of the settings pane that depend on the model: which one, GPU layers, context length."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from llamadesk.core.protocol import Accelerator, AcceleratorState
from llamadesk.core.settings import ALL_GPU_LAYERS, AUTO_GPU_LAYERS, CONTEXT_LENGTH, GPU_LAYERS, SETTINGS, Needs
from llamadesk.core.sizes import bytes_text
from llamadesk.ui.devices import DeviceList
from llamadesk.ui.fields import Combo, WheelGuard
from llamadesk.ui.setting_rows import SliderRow, own_words
from llamadesk.ui.shortcuts import Act, hint
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import label, plain_tip

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

MIN_CONTEXT = 512
_NO_GPU = "No graphics card was found that the model could use, so the processor does all the work."
_NO_MODEL = "Choose a model first."


def _why_no_gpu(accelerators: Iterable[Accelerator]) -> str:
    """In the words of the modules that know more than that they found none."""
    known = [each.explanation for each in accelerators if each.state is not AcceleratorState.NONE]
    return " ".join(known) or _NO_GPU


class ModelChooser(QWidget):
    """The combo boxes "Model" and "Quantization", and ways to get more models."""

    open_file_asked = Signal()
    open_folder_asked = Signal()
    library_asked = Signal()

    def __init__(self, desk: Desk, theme: ThemeManager) -> None:
        super().__init__()
        self._desk = desk
        guard = WheelGuard(self)
        self.model_combo, self.quantization_combo = Combo(theme), Combo(theme)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for words, combo in (("Model", self.model_combo), ("Quantization", self.quantization_combo)):
            name = label(words, "field")
            name.setBuddy(combo)
            combo.setAccessibleName(words)
            combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            combo.installEventFilter(guard)
            layout.addWidget(name)
            layout.addWidget(combo)
            layout.addSpacing(4)
        layout.addWidget(
            label(
                "How strongly the model is compressed. Smaller is faster and needs less memory; larger answers a "
                "little better. Reloads the model.",
                "small",
                wrap=True,
            )
        )
        layout.addSpacing(4)
        buttons = QHBoxLayout()
        for words, asked in (("Open a model file…", self.open_file_asked), ("Models folder", self.open_folder_asked)):
            button = QPushButton(words)
            button.clicked.connect(asked)
            buttons.addWidget(button)
        layout.addLayout(buttons)
        more = QPushButton("All models…")
        more.setToolTip(hint(Act.LIBRARY))
        more.clicked.connect(self.library_asked)
        layout.addWidget(more)
        desk.models.families_changed.connect(self._show)
        desk.models.chosen_changed.connect(self._show)
        self._show()
        self.model_combo.currentIndexChanged.connect(self._choose_family)
        self.quantization_combo.currentIndexChanged.connect(self._choose_file)

    def _show(self) -> None:
        models = self._desk.models
        chosen, family = models.chosen, models.chosen_family
        names = [f.name for f in models.families]
        if chosen is not None and chosen.family not in names:
            names.append(chosen.family)  # the scan has not seen it yet
        _fill(self.model_combo, [(name, name) for name in names], chosen.family if chosen else None)
        files = family.files if family else (chosen,) if chosen else ()
        _fill(
            self.quantization_combo,
            [(f"{f.facts.quantization or 'Unknown'}  ·  {bytes_text(f.size_bytes)}", str(f.path)) for f in files],
            str(chosen.path) if chosen else None,
        )
        for combo, file in ((self.model_combo, chosen), (self.quantization_combo, chosen)):
            combo.setToolTip(plain_tip(str(file.path)) if file else _NO_MODEL)

    def _choose_family(self, index: int) -> None:
        name = self.model_combo.data_at(index)
        if name is not None:
            self._desk.library.choose_family(name)

    def _choose_file(self, index: int) -> None:
        models, path = self._desk.models, self.quantization_combo.data_at(index)
        for file in models.chosen_family.files if models.chosen_family else ():
            if str(file.path) == path:
                self._desk.library.choose_file(file.path)


def _fill(combo: Combo, entries: Sequence[tuple[str, str]], current: str | None) -> None:
    with QSignalBlocker(combo):
        combo.show_entries(entries, current)


class _ModelSliderRow(SliderRow):
    """A slider whose bounds are the chosen model's, and a line that tells what each position takes."""

    def __init__(self, key: str, desk: Desk) -> None:
        super().__init__(SETTINGS[key], desk)
        desk.models.chosen_changed.connect(self.refresh)
        desk.engine.devices_changed.connect(self.refresh)
        desk.settings.changed.connect(self._on_other_changed)
        self.refresh()

    def _on_other_changed(self, key: str) -> None:
        if key != self.setting.key and SETTINGS[key].needs is Needs.LOAD:
            self.show_value()

    def refresh(self) -> None:
        """The model or the devices are others now."""
        with QSignalBlocker(self._slider):
            self.set_bounds()
        self.show_value()


class GpuLayersRow(_ModelSliderRow):
    """From none to all layers of the model, the output layer among them; as many as fit until the person chooses. Below
    it stands what there is to compute with."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(GPU_LAYERS, desk)
        layout = self.layout()
        if layout is not None:
            layout.addWidget(DeviceList(desk))

    def set_bounds(self) -> None:
        """See SliderRow."""
        chosen = self._desk.models.chosen
        self._slider.setRange(0, chosen.facts.n_layers + 1 if chosen else 0)
        self._slider.setPageStep(4)
        engine = self._desk.engine
        reason = _NO_MODEL if chosen is None else "" if engine.gpus else _why_no_gpu(engine.accelerators)
        self._slider.setEnabled(not reason)
        self._slider.setToolTip(reason)

    def to_slider(self) -> int:
        """All layers, however many they are, are the slider's end; without a GPU none is offloaded."""
        if not self._desk.engine.gpus:
            return 0
        layers = self._desk.settings.get(GPU_LAYERS, int)
        if layers == AUTO_GPU_LAYERS:
            return self._desk.library.auto_layers()
        return self._slider.maximum() if layers == ALL_GPU_LAYERS else layers

    def from_slider(self, position: int) -> int:
        """See SliderRow."""
        return ALL_GPU_LAYERS if position == self._slider.maximum() else position

    def words(self, position: int) -> str:
        """See SliderRow."""
        every = self._slider.maximum()
        if every == 0:
            return ""
        count = f"All {every}" if position == every else f"{position} of {every}" if position else f"None of {every}"
        if not self._slider.isEnabled():
            return count
        is_auto = self._desk.settings.get(GPU_LAYERS, int) == AUTO_GPU_LAYERS and position == self.to_slider()
        return f"Automatic: {count[0].lower() + count[1:]} layers" if is_auto else f"{count} layers"

    def _show_words(self) -> None:
        super()._show_words()
        chosen, library = self._desk.models.chosen, self._desk.library
        if chosen is None or not self._slider.isEnabled():
            self.say(self._slider.toolTip())
            self._slider.setAccessibleDescription(self._slider.toolTip())
        else:
            self.say(library.memory_text(library.context_length(chosen), self._slider.value()))


class ContextRow(_ModelSliderRow):
    """From 512 tokens to the context the model was trained for, in steps, with what it costs in memory."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(CONTEXT_LENGTH, desk)

    def set_bounds(self) -> None:
        """See SliderRow."""
        chosen = self._desk.models.chosen
        trained = chosen.facts.n_ctx_train if chosen else 0
        self._slider.setRange(min(MIN_CONTEXT, trained) if trained else MIN_CONTEXT, max(trained, MIN_CONTEXT))
        self._slider.setSingleStep(int(self.setting.step))
        self._slider.setPageStep(int(self.setting.step) * 4)
        own = self._desk.settings.own(self.setting.key)
        self._slider.setEnabled(chosen is not None and own is None)
        self._slider.setToolTip(_NO_MODEL if chosen is None else "" if own is None else own_words(self.setting, own))

    def _on_changed(self, key: str) -> None:
        if key == self.setting.key:
            self.refresh()  # whether it can be moved as well
        super()._on_changed(key)

    def to_slider(self) -> int:
        """The context the chosen model is loaded with."""
        chosen = self._desk.models.chosen
        return self._desk.library.context_length(chosen) if chosen else MIN_CONTEXT

    def from_slider(self, position: int) -> int:
        """The nearest step; the end of the slider is the trained length itself."""
        step = int(self.setting.step)
        nearest = round(position / step) * step
        return max(self._slider.minimum(), min(nearest, self._slider.maximum()))

    def words(self, position: int) -> str:
        """See SliderRow."""
        if self._desk.models.chosen is None:
            return ""
        return f"{position:,} of {self._slider.maximum():,} tokens"

    def _on_slid(self, position: int) -> None:
        snapped = self.from_slider(position)
        if snapped != position:
            self._slider.setValue(snapped)  # comes back here
        else:
            super()._on_slid(position)

    def _show_words(self) -> None:
        super()._show_words()
        if self._desk.models.chosen is not None:
            layers = self._desk.settings.get(GPU_LAYERS, int)
            self.say(self._desk.library.memory_text(self._slider.value(), layers))
        else:
            self.say(_NO_MODEL)
