"""What is told of one model: its terms, and how long its context may be."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from llamadesk.core.catalogue import Catalogue, CatalogueModel
from llamadesk.core.choosing import FamilyChoices
from llamadesk.core.family_view import FamilyView, terms_of, trained_context
from llamadesk.core.models import ModelFile
from llamadesk.core.paths import resources_dir
from llamadesk.core.shapes import expected_facts
from llamadesk.library.catalogue import load_catalogue


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(resources_dir() / "catalogue")


@pytest.fixture(scope="module")
def llama(catalogue: Catalogue) -> CatalogueModel:
    return catalogue.models[0]


def test_the_terms_of_a_model_are_where_its_publisher_has_them(catalogue: Catalogue, llama: CatalogueModel) -> None:
    assert terms_of(catalogue, llama) == catalogue.licence_of(llama)
    own = msgspec.structs.replace(llama, licence_url="https://example.org/my-copy")
    terms = terms_of(catalogue, own)
    assert terms is not None
    assert (terms.id, terms.must_accept, terms.url) == ("llama2", True, "https://example.org/my-copy")


def test_of_an_unknown_licence_there_are_no_terms(catalogue: Catalogue, llama: CatalogueModel) -> None:
    assert terms_of(catalogue, msgspec.structs.replace(llama, licence="nobody-knows")) is None


def test_how_long_a_context_may_be(llama: CatalogueModel) -> None:
    facts = expected_facts(llama, "Q4_0")
    longer = msgspec.structs.replace(facts, n_ctx_train=16_384)
    files = tuple(ModelFile(Path(f"/{each.n_ctx_train}.gguf"), "Llama", 1, 1, each) for each in (facts, longer))
    assert trained_context(llama, files) == 4096
    assert trained_context(None, files) == 16_384
    assert trained_context(None, ()) == 0
    view = FamilyView("Llama", "Llama", None, files, FamilyChoices((), None, ""), 512, None)
    assert view.n_ctx_train == 16_384
