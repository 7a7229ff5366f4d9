"""A desk for tests of the window: the real state and notices, and controls that write down what they are asked."""

from __future__ import annotations

from pathlib import Path

from library_stand_in import CatalogueStandIn, DownloadsStandIn
from PySide6.QtCore import QObject, Signal

from llamadesk.control.notices import Notices
from llamadesk.core.chat import ChatOptions, Conversation, ConversationId, Message, MessageId, Role, Status, Timestamp
from llamadesk.core.models import ModelFacts, ModelFamily, ModelFile
from llamadesk.core.protocol import Device, DeviceKind, LoadedModel
from llamadesk.core.settings import SETTINGS, Group
from llamadesk.core.start import StartMode
from llamadesk.state.context import ContextState
from llamadesk.state.conversations import ConversationListModel
from llamadesk.state.engine import EngineState, EngineStatus, Phase
from llamadesk.state.models import ModelShelf
from llamadesk.state.settings import SettingValues
from llamadesk.state.transcript import MessageListModel
from llamadesk.state.tuning import TuningState

GB = 1_000_000_000


class Asked:
    """What a control was asked, in order: (name of the method, its arguments)."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[object, ...]]] = []

    def note(self, name: str, *arguments: object) -> None:
        self.calls.append((name, arguments))

    def named(self, name: str) -> list[tuple[object, ...]]:
        return [arguments for called, arguments in self.calls if called == name]


class Chats(QObject):
    opened = Signal()
    options_changed = Signal()
    draft_changed = Signal(str)

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self._asked = asked
        self.draft = ""
        self.options = ChatOptions()

    def set_options(self, options: ChatOptions) -> None:
        self._asked.note("set_options", options)
        self.options = options
        self.options_changed.emit()

    def set_pinned(self, message_id: MessageId, pinned: bool) -> None:
        self._asked.note("set_pinned", message_id, pinned)

    def new_chat(self) -> None:
        self._asked.note("new_chat")

    def open(self, conversation_id: ConversationId) -> None:
        self._asked.note("open", conversation_id)

    def rename(self, conversation_id: ConversationId, title: str) -> None:
        self._asked.note("rename", conversation_id, title)

    def delete(self, conversation_id: ConversationId) -> None:
        self._asked.note("delete", conversation_id)

    def search(self, text: str) -> None:
        self._asked.note("search", text)

    def save_draft(self, text: str) -> None:
        self._asked.note("save_draft", text)


class Replies(QObject):
    busy_changed = Signal(bool)
    can_send_changed = Signal()
    send_refused = Signal(str)

    def __init__(self, asked: Asked, models: ModelShelf) -> None:
        super().__init__()
        self._asked = asked
        self._models = models
        self.busy = False

    @property
    def can_send(self) -> bool:
        return not self.busy and self._models.chosen is not None

    def send(self, text: str) -> None:
        self._asked.note("send", text)

    def stop(self) -> None:
        self._asked.note("stop")

    def can_continue(self, message: Message) -> bool:
        return not self.busy and message.status in (Status.CUT_OFF, Status.STOPPED, Status.INTERRUPTED)

    def continue_reply(self) -> None:
        self._asked.note("continue_reply")

    def be_busy(self, busy: bool) -> None:
        self.busy = busy
        self.busy_changed.emit(busy)
        self.can_send_changed.emit()


class Library(QObject):
    others_brought = Signal(object)
    models_folder = Path("models")

    def __init__(self, asked: Asked, settings: SettingValues) -> None:
        super().__init__()
        self._asked = asked
        self._settings = settings

    def choose_file(self, path: Path) -> None:
        self._asked.note("choose_file", path)

    def choose_family(self, name: str) -> None:
        self._asked.note("choose_family", name)

    def add_file(self, path: Path) -> None:
        self._asked.note("add_file", path)

    def take(self, paths: list[Path]) -> None:
        self._asked.note("take", paths)

    def add_folder(self, folder: Path) -> None:
        self._asked.note("add_folder", folder)

    def remove_folder(self, folder: Path) -> None:
        self._asked.note("remove_folder", folder)

    def forget_file(self, path: Path) -> None:
        self._asked.note("forget_file", path)

    def rescan(self) -> None:
        self._asked.note("rescan")

    def reload(self) -> None:
        self._asked.note("reload")

    def cancel_load(self) -> None:
        self._asked.note("cancel_load")

    def context_length(self, file: ModelFile) -> int:
        return min(self._settings.get("model.context_length", int) or 8192, file.facts.n_ctx_train)

    def memory_text(self, n_ctx: int, n_gpu_layers: int) -> str:
        vram = n_gpu_layers * 0.2 if n_gpu_layers > 0 else 0
        return f"VRAM {vram:.1f} of 12.0 GB, RAM {4 + n_ctx / 8192:.1f} of 16.0 GB: comfortable."

    def auto_layers(self) -> int:
        return 20

    def refresh_devices(self) -> None:
        self._asked.note("refresh_devices")


class Preferences(QObject):
    def __init__(self, asked: Asked, settings: SettingValues) -> None:
        super().__init__()
        self._asked = asked
        self._settings = settings

    def set(self, key: str, value: object) -> None:
        self._asked.note("set", key, value)
        self._settings.set(key, value)

    def reset(self, group: Group) -> None:
        self._asked.note("reset", group)
        for setting in SETTINGS.values():
            if setting.group is group:
                self._settings.set(setting.key, setting.default)


class Context(QObject):
    prompt_shown = Signal(object)

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self._asked = asked

    def show_prompt(self) -> None:
        self._asked.note("show_prompt")

    def set_summary(self, text: str) -> None:
        self._asked.note("set_summary", text)


class Tuning(QObject):
    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self._asked = asked
        self.state = TuningState()

    def measure_again(self) -> None:
        self._asked.note("measure_again")

    def use_defaults(self) -> None:
        self._asked.note("use_defaults")

    def stop(self) -> None:
        self._asked.note("stop_tuning")


class Diagnostics(QObject):
    collected = Signal(object)
    save_ended = Signal(str)

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self._asked = asked

    def collect(self) -> None:
        self._asked.note("collect")

    def save(self, path: Path, report: str) -> None:
        self._asked.note("save", path, report)


class Updates(QObject):
    checking_changed = Signal(bool)
    page_wanted = Signal(str)

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self._asked = asked

    def check_now(self) -> None:
        self._asked.note("check_now")


class StandInDesk(QObject):
    """Has what `llamadesk.control.desk.Desk` shows to the window."""

    def __init__(self, mode: StartMode | None = None) -> None:
        super().__init__()
        self.mode = mode or StartMode()
        self.asked = Asked()
        self.settings = SettingValues()
        self.engine = EngineState()
        self.transcript = MessageListModel()
        self.conversations = ConversationListModel()
        self.models = ModelShelf()
        self.notices = Notices()
        self.chats = Chats(self.asked)
        self.replies = Replies(self.asked, self.models)
        self.library = Library(self.asked, self.settings)
        self.context = Context(self.asked)
        self.context_state = ContextState()
        self.preferences = Preferences(self.asked, self.settings)
        self.tuning = Tuning(self.asked)
        self.diagnostics = Diagnostics(self.asked)
        self.updates = Updates(self.asked)
        self.catalogue = CatalogueStandIn(self.asked)
        self.downloads = DownloadsStandIn(self.asked)

    def with_model(self, *, gpu: bool = False) -> StandInDesk:
        """Choose and load the middle one of three quantizations of a model, beside another model."""
        families = (
            llama_family(),
            ModelFamily("SmolLM2 135M Instruct", (model_file("SmolLM2 135M Instruct", "Q4_1", 98_000_000),)),
        )
        self.models.set_families(families)
        self.models.choose(families[0].files[1])
        self.engine.set_devices(devices(gpu=gpu))
        facts = families[0].files[1].facts
        self.engine.set_model(
            LoadedModel(
                name="Llama 3.1 8B",
                path=str(families[0].files[1].path),
                description="llama 8B",
                n_layers=facts.n_layers,
                n_ctx=8192,
                n_ctx_train=facts.n_ctx_train,
                n_gpu_layers=33 if gpu else 0,
                n_params=facts.n_params,
                size_bytes=families[0].files[1].size_bytes,
                template_source="file",
            )
        )
        self.engine.set_status(EngineStatus(Phase.READY, tokens_per_second=58.2, n_past=1211, n_ctx=8192))
        return self


def devices(*, gpu: bool) -> tuple[Device, ...]:
    cpu = Device("CPU", "A processor", DeviceKind.CPU, 8 * GB, 16 * GB)
    card = Device("GPU0", "A graphics card", DeviceKind.GPU, 11 * GB, 12 * GB)
    return (cpu, card) if gpu else (cpu,)


def model_file(family: str, quantization: str, size: int) -> ModelFile:
    facts = ModelFacts(
        architecture="llama",
        name=family,
        quantization=quantization,
        n_layers=32,
        n_ctx_train=131_072,
        n_embd=4096,
        n_head=32,
        n_head_kv=8,
        d_head_k=128,
        d_head_v=128,
        n_vocab=128_256,
        n_params=8_030_000_000,
        tensor_bytes=size,
        repeating_bytes=size * 9 // 10,
        output_bytes=size // 20,
        has_chat_template=True,
    )
    return ModelFile(Path(f"/models/{family}.{quantization}.gguf"), family, size, 1, facts)


def llama_family() -> ModelFamily:
    sizes = (("Q4_K_M", 49), ("Q5_K_M", 57), ("Q8_0", 85))
    return ModelFamily("Llama 3.1 8B", tuple(model_file("Llama 3.1 8B", q, n * GB // 10) for q, n in sizes))


def conversation(number: int, title: str, updated_at: int, draft: str = "") -> Conversation:
    return Conversation(ConversationId(number), title, Timestamp(updated_at), Timestamp(updated_at), draft=draft)


def message(number: int, role: Role, content: str, status: Status = Status.COMPLETE) -> Message:
    return Message(MessageId(number), ConversationId(1), None, role, content, status, Timestamp(1_700_000_000_000))
