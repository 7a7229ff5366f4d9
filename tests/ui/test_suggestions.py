"""The cards that a new person is offered: what they say, and that one press is all it takes."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from library_stand_in import GB, download, look_around, put_here
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk, llama_family, model_file

from llamadesk.core.catalogue import Catalogue
from llamadesk.core.choosing import Suggestion
from llamadesk.core.downloads import DownloadStage
from llamadesk.core.models import ModelFamily, ModelFile
from llamadesk.core.ready_model import ReadyModel
from llamadesk.core.sizes import bytes_text
from llamadesk.state.engine import EngineStatus, Phase
from llamadesk.ui.library.folding_row import FoldingRow
from llamadesk.ui.library.for_you_page import ForYouPage
from llamadesk.ui.library.suggestion_card import SuggestionCard
from llamadesk.ui.library.suggestion_list import SuggestionList
from llamadesk.ui.main_window import MainWindow
from llamadesk.ui.theme import ThemeManager

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform cannot


@pytest.fixture
def desk() -> StandInDesk:
    """A desk without a model."""
    return StandInDesk()


@pytest.fixture
def suggestions(desk: StandInDesk) -> list[Suggestion]:
    found = look_around(desk)
    assert len(found) >= 2 and found[0].is_recommended
    return found


@pytest.fixture
def shown(qtbot: QtBot, desk: StandInDesk, theme: ThemeManager, suggestions: list[Suggestion]) -> SuggestionList:
    result = SuggestionList(desk, theme)  # type: ignore[arg-type]
    qtbot.addWidget(result)
    result.resize(700, 700)
    result.show()
    return result


def texts(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def buttons(widget: QWidget) -> set[str]:
    return {button.text() for button in widget.findChildren(QPushButton) if button.isVisible()}


def press(widget: QWidget, text: str) -> None:
    next(b for b in widget.findChildren(QPushButton) if b.text() == text and b.isVisible()).click()


def test_each_suggestion_is_a_card_and_one_is_recommended(shown: SuggestionList, suggestions: list[Suggestion]) -> None:
    assert len(shown.cards) == len(suggestions)
    assert ["Recommended" in texts(card) for card in shown.cards] == [each.is_recommended for each in suggestions]
    for card, suggestion in zip(shown.cards, suggestions, strict=True):
        said = texts(card)
        for part in (
            suggestion.model.name,
            suggestion.model.good_for,
            suggestion.reason,
            suggestion.model.publisher,
            f"{bytes_text(suggestion.choice.size_bytes)} to download",
            "of memory",
        ):
            assert part in said


def test_one_press_gets_the_model(shown: SuggestionList, desk: StandInDesk, suggestions: list[Suggestion]) -> None:
    press(shown.cards[0], "Download and chat")
    wanted = (suggestions[0].model.id, suggestions[0].choice.quantization)
    assert desk.asked.named("download") == [wanted]
    desk.catalogue.state.set_resolving(frozenset({wanted}))
    assert "Looking it up…" in buttons(shown.cards[0])
    assert not next(b for b in shown.cards[0].findChildren(QPushButton) if b.text() == "Looking it up…").isEnabled()
    desk.catalogue.state.set_resolving(frozenset())
    assert "Download and chat" in buttons(shown.cards[0])


def test_where_a_model_is_chosen_nothing_is_promised_of_a_chat(shown: SuggestionList, desk: StandInDesk) -> None:
    desk.models.choose(llama_family().files[0])
    assert "Download" in buttons(shown.cards[0]) and "Download and chat" not in buttons(shown.cards[0])


def test_a_download_shows_how_far_it_is_and_can_be_held(
    shown: SuggestionList, desk: StandInDesk, suggestions: list[Suggestion]
) -> None:
    card, other = shown.cards[0], shown.cards[1]
    download(desk, suggestions[0], DownloadStage.DOWNLOADING, done=0.25)
    bar = card.findChild(QProgressBar)
    assert bar.isVisible() and bar.value() == pytest.approx(0.25 * bar.maximum(), abs=1)
    assert bytes_text(suggestions[0].choice.size_bytes) in bar.accessibleDescription()
    assert "Download and chat" not in buttons(card) and "Download and chat" in buttons(other)
    press(card, "Pause")
    assert desk.asked.named("pause") == [(7,)]


def test_a_download_under_another_name_shows_on_its_card_too(
    shown: SuggestionList, desk: StandInDesk, suggestions: list[Suggestion]
) -> None:
    download(desk, suggestions[0], DownloadStage.DOWNLOADING)
    (entry,) = desk.downloads.state.entries()
    path, asked_as = "renamed/part-00001-of-00002.gguf", (suggestions[0].model.id, suggestions[0].choice.quantization)
    renamed = msgspec.structs.replace(entry.download, from_hub_path=path)
    desk.downloads.state.show([msgspec.structs.replace(entry, download=renamed)])
    shown._refresh()
    assert not shown.cards[0].findChild(QProgressBar).isVisible()
    renamed = msgspec.structs.replace(renamed, asked_as=asked_as)
    desk.downloads.state.show([msgspec.structs.replace(entry, download=renamed)])
    shown._refresh()
    assert shown.cards[0].findChild(QProgressBar).isVisible()
    assert not shown.cards[1].findChild(QProgressBar).isVisible()


@pytest.mark.parametrize(
    ("stage", "text", "asked"),
    [
        (DownloadStage.PAUSED, "Continue", "resume"),
        (DownloadStage.FAILED, "Try again", "retry"),
        (DownloadStage.RETRYING, "Pause", "pause"),
        (DownloadStage.WAITING, "Cancel", "cancel"),
    ],
)
def test_a_download_can_be_gone_on_with_and_given_up(
    qtbot: QtBot, shown: SuggestionList, desk: StandInDesk, suggestions: list[Suggestion],
    stage: DownloadStage, text: str, asked: str,
) -> None:  # fmt: skip
    download(desk, suggestions[0], stage)
    qtbot.waitUntil(lambda: text in buttons(shown.cards[0]))
    press(shown.cards[0], text)
    assert desk.asked.named(asked) == [(7,)]


def test_a_model_that_is_here_is_used_at_once(
    qtbot: QtBot, shown: SuggestionList, desk: StandInDesk, suggestions: list[Suggestion]
) -> None:
    here = model_file("Whatever", "Q8_0", 9 * GB)
    put_here(desk, suggestions[0], ModelFamily("Whatever", (here,)))
    assert "On this computer (Q8_0)" in texts(shown.cards[0])
    assert not any(words in texts(shown.cards[0]) for words in ("to download", "of memory"))  # of another file
    with qtbot.waitSignal(shown.chat_asked):
        press(shown.cards[0], "Use it")
    assert desk.asked.named("use") == [(suggestions[0].model.id, "Q8_0")]
    suggested = model_file("Whatever", suggestions[0].choice.quantization, 8 * GB)
    put_here(desk, suggestions[0], ModelFamily("Whatever", (here, suggested)))
    assert f"On this computer ({suggestions[0].choice.quantization})" in texts(shown.cards[0])
    assert "of memory" in texts(shown.cards[0])
    press(shown.cards[0], "Use it")
    assert desk.asked.named("use")[-1] == (suggestions[0].model.id, suggestions[0].choice.quantization)


def test_a_download_that_is_done_gives_the_button_back(
    qtbot: QtBot, shown: SuggestionList, desk: StandInDesk, suggestions: list[Suggestion]
) -> None:
    download(desk, suggestions[0], DownloadStage.DONE, done=1.0)
    assert not shown.cards[0].findChild(QProgressBar).isVisible()


def test_other_figures_leave_the_focus_where_it_is(
    qtbot: QtBot, shown: SuggestionList, desk: StandInDesk, suggestions: list[Suggestion]
) -> None:
    cards = list(shown.cards)
    others = [msgspec.structs.replace(each, reason="Another reason.") for each in suggestions]
    desk.catalogue.state.show_suggestions(tuple(others))
    assert shown.cards == cards
    assert "Another reason." in texts(cards[0])


def test_nothing_that_fits_is_said_and_leads_on(
    qtbot: QtBot, shown: SuggestionList, desk: StandInDesk, suggestions: list[Suggestion]
) -> None:
    desk.catalogue.state.show_suggestions(())
    assert not shown.cards and "memory of this computer" in texts(shown)
    assert {"I have a model file…", "Look at what is on this computer", "All models"} <= buttons(shown)
    desk.catalogue.state.set_looking(True)
    assert "Looking at what suits" in texts(shown)


def test_the_other_ways_lead_to_their_pages(qtbot: QtBot, shown: SuggestionList, desk: StandInDesk) -> None:
    pages: list[str] = []
    shown.page_asked.connect(pages.append)
    press(shown, "Look at what is on this computer")
    press(shown, "All models")
    assert pages == ["here", "compare"]
    desk.models.set_families([llama_family()])
    press(shown, "Look at what is on this computer (1)")
    assert pages[-1] == "here"
    with qtbot.waitSignal(shown.file_asked):
        press(shown, "I have a model file…")
    families: list[str] = []
    shown.family_asked.connect(families.append)
    press(shown.cards[1], "More about it")
    assert families == [shown.cards[1].model_id]


def here_already(desk: StandInDesk, suggestion: Suggestion, *files: ModelFile, place: str = "LM Studio") -> None:
    """These files are here, and are to be begun with in this order."""
    desk.models.set_families([ModelFamily(file.family, (file,)) for file in files])
    desk.catalogue.state.show_ready(tuple(ReadyModel(file, suggestion.choice, place) for file in files))


def test_what_is_here_already_comes_first(
    qtbot: QtBot, shown: SuggestionList, desk: StandInDesk, suggestions: list[Suggestion]
) -> None:
    assert not shown.ready.isVisible() and "Or download" not in texts(shown)
    one, two = model_file("Zebra 7B", "Q4_0", 4 * GB), model_file("Giraffe <b>1B", "Q8_0", 1 * GB)
    here_already(desk, suggestions[0], one, two)
    said = texts(shown.ready)
    for part in ("Zebra 7B", "Q4_0  ·  4.0 GB  ·  LM Studio", "It fits comfortably", "Giraffe <b>1B"):
        assert part in said
    assert shown.ready.geometry().bottom() < shown.cards[0].geometry().top() and "Or download" in texts(shown)
    primary = [b for b in shown.findChildren(QPushButton) if b.property("kind") == "primary" and b.isVisible()]
    assert [button.accessibleName() for button in primary] == ["Use it: Zebra 7B Q4_0"]
    assert not [text for text in buttons(shown) if text.startswith("Look at what is")]
    pages: list[str] = []
    shown.page_asked.connect(pages.append)
    press(shown, "All of them (2)")
    assert pages == ["here"]
    assert not desk.asked.named("choose_file")  # nothing is loaded unasked
    with qtbot.waitSignal(shown.chat_asked):
        next(b for b in shown.findChildren(QPushButton) if b.accessibleName() == "Use it: Giraffe <b>1B Q8_0").click()
    assert desk.asked.named("choose_file") == [(two.path,)]
    desk.models.choose(two)
    assert not shown.ready.isVisible() and "Look at what is on this computer (2)" in buttons(shown)
    assert shown.cards[0].property("recommended") == "yes"


def test_other_figures_of_what_is_here_leave_its_buttons(
    shown: SuggestionList, desk: StandInDesk, suggestions: list[Suggestion]
) -> None:
    file = model_file("Zebra 7B", "Q4_0", 4 * GB)
    here_already(desk, suggestions[0], file)
    before = [b for b in shown.ready.findChildren(QPushButton) if b.text() == "Use it"]
    here_already(desk, suggestions[0], file, place="Jan")
    assert "Jan" in texts(shown.ready)
    assert [b for b in shown.ready.findChildren(QPushButton) if b.text() == "Use it"] == before


def test_the_names_of_a_list_of_somebody_s_own_are_no_markup(
    qtbot: QtBot, desk: StandInDesk, theme: ThemeManager, suggestions: list[Suggestion]
) -> None:
    name = '<img src="file:///x">'
    model = msgspec.structs.replace(suggestions[0].model, name=name)
    licences = desk.catalogue.state.catalogue.licences
    look_around(desk, catalogue=Catalogue((model,), licences))
    card = SuggestionCard(desk.catalogue.state.suggestions[0], desk, theme)  # type: ignore[arg-type]
    qtbot.addWidget(card)
    card.show()
    assert name in texts(card)


def test_a_narrow_card_has_its_button_below(qtbot: QtBot, desk: StandInDesk, theme: ThemeManager) -> None:
    look_around(desk)
    page = ForYouPage(desk, theme)  # type: ignore[arg-type]
    qtbot.addWidget(page)
    for width, is_folded in ((900, False), (340, True)):
        page.resize(width, 700)
        page.show()
        card = page.findChildren(SuggestionCard)[0]
        row = card.findChild(FoldingRow)
        qtbot.waitUntil(lambda row=row, is_folded=is_folded: row.is_folded is is_folded)
        qtbot.waitUntil(lambda card=card, width=width: 0 < card.width() <= width)


def test_a_new_person_is_offered_models_in_place_of_a_chat(
    make_window: Callable[..., MainWindow], desk: StandInDesk, qtbot: QtBot
) -> None:
    suggestions = look_around(desk)
    window = make_window(desk)
    assert "Welcome" not in texts(window.chat.empty)  # nobody has looked for models yet
    assert window.library is None
    desk.models.families_changed.emit()
    assert "Welcome" in texts(window.chat.empty)
    qtbot.waitUntil(lambda: "Download and chat" in buttons(window.chat.empty))
    assert window.library is not None and not window.library.isVisible()  # for the licence that may be asked for
    press(window.chat.empty, "Download and chat")
    assert desk.asked.named("download") == [(suggestions[0].model.id, suggestions[0].choice.quantization)]
    download(desk, suggestions[0], DownloadStage.DOWNLOADING, done=0.5)
    assert window.chat.empty.findChildren(QProgressBar)[-1].isEnabled()
    window.chat.composer.edit.set_text("Typed meanwhile")
    desk.models.choose(llama_family().files[0])
    desk.engine.set_status(EngineStatus(Phase.LOADING, 0.5))
    assert "Loading Llama 3.1 8B" in texts(window.chat.empty)
    assert not [card for card in window.chat.empty.findChildren(SuggestionCard) if card.isVisible()]
    desk.engine.set_status(EngineStatus(Phase.READY))
    assert "What would you like" in texts(window.chat.empty)
    assert window.chat.composer.edit.text() == "Typed meanwhile"
