"""The first code of both programs, in place of PyInstaller's own: from here on modules are found inside the program.

PyInstaller's also imports ctypes, to search libraries that are loaded by their bare name, and looks for what packages
of other kinds need. The app loads by whole paths and carries none of these, and its window should not wait for them.
"""

import sys

import pyimod02_importers

pyimod02_importers.install()
if not hasattr(sys, "frozen"):
    sys.frozen = True
