"""Imports that are made faster, in processes of their own: each happens once in a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

IMPORT = """
import builtins, inspect
plain_compile, sources = builtins.compile, []
def compile(source, filename, *args, **options):
    sources.append(filename)
    return plain_compile(source, filename, *args, **options)
builtins.compile = compile
from llamadesk.quick import import_pyside
import_pyside()
assert builtins.compile is compile
read = []
inspect.getsource = read.append
import llamadesk.core.sizes
assert read == [], read
from PySide6.QtCore import QObject
QObject(objectName="signatures work")
try:
    QObject().killTimer("one")
except TypeError as error:
    assert "Supported signatures" in str(error), error
from PySide6.support.signature.lib import pyi_generator
assert not hasattr(pyi_generator, "Writer")
print(sum(str(name).startswith("shibokensupport") for name in sources))
"""


def n_compiled(cache: Path, **more: str) -> int:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": str(cache), **more}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    return int(done.stdout)


def kept(cache: Path) -> list[Path]:
    return list(cache.rglob("*.pyside*"))


def test_pysides_own_modules_are_compiled_once(tmp_path: Path) -> None:
    assert n_compiled(tmp_path) > 0
    assert n_compiled(tmp_path) == 0
    (file,) = kept(tmp_path)
    for damaged in (b"", b"{", file.read_bytes()[:5000]):
        file.write_bytes(damaged)
        assert n_compiled(tmp_path) > 0
        assert n_compiled(tmp_path) == 0


def test_nothing_is_kept_where_python_is_to_keep_nothing(tmp_path: Path) -> None:
    assert n_compiled(tmp_path, PYTHONDONTWRITEBYTECODE="1") > 0
    assert kept(tmp_path) == []


def test_msgspec_comes_without_what_it_does_not_need() -> None:
    code = (
        "import sys; from llamadesk.quick import import_msgspec; import_msgspec()\n"
        "import msgspec, uuid; print('typing_extensions' in sys.modules, 'platform' in sys.modules)\n"
        "import typing_extensions; print(typing_extensions.TypedDict is not None)\n"
        "import platform; print(bool(platform.machine()), msgspec.json.decode(msgspec.json.encode(uuid.uuid1())) != '')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "False", "True", "True", "True"]
