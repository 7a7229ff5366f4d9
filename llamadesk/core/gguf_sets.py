"""Models that were split into several files, as llama.cpp's llama-gguf-split does with those too large for one.

The parts of a set are told by their names ("NAME-00001-of-00003.gguf"), and by `split.no`, `split.count` and
`split.tensors.count` in their headers; the first carries everything that is said of the model, each its own tensors.
llama.cpp is given the first part and finds the others by their names, so they must lie in one folder (its
`llama_split_path`, read in its sources).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Final, NoReturn, TypeVar

import msgspec

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.gguf_header import Header, read_header

_P = TypeVar("_P", bound=PurePath)

_PART_NAME: Final = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.DOTALL)
_MAX_PARTS: Final = 1000  # the largest sets known have about 150
_MAX_NAMED: Final = 3
_SAYS_SPLIT: Final = "split."


def part_paths(path: _P) -> tuple[_P, ...]:
    """Where the parts of the set lie that the file at `path` belongs to by its name, in order, whether or not they are
    there; `path` alone where its name is not that of a part."""
    name = _PART_NAME.fullmatch(path.name)
    if name is None:
        return (path,)
    number, count = int(name["number"]), int(name["count"])
    if not 1 <= number <= count or not 1 < count <= _MAX_PARTS:
        return (path,)
    return tuple(path.with_name(f"{name['stem']}-{part:05d}-of-{count:05d}.gguf") for part in range(1, count + 1))


def whole_name(path: PurePath) -> str:
    """The name of the file at `path`; for a part of a set the name that the model would have in one file."""
    name = _PART_NAME.fullmatch(path.name)
    return f"{name['stem']}.gguf" if name else path.name


def read_whole_header(path: Path) -> Header:
    """The header of the model at `path`. For one part of a set it is that of the whole model: what the first part says,
    and the tensors of all.

    Raises:
        ProblemError: as `llamadesk.core.gguf_header.read_header`; MODEL_DAMAGED also where parts are missing, are
            damaged or do not belong together; MODEL_UNSUPPORTED where the others cannot be found by this one's name.
    """
    header = read_header(path)
    n_parts = parts_of(header)
    if n_parts == 1:
        return header
    paths = part_paths(path)
    if len(paths) != n_parts:
        _fail_renamed(path, header, n_parts)
    missing = [part for part in paths if not _is_there(part)]
    if missing:
        raise ProblemError(missing_problem(paths, missing))
    headers = [header if part == path else _read_part(paths, part) for part in paths]
    return joined_header(paths, headers)


def parts_of(header: Header) -> int:
    """Into how many files the model was split that this header is of; 1 where it was not."""
    count = header.values.get("split.count", 0)
    return max(count, 1) if isinstance(count, int) else 1


def missing_problem(paths: Sequence[Path], missing: Sequence[Path]) -> Problem:
    """What to tell a person where of the parts at `paths` those in `missing` are not there."""
    numbers = [str(paths.index(part) + 1) for part in missing]
    if len(numbers) == 1:
        title = f"Part {numbers[0]} of the {len(paths)} parts of this model is missing."
    elif len(numbers) <= _MAX_NAMED:
        title = (
            f"Parts {', '.join(numbers[:-1])} and {numbers[-1]} of the {len(paths)} parts of this model are missing."
        )
    else:
        title = f"{len(numbers)} of the {len(paths)} parts of this model are missing."
    names = ", ".join(part.name for part in missing[:_MAX_NAMED])
    more = f" and {len(missing) - _MAX_NAMED} more" if len(missing) > _MAX_NAMED else ""
    advice = f"Download what is missing into the folder of the other parts: {names}{more}."
    return Problem(ProblemCode.MODEL_DAMAGED, title, advice, detail=f"missing: {', '.join(numbers)}")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # may not be looked at: what is read next says why
        return True


def _read_part(paths: Sequence[Path], part: Path) -> Header:
    try:
        return read_header(part)
    except ProblemError as error:
        title = f"Part {paths.index(part) + 1} of {len(paths)}: {error.problem.title}"
        raise ProblemError(msgspec.structs.replace(error.problem, title=title)) from error


def joined_header(paths: Sequence[PurePath], headers: Sequence[Header]) -> Header:
    """The header of a whole model: what the first of its parts says, and the tensors of all.

    Args:
        paths: of the parts, in order; only their names are used.
        headers: of each of them.

    Raises:
        ProblemError: MODEL_DAMAGED: they do not belong together.
    """
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    n_tensors = headers[0].values.get("split.tensors.count", len(tensors))
    for index, header in enumerate(headers):
        if header.values.get("split.no") != index or parts_of(header) != len(paths):
            _fail_mixed(f"{paths[index].name} says that it is part {header.values.get('split.no')} from 0 on")
    if n_tensors != len(tensors) or len({tensor.name for tensor in tensors}) != len(tensors):
        _fail_mixed(f"{len(tensors)} of {n_tensors} tensors")
    values = {key: value for key, value in headers[0].values.items() if not key.startswith(_SAYS_SPLIT)}
    return dataclasses.replace(headers[0], values=values, tensors=tensors)


def _fail_mixed(detail: str) -> NoReturn:
    title = "The parts of this model do not belong together."
    advice = "Download all of them again, from one place."
    raise ProblemError(Problem(ProblemCode.MODEL_DAMAGED, title, advice, detail))


def _fail_renamed(path: Path, header: Header, n_parts: int) -> NoReturn:
    index = header.values.get("split.no", 0)
    number = index + 1 if isinstance(index, int) else 1
    title = f"This is part {number} of a model in {n_parts} files, and its name does not tell where the others are."
    stem = path.name.removesuffix(".gguf")
    advice = f"Give the parts the names that they had, such as {stem}-{number:05d}-of-{n_parts:05d}.gguf."
    raise ProblemError(Problem(ProblemCode.MODEL_UNSUPPORTED, title, advice))
