"""What is shown of the catalogue: kept as it was told, and announced once."""

from __future__ import annotations

import msgspec
import pytest

from llamadesk.core.catalogue import Catalogue
from llamadesk.core.choosing import FamilyChoices
from llamadesk.core.family_view import FamilyView
from llamadesk.core.paths import resources_dir
from llamadesk.library.catalogue import load_catalogue
from llamadesk.state.catalogue import CatalogueState


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(resources_dir() / "catalogue")


def test_changes_are_announced_once(qapp: object, catalogue: Catalogue) -> None:
    state = CatalogueState()
    heard: list[str] = []
    state.changed.connect(lambda: heard.append("changed"))
    state.family_changed.connect(lambda: heard.append("family"))
    view = FamilyView("Tiny", "Tiny", None, (), FamilyChoices((), None, ""), 512, None)
    llama = catalogue.models[0]
    for _ in range(2):
        state.show_catalogue(catalogue, [])
        state.show_models({"Llama 2 7B Chat": llama})
        state.set_accepted({"llama2": 7})
        state.set_resolving(frozenset({(llama.id, "Q4_0")}))
        state.show_family(view)
        state.set_looking(True)
    assert heard == ["changed"] * 4 + ["family", "changed"]
    assert state.here == {llama.id}
    assert state.model(llama.id) == state.model_of("Llama 2 7B Chat") == llama
    assert state.model("nobody") is state.model_of("Nobody") is None
    state.show_family(msgspec.structs.replace(view, n_ctx=1024))
    assert heard[-1] == "family"
    assert state.family is not None and state.family.n_ctx == 1024
