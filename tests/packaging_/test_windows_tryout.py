"""packaging/tryout: what reads the files of other programs for the Windows setup. The tryout itself needs downloads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from devlib.console import Log
from tryout import rooms, windows_setup
from tryout.steps import FailedError

REGISTRY = r"""WINE REGISTRY Version 2
;; All keys relative to \\User\\S-1-5-21-0-0-0-1000

[Software\\Classes\\.gguf] 1795447573
#time=1dd7b5ef9c8b29a
@="Other.Program"

[Software\\Classes\\LlamaDesk.Model.1\\DefaultIcon] 1795447573
@="\"C:\\users\\\x141ukasz \xc5ngstr\xf6m \x540d\\llamadesk.exe\",0"
"FriendlyName"="LlamaDesk"
"""


def test_the_registry_is_read_as_wine_writes_it(tmp_path: Path, log: Log) -> None:
    file = tmp_path / "try" / "home" / ".wine" / "user.reg"
    file.parent.mkdir(parents=True)
    file.write_text(REGISTRY, encoding="utf-8")
    keys = windows_setup.Wine(tmp_path, ":0", log).registry()
    assert keys["software\\classes\\.gguf"] == {"": "Other.Program"}
    icon = keys["software\\classes\\llamadesk.model.1\\defaulticon"]
    assert icon["FriendlyName"] == "LlamaDesk"
    assert windows_setup._unescaped(icon[""]) == '"C:\\users\\Łukasz Ångström 名\\llamadesk.exe",0'


def test_a_file_too_many_or_too_few_is_seen(tmp_path: Path) -> None:
    bundle, installed = tmp_path / "bundle", tmp_path / "installed"
    for folder in (bundle, installed):
        folder.mkdir()
        (folder / "a").write_text("a", encoding="utf-8")
    (installed / "unins000.exe").touch()
    windows_setup._same_files(bundle, installed)
    (installed / "stale.dll").touch()
    with pytest.raises(FailedError, match=re.escape("not ours ['stale.dll']")):
        windows_setup._same_files(bundle, installed)
    (installed / "stale.dll").unlink()
    (installed / "a").write_text("b", encoding="utf-8")
    with pytest.raises(FailedError, match="a file differs"):
        windows_setup._same_files(bundle, installed)


def test_a_command_in_a_room_has_nothing_of_our_environment() -> None:
    command = rooms.in_room(Path("/room"), ["true"], user=1000, env={"DISPLAY": ":9"})
    inside = command[command.index("env") :]
    assert inside[:2] == ["env", "-i"]
    assert "DISPLAY=:9" in inside
    assert inside[-1] == "true"
    assert "--reuid=1000" in command
