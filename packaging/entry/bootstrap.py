"""The first code of both programs, in place of PyInstaller's own: from here on modules are found inside the program.

PyInstaller's also imports ctypes, to search libraries that are loaded by their bare name, and looks for what packages
of other kinds need. The app loads by whole paths and carries none of these, and its window should not wait for them.
"""

import gc
import marshal
import mmap
import sys
import zlib
from _frozen_importlib import ModuleSpec

import pyimod02_importers
from pyimod01_archive import PYZ_ITEM_MODULE, PYZ_ITEM_PKG

gc.disable()  # what a start makes stays: looking for garbage in it is lost time; who runs on says when to begin
pyimod02_importers.install()
_archive = pyimod02_importers.pyz_archive
with open(_archive._filename, "rb") as _file:  # noqa: PTH123 - pathlib is slow to import
    _program = memoryview(mmap.mmap(_file.fileno(), 0, access=mmap.ACCESS_READ))


class _Loader(pyimod02_importers.PyiFrozenLoader):
    """PyInstaller's, but what it runs is read from memory; that one opens the program for each module anew."""

    def exec_module(self, module):
        _, start, length = _archive.toc[self._pyz_entry_name]
        start += _archive._start_offset
        end = start + length
        # What is stored as it is, in one block, needs no unpacking: 7 bytes before it, 4 after it (RFC 1950 and 1951).
        if _program[start + 2] == 1 and int.from_bytes(_program[start + 3 : start + 5], "little") == length - 11:
            code = marshal.loads(_program[start + 7 : end - 4])
        else:
            code = marshal.loads(zlib.decompress(_program[start:end]))
        exec(code, module.__dict__)


class _Finder:
    """Finds a module of the program by its whole name; without this each is looked for in every folder first.

    The first window needs some 150 modules from here.
    """

    @staticmethod
    def find_spec(name, _path=None, _target=None):
        kind = _archive.toc.get(name, (None,))[0]
        if kind not in (PYZ_ITEM_MODULE, PYZ_ITEM_PKG):
            return None
        is_package = kind == PYZ_ITEM_PKG
        loader = _Loader(name, _archive, name, is_package)
        spec = ModuleSpec(name, loader, origin=loader.path, is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations.append(loader.path.rpartition("__init__")[0][:-1])
        return spec


sys.meta_path.insert(0, _Finder)
if not hasattr(sys, "frozen"):
    sys.frozen = True
