"""What was found about an installation (by `llamadesk.control.findings`), in words for a person."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from llamadesk.core.installation import SOURCE
from llamadesk.core.sizes import bytes_text

Found = Mapping[str, Any]
Row = tuple[str, str]
_INSTALLED_AS: Final = {
    SOURCE: "from its source code",
    "deb": "as a Debian package",
    "archive": "from the archive",
    "appimage": "as an AppImage",
    "flatpak": "as a Flatpak",
    "windows": "by the installer for Windows",
    "macos": "from the disk image for macOS",
    "unknown": "unknown",
}
_NAME_WIDTH: Final = 22


class Section(msgspec.Struct, frozen=True):
    """A heading and what is below it, as names and values."""

    title: str
    rows: tuple[Row, ...]


def sections(found: Found) -> tuple[Section, ...]:
    """Everything but the logs, what is wrong first."""
    made = (
        ("Problems", _broken(found)),
        ("LlamaDesk", _app(found)),
        ("This computer", _computer(found)),
        ("Engine", _engine(found)),
        ("Chats", _chats(found["database"])),
        ("Files", _files(found)),
        ("Changed settings", ((name, str(value)) for name, value in found.get("settings", {}).items())),
        ("Parts", _parts(found["versions"])),
    )
    return tuple(section for title, rows in made if (section := Section(title, tuple(rows))).rows)


def log_text(found: Found) -> str:
    """The last lines of the logs; "" where there are none."""
    named = (("Crashes", found.get("crashes", [])), ("Log", found.get("log", [])))
    return "\n\n".join("\n".join((f"--- {name} ---", *lines)) for name, lines in named if lines)


def as_text(found: Found) -> str:
    """The whole report as plain text."""
    lines = []
    for section in sections(found):
        lines += [section.title, *(f"  {name + ':':<{_NAME_WIDTH}} {value}" for name, value in section.rows), ""]
    return "\n".join((*lines, log_text(found))).rstrip() + "\n"


def _broken(found: Found) -> Iterator[Row]:
    if not found["broken"]:
        yield "Found", "none"
    for line in found["broken"]:
        about, _, problem = line.partition(": ")
        yield about.capitalize(), problem


def _app(found: Found) -> Iterator[Row]:
    here, mode = found["installation"], found["mode"]
    yield "Version", found["versions"]["LlamaDesk"]
    yield "Installed", _INSTALLED_AS.get(here["kind"], here["kind"])
    if here["commit"]:
        yield "Made from", f"commit {here['commit'][:12]}"
    if here["built"]:
        yield "Made on", time.strftime("%Y-%m-%d", time.gmtime(here["built"]))
    yield "Safe mode", "on" if mode["safe"] else "off"
    yield "Network", "refused (--offline)" if mode["offline"] else "only for what you ask for"


def _computer(found: Found) -> Iterator[Row]:
    memory, cpu = found["memory"], found["cpu"]
    yield "System", found["versions"]["system"]
    processors = [device["description"] for device in found["engine"]["devices"] if device["kind"] == "cpu"]
    yield "Processor", f"{', '.join(processors) or found['versions']['machine']}, {_of_processor(cpu)}"
    yield "Memory", _free_of(memory["free_bytes"], memory["total_bytes"])
    if screen := found.get("screen"):
        yield "Display", f"{screen['platform']}, {screen['scale']:g} times the usual size"


def _of_processor(cpu: Found) -> str:
    return f"{cpu['cores'] or 'unknown'} cores, {cpu['threads'] or 'unknown'} threads"


def _engine(found: Found) -> Iterator[Row]:
    engine, cpu = found["engine"], found["cpu"]
    yield "State", engine["problem"] or engine.get("status", "It answers.")
    yield "llama.cpp", found["versions"]["llama.cpp"]
    yield "Made for", cpu["variant"] or "this processor alone, when it was built"
    yield "Processor can", ", ".join(cpu["features"]) or "unknown"
    for device in engine["devices"]:
        if device["kind"] != "cpu":
            memory = _free_of(device["memory_free"], device["memory_total"])
            yield device["name"], f"{device['description']}, {memory}"
    for accelerator in engine["accelerators"]:
        yield accelerator["name"], accelerator["explanation"] or accelerator["state"]
    if not engine["accelerators"]:
        yield "Graphics cards", "No support for them is part of this installation."
    if model := engine.get("model"):
        context, layers = f"{model['n_ctx']:,} tokens of context", f"{model['n_gpu_layers']} layers on the GPU"
        yield "Model", f"{model['file']} ({bytes_text(model['size_bytes'])}), {context}, {layers}"
    for death in engine.get("deaths", []):
        yield f"Stopped {death['at']}", " | ".join((death["problem"], *death["detail"].splitlines()))


def _chats(database: Found) -> Iterator[Row]:
    yield "State", " ".join(filter(None, (database["state"], database["problem"])))
    if "n_messages" in database:
        in_trash = f" ({database['n_trashed']} in the trash)" if database["n_trashed"] else ""
        chats = f"{database['n_conversations']} chats{in_trash}, {database['n_messages']} messages"
        yield "Kept", f"{chats}, {bytes_text(database['size_bytes'])}"
        yield "Layout", f"version {database['schema_version']}"
        newest = f", the newest {database['backups'][0]}" if database["backups"] else ""
        yield "Backups", f"{len(database['backups'])}{newest}"


def _files(found: Found) -> Iterator[Row]:
    for name, folder in found["folders"].items():
        state = folder["problem"] or ("writable" if folder["exists"] else "not made yet")
        free = "" if folder["free_bytes"] is None else f", {bytes_text(folder['free_bytes'])} free"
        yield f"Folder of {name}", f"{folder['path']}, {state}{free}"
    models = found["models"]
    yield "Starter model", models["starter"]["problem"] or "installed"
    for model in models["found"]:
        yield "Model", f"{model['file']}, {bytes_text(model['size_bytes'])}"
    for model in models["unusable"]:
        yield "Not usable", f"{model['file']}: {model['problem']}"


def _parts(versions: Found) -> Iterator[Row]:
    told_above = ("LlamaDesk", "installed as", "system", "llama.cpp")
    return ((name, version) for name, version in versions.items() if name not in told_above)


def _free_of(free: int, total: int) -> str:
    return f"{bytes_text(free)} of {bytes_text(total)} free"
