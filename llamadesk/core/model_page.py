"""What a person can know of one model file: its header in plain words, where it lies, and whether it is undamaged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from llamadesk.core.errors import Problem
from llamadesk.core.family_words import context_text, pace_text, params_text
from llamadesk.core.fit import LoadRecord
from llamadesk.core.gguf_raw import LongText, RawValue
from llamadesk.core.models import ModelFacts, ModelFile
from llamadesk.core.moments import moment_text
from llamadesk.core.quality import Quality, quality_of, quality_words
from llamadesk.core.quantize import Origin
from llamadesk.core.sizes import bytes_text, part_text

_HASH_NAME: Final = re.compile(r"(?:sha256[-:_]?)?([0-9a-f]{64})", re.IGNORECASE)


class Fact(msgspec.Struct, frozen=True):
    """One thing that is known, as a line of the page.

    Attributes:
        name: what it is called, such as "Parameters".
        text: what it is.
        note: what that means, for someone who does not know; "" where it needs no word.
    """

    name: str
    text: str
    note: str = ""


class ModelPage(msgspec.Struct, frozen=True):
    """All that is known of a model file but what depends on the moment (whether it fits, how fast it was here).

    Attributes:
        file: the model.
        parts: its files, in order; one, but for a set that was split.
        about, licence, origin, place: what its header and the disk say, in words.
        template: its chat template; None where it brings none.
        raw: every key of its header.
        fingerprint: by which what was learned of it is kept.
        stays: why it may not be put into the trash; None where it may.
    """

    file: ModelFile
    parts: tuple[Path, ...]
    about: tuple[Fact, ...]
    licence: tuple[Fact, ...]
    origin: tuple[Fact, ...]
    place: tuple[Fact, ...]
    template: LongText | None
    raw: tuple[RawValue, ...]
    fingerprint: str
    stays: Problem | None = None


# --- What its header says ---------------------------------------------------------------------------------------------


def about(file: ModelFile, n_parts: int = 1) -> tuple[Fact, ...]:
    """What kind of model it is.

    Args:
        file: the model.
        n_parts: how many files it lies in.
    """
    facts = file.facts
    quantization = facts.quantization or "Unknown"
    if quality_of(quantization) is not Quality.UNKNOWN:
        quantization += f": {quality_words(quantization)}"
    size = bytes_text(file.size_bytes) + (f", in {n_parts} files" if n_parts > 1 else "")
    listed = [
        Fact("Parameters", params_text(facts.n_params), "The numbers it has learned. More know more, and are slower."),
        Fact("Quantization", quantization, f"How strongly it is compressed: {_bits_text(facts)} for each parameter."),
        Fact("File size", size),
        Fact("Trained context", context_text(facts.n_ctx_train), "The most of a chat that it can keep in mind."),
        Fact("Layers", f"{facts.n_layers:,}", "The steps it computes in; a graphics card can take over some or all."),
    ]
    if facts.n_vocab:
        listed.append(
            Fact("Vocabulary", f"{facts.n_vocab:,} tokens", "The words and pieces of words it reads and writes.")
        )
    listed.append(Fact("Architecture", _architecture_text(facts)))
    return tuple(listed)


def _bits_text(facts: ModelFacts) -> str:
    return f"{8 * facts.tensor_bytes / max(facts.n_params, 1):.1f} bits"


def _architecture_text(facts: ModelFacts) -> str:
    parts = [facts.architecture, f"{facts.n_embd:,} wide"]
    if facts.n_head:
        memory = f" ({facts.n_head_kv} for the memory)" if facts.n_head_kv != facts.n_head else ""
        parts.append(f"{facts.n_head} attention heads{memory}")
    return ", ".join(parts)


_LICENCE_NAMES: Final = (
    ("general.license.name", "Name"),
    ("general.license", "Licence"),
    ("general.license.link", "Text"),
)
_LICENCE_NOTE: Final = "What the file says of itself. The page of its publisher has the terms."
_NO_LICENCE: Final = Fact(
    "Licence", "The file does not say.", "Look at the page that you have it from: it may not be free for every use."
)
_ORIGIN_NAMES: Final = (
    ("general.name", "Name"),
    ("general.version", "Version"),
    ("general.description", "Description"),
    ("general.author", "Author"),
    ("general.organization", "Organisation"),
    ("general.basename", "Family"),
    ("general.finetune", "Variant"),
    ("general.languages", "Languages"),
    ("general.tags", "Tags"),
    ("general.base_model.0.name", "Made from"),
    ("general.base_model.0.organization", "Which is by"),
    ("general.base_model.0.repo_url", "Which is at"),
    ("general.url", "Page"),
    ("general.repo_url", "Repository"),
    ("general.source.url", "Source"),
    ("general.source.repo_url", "Source repository"),
    ("general.quantized_by", "Quantized by"),
    ("quantize.imatrix.file", "Importance matrix"),
    ("quantize.imatrix.dataset", "Its texts"),
)


def licence(raw: Iterable[RawValue]) -> tuple[Fact, ...]:
    """What the header says of the licence; one line that it says nothing, where it does not."""
    found = _named(raw, _LICENCE_NAMES)
    if not found:
        return (_NO_LICENCE,)
    return (*found[:-1], msgspec.structs.replace(found[-1], note=_LICENCE_NOTE))


def origin(raw: Iterable[RawValue], made_from: Origin | None) -> tuple[Fact, ...]:
    """What the header says of who made the model, of what and for what.

    Args:
        raw: the keys of the header.
        made_from: what LlamaDesk quantized it from; None where it did not.
    """
    found = _named(raw, _ORIGIN_NAMES)
    if made_from is None:
        return found
    text = f"{made_from.file_name} ({made_from.quantization})"
    return (*found, Fact("Made here from", text, "LlamaDesk has quantized it."))


def _named(raw: Iterable[RawValue], names: Sequence[tuple[str, str]]) -> tuple[Fact, ...]:
    by_key = {value.key: _without_count(value) for value in raw}
    return tuple(Fact(name, by_key[key]) for key, name in names if by_key.get(key, "").strip())


def _without_count(value: RawValue) -> str:
    """Of a list its elements alone, without "3 texts: " before them."""
    if not value.type_name.startswith("array"):
        return value.text
    return value.text.partition(": ")[2]


# --- Where it lies, what happened here --------------------------------------------------------------------------------


def place(parts: Sequence[Path], really_at: Path, app: str, changed: str) -> tuple[Fact, ...]:
    """Where the file lies, whose it is, and since when it is as it is.

    Args:
        parts: the model's files.
        really_at: where the first leads to, where it is a link; else the same.
        app: the name of another app that it belongs to; "" for none.
        changed: the day, in words.
    """
    listed = [Fact("File", str(parts[0]))]
    if really_at != parts[0]:
        listed.append(Fact("Leads to", str(really_at), "The file is a link."))
    if len(parts) > 1:
        listed.append(Fact("Other parts", ", ".join(part.name for part in parts[1:])))
    if app:
        listed.append(Fact("Belongs to", app, f"LlamaDesk uses it where it lies. Delete it in {app} if you want to."))
    listed.append(Fact("Last changed", changed))
    return tuple(listed)


def history(records: Sequence[LoadRecord]) -> tuple[Fact, ...]:
    """How the model did on this computer, whatever the settings were; empty where it was never loaded."""
    listed: list[Fact] = []
    speeds = sorted(record.tokens_per_second for record in records if record.tokens_per_second)
    if speeds:
        listed.append(Fact("Writes", f"{_span(speeds, '.1f')} tokens/s", f"At most {pace_text(speeds[-1])}."))
    if peak := max((record.peak_bytes for record in records), default=0):
        on_cards = max(record.accelerator_bytes for record in records)
        cards = f", and {bytes_text(on_cards)} of the graphics cards" if on_cards else ""
        listed.append(Fact("Took", f"{bytes_text(peak)} of memory at most{cards}"))
    seconds = sorted(record.load_seconds for record in records if record.load_seconds)
    if seconds:
        listed.append(Fact("Loads in", f"{_span(seconds, '.1f')} s"))
    return tuple(listed)


def _span(sorted_numbers: Sequence[float], form: str) -> str:
    first, last = (format(number, form) for number in (sorted_numbers[0], sorted_numbers[-1]))
    return first if first == last else f"{first} to {last}"


# --- Whether it is undamaged ------------------------------------------------------------------------------------------


class CheckStage(StrEnum):
    """How far the check of a file is, and what came of it."""

    READING = "reading"
    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"
    """It is read whole, and nothing is known that it could be compared with."""
    STOPPED = "stopped"
    FAILED = "failed"


class FileHash(msgspec.Struct, frozen=True):
    """The SHA-256 of a file, and what it should be ("" where that is not known); both as 64 small hex digits."""

    name: str
    sha256: str
    expected: str = ""


class FileCheck(msgspec.Struct, frozen=True):
    """A check whether a model's files are what they were when they were published.

    Attributes:
        path: of the model.
        stage: how far it is.
        done_bytes, total_bytes: of reading.
        hashes: of its files, once they are read.
        problem: why it failed.
        ended_at: when all was read, in seconds since 1970; 0 where it was not.
    """

    path: Path
    stage: CheckStage
    done_bytes: int = 0
    total_bytes: int = 0
    hashes: tuple[FileHash, ...] = ()
    problem: Problem | None = None
    ended_at: int = 0

    @property
    def fraction(self) -> float:
        """How much is read, 0 to 1."""
        return min(1.0, self.done_bytes / self.total_bytes) if self.total_bytes else 0.0


def judged(hashes: Sequence[FileHash]) -> CheckStage:
    """What the hashes of a model's files say. One that is not as it should be counts more than all that are."""
    if any(each.expected and each.expected != each.sha256 for each in hashes):
        return CheckStage.OTHER
    return CheckStage.SAME if hashes and all(each.expected for each in hashes) else CheckStage.UNKNOWN


def check_words(check: FileCheck) -> str:
    """A check in words for a person."""
    when = f" Checked on {moment_text(check.ended_at)}." if check.ended_at else ""
    return _check_words(check) + when


def _check_words(check: FileCheck) -> str:
    match check.stage:
        case CheckStage.READING:
            return f"Checking: {part_text(check.done_bytes, check.total_bytes)} read."
        case CheckStage.SAME:
            return "The file is exactly what its publisher offers."
        case CheckStage.OTHER:
            named = [each.name for each in check.hashes if each.expected and each.expected != each.sha256]
            return f"{', '.join(named)} is not what its publisher offers: it was damaged or changed. Download it again."
        case CheckStage.UNKNOWN:
            return (
                "The file is complete and in order as far as can be told from itself. LlamaDesk does not know the "
                "hash that it should have: compare this one with the SHA-256 on the page that you have it from."
            )
        case CheckStage.STOPPED:
            return "The check was stopped."
        case CheckStage.FAILED:
            return check.problem.text if check.problem is not None else "The file could not be checked."


def hash_in_name(path: Path) -> str:
    """The SHA-256 that a file is named by, as Ollama and the hub's cache name theirs; "" for any other name."""
    named = _HASH_NAME.fullmatch(path.name)
    return named[1].lower() if named else ""
