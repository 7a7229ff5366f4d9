"""Which of the models on this computer are offered first: worked out of values, and on a desk without a model."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from llamadesk.control.models.catalogue_advice import Known
from llamadesk.control.models.machine_facts import MachineFacts
from llamadesk.control.models.ready_models import ready_models
from llamadesk.core.catalogue import Catalogue
from llamadesk.core.choosing import usual_memory
from llamadesk.core.fit import Verdict
from llamadesk.core.models import ModelFamily, ModelFile
from llamadesk.core.paths import resources_dir
from llamadesk.core.places import Place, Where
from llamadesk.core.ready_model import ReadyModel
from llamadesk.core.shapes import expected_facts, expected_file_bytes
from llamadesk.library.catalogue import load_catalogue
from tests.control.catalogue_desk import GB, looked, opened, settle, write_tiny
from tests.control.desk_driver import DeskDriver

N_CTX = 4096


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return load_catalogue(resources_dir() / "catalogue")


def file_of(shipped: Catalogue, model_id: str, quantization: str, family: str = "") -> ModelFile:
    """A file of a model of the catalogue, which may go by a name that the catalogue does not know."""
    model = next(model for model in shipped.models if model.id == model_id)
    facts = expected_facts(model, quantization)
    path = Path(f"/models/{model_id}.{quantization}.gguf")
    return ModelFile(path, family or model.family, expected_file_bytes(facts), 1, facts)


def without_template(file: ModelFile) -> ModelFile:
    return msgspec.structs.replace(file, facts=msgspec.structs.replace(file.facts, has_chat_template=False))


def ready(shipped: Catalogue, gigabytes: int, *files: ModelFile, n_ctx: int = N_CTX) -> tuple[ReadyModel, ...]:
    """What is offered of these files on a machine with so much memory."""
    families: dict[str, list[ModelFile]] = {}
    for file in files:
        families.setdefault(file.family, []).append(file)
    known = Known(
        catalogue=shipped,
        families=tuple(ModelFamily(name, tuple(group)) for name, group in families.items()),
        machine=MachineFacts(usual_memory(gigabytes * GB), (), {}),
        n_ctx=n_ctx,
    )
    places = {file.path: Place(Where.APP, file.path.parent, app="LM Studio") for file in files}
    return ready_models(known, places)


def test_the_strongest_that_fits_comfortably_and_is_not_slow_goes_first(shipped: Catalogue) -> None:
    small = file_of(shipped, "smollm2-135m-instruct", "Q8_0")
    medium = file_of(shipped, "qwen3-4b", "Q4_K_M")
    slow = file_of(shipped, "llama-2-13b-chat", "Q8_0")
    offered = ready(shipped, 64, small, slow, medium)
    assert [each.file for each in offered] == [medium, small, slow]
    assert all(each.choice.verdict is Verdict.COMFORTABLE for each in offered)
    assert "fits comfortably" in offered[0].reason and "slower" in offered[2].reason


def test_what_just_fits_comes_after_and_what_is_too_big_not_at_all(shipped: Catalogue) -> None:
    small = file_of(shipped, "smollm2-135m-instruct", "Q8_0")
    medium = file_of(shipped, "llama-2-7b-chat", "Q4_K_M")
    big = file_of(shipped, "llama-2-13b-chat", "Q8_0")
    verdicts = {}
    for gigabytes in range(4, 20):
        offered = ready(shipped, gigabytes, big, medium, small)
        verdicts |= {each.choice.verdict: offered for each in offered if each.file == medium}
    assert [each.file for each in verdicts[Verdict.TIGHT]] == [small, medium]
    assert "just fits" in verdicts[Verdict.TIGHT][1].reason
    assert verdicts[Verdict.COMFORTABLE][0].file == medium
    assert ready(shipped, 4, big) == ()


def test_of_each_family_one_file_and_three_at_most(shipped: Catalogue) -> None:
    sizes = [file_of(shipped, "qwen3-4b", quantization) for quantization in ("Q2_K", "Q4_K_M", "Q8_0")]
    others = [
        file_of(shipped, model_id, "Q4_K_M") for model_id in ("llama-2-7b-chat", "smollm2-135m-instruct", "qwen3-8b")
    ]
    offered = ready(shipped, 16, *sizes, *others)
    assert len(offered) == len({each.file.family for each in offered}) == 3
    assert [each.file for each in ready(shipped, 16, *sizes)] != [sizes[0]]


def test_what_was_not_made_to_chat_comes_last(shipped: Catalogue) -> None:
    base = without_template(file_of(shipped, "qwen3-4b", "Q4_K_M", family="Some 4B Base"))
    chat = file_of(shipped, "smollm2-135m-instruct", "Q8_0")
    assert [each.file for each in ready(shipped, 16, base, chat)] == [chat, base]


def test_a_model_that_the_catalogue_does_not_know_is_as_strong_as_its_size(shipped: Catalogue) -> None:
    unknown = file_of(shipped, "qwen3-4b", "Q4_K_M", family="Home Made")
    small = file_of(shipped, "smollm2-135m-instruct", "Q8_0")
    assert [each.file for each in ready(shipped, 16, small, unknown)] == [unknown, small]
    assert [each.file for each in ready(Catalogue(), 16, small, unknown)] == [unknown, small]


def test_a_line_tells_what_it_is_and_where(shipped: Catalogue) -> None:
    (offer,) = ready(shipped, 16, file_of(shipped, "llama-2-7b-chat", "Q4_0"))
    assert offer.name.endswith(" Q4_0")
    assert offer.figures.startswith("Q4_0  ·  3.8 GB") and offer.figures.endswith("  ·  LM Studio")


def test_they_are_offered_until_one_is_chosen(driver: DeskDriver) -> None:
    path = write_tiny(driver.folders.models, "Q8_0")
    desk = opened(driver)
    state = looked(driver, desk).state
    assert state.ready == ()  # the starter model is loaded
    desk.models.choose(None)
    driver.until(lambda: path in [each.file.path for each in state.ready])
    (place,) = {each.place for each in state.ready if each.file.path == path}
    assert place == "LlamaDesk's folder"
    desk.library.choose_file(path)
    driver.until(lambda: state.ready == ())
    settle(driver, desk)
