"""A model file's own page: what is known of it, and what a person can do with it there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from PySide6.QtCore import QObject

from llamadesk.control.answers import EngineAnswers
from llamadesk.control.library import ModelControl
from llamadesk.control.models.file_check import FileChecker
from llamadesk.control.models.trash import hindrance, move_to_trash, owner_of
from llamadesk.control.notices import NoticeKind
from llamadesk.control.preferences import PreferenceControl
from llamadesk.control.rooms import Rooms
from llamadesk.control.upkeep import Upkeep
from llamadesk.core.chat import Role
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.fingerprint import fingerprint
from llamadesk.core.gguf_header import file_problem
from llamadesk.core.gguf_raw import TEMPLATE_KEY, long_text, raw_values
from llamadesk.core.gguf_sets import part_paths, read_whole_header
from llamadesk.core.model_page import (
    CheckStage,
    Fact,
    FileCheck,
    ModelPage,
    about,
    history,
    licence,
    origin,
    place,
)
from llamadesk.core.models import ModelFile
from llamadesk.core.moments import moment_text
from llamadesk.core.places import paths_from
from llamadesk.core.protocol import Prompt, Turn
from llamadesk.core.quantize import origin_of
from llamadesk.core.settings import MODEL_FOLDERS, MODEL_PATH
from llamadesk.state.engine import EngineStatus, Phase
from llamadesk.state.model_page import ModelPageState, TemplatePreview

SAMPLE_CHAT: Final = (
    Turn(Role.SYSTEM, "You answer in one sentence."),
    Turn(Role.USER, "Hello! Who are you?"),
    Turn(Role.ASSISTANT, "I am the model on this page."),
    Turn(Role.USER, "What is the capital of France?"),
)
"""By which a template is shown at work."""

InUse = Callable[[Path], str]
"""What a file is needed for at the moment beside chatting, in a sentence; "" for nothing."""


class ModelPageControl(QObject):
    """Shows one page at a time.

    Attributes:
        state: the page, and what is being done there.
        own_defaults: what the person chose for one model alone.
    """

    def __init__(
        self,
        rooms: Rooms,
        library: ModelControl,
        preferences: PreferenceControl,
        upkeep: Upkeep,
        download_records: Path,
        in_use: InUse,
        parent: QObject | None = None,
    ) -> None:
        """As `llamadesk.control.desk` makes it.

        Args:
            upkeep: has what was learned of files by their contents.
            download_records: the folder in which downloads keep what they know of finished files.
            in_use: what else needs a file.
        """
        super().__init__(parent)
        self.state = ModelPageState(self)
        self._rooms = rooms
        self._library = library
        self._preferences = preferences
        self._fingerprints = upkeep.fingerprints
        self._records = upkeep.records
        self.own_defaults = upkeep.own_defaults
        self._in_use = in_use
        self._checker = FileChecker(rooms, self.state, download_records, self)
        self._answers = EngineAnswers(rooms.client, self)

    def end(self) -> None:
        """The app ends: nothing is read any more."""
        self._checker.stop()

    # --- The page ---

    def open(self, path: Path) -> None:
        """Show the page of a file, read anew."""
        if path != self.state.path:
            self._checker.stop()
            self.state.show(path)
        self.state.show_trouble(None)
        self._rooms.tasks.start(self._open(path))

    async def _open(self, path: Path) -> None:
        page: ModelPage | None = None
        problem: Problem | None = None
        check: FileCheck | None = None
        try:
            page = await self.page(path)
            check = await self._checker.kept(page)
        except ProblemError as error:
            problem = error.problem
        if self.state.path == path:
            self.state.show(path, page, problem)
            if self.state.check is None or self.state.check.stage is not CheckStage.READING:
                self.state.show_check(check)

    async def page(self, path: Path) -> ModelPage:
        """What is known of the model at `path`; for a part of a set, of the whole.

        Raises:
            ProblemError: as `llamadesk.library.scan.read_model`.
        """
        page = await self._rooms.tasks.read(_read, path, self._own_folders())
        known = self._known(page.file)
        if known is not None:
            page = msgspec.structs.replace(page, file=known)
        self._fingerprints.note(page.file, page.fingerprint)
        return page

    def fits(self, file: ModelFile) -> str:
        """What the model takes of this computer under the settings of now, and whether that is there, in words."""
        settings = self._library.wishes.settings(file)
        words = self._library.wishes.memory_text(file, settings.n_ctx, settings.n_gpu_layers, with_speed=False)
        return f"With a context of {settings.n_ctx:,} tokens: {words}"

    def history(self, file: ModelFile) -> tuple[Fact, ...]:
        """How it did here; empty where it was never loaded."""
        return history(self._records.all_of(file))

    # --- What can be done ---

    def use(self, file: ModelFile) -> None:
        """Chat with it from now on."""
        if self._rooms.models.file_at(file.path) is not None:
            self._library.choose_file(file.path)
        else:
            self._library.add_file(file.path)

    def is_chosen(self, file: ModelFile) -> bool:
        """Whether it is the model that answers."""
        return self._is_chosen(file.path)

    def verify(self, path: Path) -> None:
        """Read the model whose page is shown from beginning to end and compare it with what is known of it."""
        page = self.state.page
        if page is not None and self.state.path == path:
            self._checker.start(page)

    def stop_verifying(self) -> None:
        """End that."""
        self._checker.stop()

    def preview(self) -> None:
        """Have the engine show a small chat as the model on the page would see it."""
        page = self.state.page
        if page is not None and not self.state.preview.is_asked:
            self.state.show_preview(TemplatePreview(is_asked=True))
            self._rooms.tasks.start(self._preview(page.file))

    async def _preview(self, file: ModelFile) -> None:
        model = self._rooms.engine.model
        is_loaded = model is not None and model.path == str(file.path)
        request_id = self._rooms.client.show_prompt(
            Prompt(list(SAMPLE_CHAT)),
            model_path="" if is_loaded else str(file.path),
            n_ctx=self._library.context_length(file),
        )
        try:
            shown = await self._answers.prompt_shown(request_id)
            preview = TemplatePreview(pieces=tuple(shown.pieces))
        except ProblemError as error:
            preview = TemplatePreview(problem=error.problem)
        if self.state.page is not None and self.state.page.file.path == file.path:
            self.state.show_preview(preview)

    def move_to_trash(self, path: Path) -> None:
        """Put the model whose page is shown, all of its files, into the system's trash; or the file that is damaged and
        has no page. What hinders it is shown there."""
        page = self.state.page
        if self.state.path == path:
            files = page.parts if page is not None else (path,)
            self._rooms.tasks.start(self._move_to_trash(files))

    async def _move_to_trash(self, files: Sequence[Path]) -> None:
        """`files`: of one model; it is known by the first."""
        self.state.show_trouble(None)
        path = files[0]
        try:
            self._refuse_if_used(files)
            problem = await self._rooms.tasks.read(hindrance, path, self._own_folders())
            if problem is not None:
                raise ProblemError(problem)
            self._refuse_if_used(files)  # it may have been chosen meanwhile
            await self._rooms.tasks.read(move_to_trash, files)
        except ProblemError as error:
            self.state.show_trouble(error.problem)
            return
        self._forget(path)
        self._rooms.notices.post(NoticeKind.INFO, f"“{path.name}” is in the trash.")
        self._library.rescan()

    def _refuse_if_used(self, files: Sequence[Path]) -> None:
        """Raises ProblemError where a file is needed."""
        check = self.state.check
        phase = self._rooms.engine.status.phase
        if self._is_chosen(files[0]) and phase not in (Phase.STOPPED, Phase.NO_MODEL):
            raise _used("This is the model in use.", "Choose another one first.")
        if check is not None and check.stage is CheckStage.READING:
            raise _used("The file is being checked.", "Wait until that is done, or stop it.")
        for file in files:
            if reason := self._in_use(file):
                raise _used(reason, "Wait until that is done, or stop it.")

    def _forget(self, path: Path) -> None:
        """Nothing leads to a file that is gone."""
        if self._is_chosen(path):
            self._rooms.models.choose(None)
            self._preferences.set(MODEL_PATH, "")
            self._rooms.engine.set_status(EngineStatus(Phase.NO_MODEL))
        page = self.state.page
        if path == (self.state.path if page is None else page.file.path):
            self.state.show(None)

    def _is_chosen(self, path: Path) -> bool:
        chosen = self._rooms.models.chosen
        return chosen is not None and chosen.path == path

    def _known(self, file: ModelFile) -> ModelFile | None:
        """The same file as it is on the shelf, where names that only a scan knows are given."""
        chosen = self._rooms.models.chosen
        candidates = (self._rooms.models.file_at(file.path), chosen if self.is_chosen(file) else None)
        same = (file.size_bytes, file.modified_ns)
        return next((each for each in candidates if each and (each.size_bytes, each.modified_ns) == same), None)

    def _own_folders(self) -> tuple[Path, ...]:
        return (self._library.models_folder, *paths_from(self._rooms.settings.get(MODEL_FOLDERS, str)))


def _used(title: str, advice: str) -> ProblemError:
    return ProblemError(Problem(ProblemCode.TRASH_REFUSED, title, advice))


# --- Blocking, on another thread --------------------------------------------------------------------------------------


def _read(path: Path, own_folders: Sequence[Path]) -> ModelPage:
    from llamadesk.library.scan import read_model  # noqa: PLC0415 - the thread that reads imports it

    file = read_model(path)
    header = read_whole_header(file.path)
    raw = raw_values(file.path)
    parts = _parts(file)
    try:
        really_at = file.path.resolve()
        named = fingerprint(file.path)
    except (OSError, ValueError) as error:
        raise ProblemError(file_problem(file.path, error)) from error
    return ModelPage(
        file=file,
        parts=parts,
        about=about(file, len(parts)),
        licence=licence(raw),
        origin=origin(raw, origin_of(header)),
        place=place(parts, really_at, owner_of(really_at), moment_text(file.modified_ns / 1e9)),
        template=long_text(file.path, TEMPLATE_KEY),
        raw=tuple(raw),
        fingerprint=named,
        stays=hindrance(file.path, own_folders),
    )


def _parts(file: ModelFile) -> tuple[Path, ...]:
    """The files that the model's size is made of: a name alone may lie."""
    parts = part_paths(file.path)
    return parts if len(parts) > 1 and all(part.is_file() for part in parts) else (file.path,)
