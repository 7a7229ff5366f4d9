"""What was found on the hub of models, and the page of one of them, as the window shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QObject, Signal

from llamadesk.core.errors import Problem
from llamadesk.core.hub import HubFile, HubModel, HubModelPage, TokenPlace
from llamadesk.core.hub_fit import HubFit
from llamadesk.core.models import ModelFacts


class HubState(QObject):
    """A search with its results, and one page.

    Attributes:
        host: the name of the hub that is asked.
        query: what was searched for; "" before the first search.
        results: what was found.
        is_searching: whether the answer is still awaited.
        problem: why there is none.
        repository: the page that is shown or opened ("owner/name"); "" for none.
        page: what the hub says of it; None until it has answered.
        files: what can be downloaded there, in the order of the table.
        is_opening: whether the page or its files are still awaited.
        page_problem: why they did not come.
        facts: by path, what the headers of files say that were looked into.
        looking: the paths of those that are being looked into.
        file_problems: by path, why that failed.
        fits: by path, whether each file fits here, as far as that is known.
        refusal: the publisher lets only some people in, and this person is not among them yet.
        has_token: whether the hub is shown an access token.
        token_place: where that is kept, in words.
        can_forget_token: whether it was entered here, so that it can be forgotten here.
        keeps_tokens: whether there is a keyring; None until that was tried.
        token_problem: why the last one that was entered was not taken.
    """

    results_changed = Signal()
    page_changed = Signal()
    """The page, its files, or whether they are awaited."""
    facts_changed = Signal()
    """What is known of the files of the page."""
    token_changed = Signal()
    """Another token is used, or it is kept elsewhere."""

    def __init__(self, host: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.host = host
        self.query = ""
        self.results: tuple[HubModel, ...] = ()
        self.is_searching = False
        self.problem: Problem | None = None
        self.has_token = False
        self.token_place = TokenPlace.NOWHERE
        self.can_forget_token = False
        self.keeps_tokens: bool | None = None
        self.token_problem: Problem | None = None
        self._token_number = 0
        self._forget_page("")

    def _forget_page(self, repository: str) -> None:
        self.repository = repository
        self.page: HubModelPage | None = None
        self.files: tuple[HubFile, ...] = ()
        self.is_opening = False
        self.page_problem: Problem | None = None
        self._forget_files()

    def _forget_files(self) -> None:
        self.facts: dict[str, ModelFacts] = {}
        self.looking: frozenset[str] = frozenset()
        self.file_problems: dict[str, Problem] = {}
        self.fits: dict[str, HubFit] = {}
        self.refusal: Problem | None = None

    # --- The search ---

    def begin_search(self, query: str) -> None:
        """The hub was asked; what was found before stays until it answers."""
        self.query, self.is_searching, self.problem = query, True, None
        self.results_changed.emit()

    def end_search(self, results: Sequence[HubModel] = (), problem: Problem | None = None) -> None:
        """The hub answered, or did not."""
        self.results, self.is_searching, self.problem = tuple(results), False, problem
        self.results_changed.emit()

    def clear_search(self) -> None:
        """Nothing is searched for."""
        self.query = ""
        self.end_search()

    # --- The page ---

    def begin_page(self, repository: str) -> None:
        """A page was asked for; "" closes it."""
        self._forget_page(repository)
        self.is_opening = bool(repository)
        self.page_changed.emit()

    def show_page(self, page: HubModelPage) -> None:
        """What the hub says of the repository; its files are still awaited."""
        self.page = page
        self.page_changed.emit()

    def show_files(self, files: Sequence[HubFile], fits: Mapping[str, HubFit]) -> None:
        """What can be downloaded there."""
        self.files, self.fits, self.is_opening = tuple(files), dict(fits), False
        self.page_changed.emit()

    def fail_page(self, problem: Problem) -> None:
        """The page, or the list of its files, did not come."""
        self.page_problem, self.is_opening = problem, False
        self.page_changed.emit()

    # --- Its files ---

    def begin_look(self, path: str) -> None:
        """A file's header is being read."""
        self.looking |= {path}
        self.file_problems.pop(path, None)
        self.facts_changed.emit()

    def end_look(self, path: str, facts: ModelFacts) -> None:
        """What it says. Whether files fit follows by `set_fits`."""
        self.looking -= {path}
        self.facts[path] = facts
        self.refusal = None
        self.facts_changed.emit()

    def fail_look(self, path: str, problem: Problem, *, is_refused: bool) -> None:
        """It could not be read."""
        self.looking -= {path}
        self.file_problems[path] = problem
        if is_refused:
            self.refusal = problem
        self.facts_changed.emit()

    def set_fits(self, fits: Mapping[str, HubFit]) -> None:
        """Whether each file fits, with what is known now."""
        self.fits = dict(fits)
        self.facts_changed.emit()

    def forget_refusals(self) -> None:
        """The person is another one to the hub now: what was refused may be allowed."""
        self.file_problems, self.refusal = {}, None
        self.facts_changed.emit()

    # --- The token ---

    def set_token(
        self,
        place: TokenPlace,
        *,
        can_forget: bool,
        keeps_tokens: bool | None,
        number: int = 0,
        problem: Problem | None = None,
    ) -> None:
        """Where the token is kept, if there is one; `number` tells it from one that was entered before."""
        shown = (place, can_forget, keeps_tokens, number, problem)
        now = (self.token_place, self.can_forget_token, self.keeps_tokens, self._token_number, self.token_problem)
        if shown != now:
            self.token_place, self.can_forget_token, self.keeps_tokens, self._token_number, self.token_problem = shown
            self.has_token = place is not TokenPlace.NOWHERE
            self.token_changed.emit()
