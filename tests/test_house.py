"""The rules of the house: who may import whom, what the README names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from simvoice.cli import app

HOUSE = Path(__file__).resolve().parents[1]
PACKAGE = HOUSE / "simvoice"

GROUND = {"errors", "audio", "ports", "markup", "yaml_file"}

EVERYWHERE = {
    *{"acknowledgements", "display", "machine", "rounding"},
    *{"safe_text", "sentences", "strict_model"},
}
"""Modules that import nothing of ours, and that every room may import."""

OPEN_ROOMS = ("app", "research")
"""Rooms whose parts are rooms of their own: a part may import only what its own entry allows."""

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "audio": {"errors"},
    "ports": {"audio", "errors"},
    "markup": set(),
    "yaml_file": {"errors"},
    "criteria": {"coding"},
    "suggestion_kinds": set(),
    "paths": {"errors"},
    "models": {"errors", "paths"},
    "log": {"paths"},
    "app.standalone": {"models", "paths", "engines", *GROUND},
    "app.language_model": {"models", "engines", *GROUND},
    "app.attempt_header": {
        *{"conversation", "engines", "patient", "record", "scoring", "web"},
        *GROUND,
    },
    "app.encounter_plan": {
        *{"app.attempt_header", "app.resume", "app.retry"},
        *{"conversation", "patient", "record", "runtime"},
        *GROUND,
    },
    "app.resume": {"app.retry", "conversation", "patient", "record", *GROUND},
    "app.retry": {"debrief", "conversation", "patient", "record", *GROUND},
    "app.preparation": {"log", "web", *GROUND},
    "app.case_check": {"engines", "models", "patient", *GROUND},
    # pure
    "coding": {"errors"},
    "timing": {"audio", "errors"},
    "patient": {"coding", "criteria", "suggestion_kinds", *GROUND},
    "workbench": {
        *{"coding", "conversation", "criteria", "patient", "scoring", "suggestion_kinds"},
        *GROUND,
    },
    "conversation": {"patient", "record", *GROUND},
    "reading": {"timing", "coding", "record", "audio", "errors"},
    "scoring": {"reading", "timing", "coding", "record", "criteria", "audio", "errors"},
    # edges
    "record": {"criteria", "audio", "errors"},
    "engines": GROUND,
    "simulate": GROUND,
    "devices": {"simulate", *GROUND},
    # what carries and what people see
    "runtime": {"log", "conversation", "patient", "record", *GROUND},
    "research.calibrate": {"reading", "scoring", "timing", "simulate", "paths", *GROUND},
    "research.recordings": {"timing", "audio", "errors"},
    "research.analysis": {
        *{"research.recordings", "reading", "scoring", "timing", "record"},
        *GROUND,
    },
    "research.export": {
        *{"research.analysis", "reading", "record", "scoring", "timing"},
        *{"audio", "errors"},
    },
    "research.pictures": {"paths", "research.analysis", "scoring", "timing", "errors"},
    "debrief": {
        *{"coding", "criteria", "suggestion_kinds", "reading", "scoring", "timing", "record"},
        *{"audio", "errors"},
    },
    "release": {"debrief", "record", *GROUND},
    "progress": {"debrief", "suggestion_kinds", "reading", "scoring", "record", "errors"},
    "web": {
        *{"log", "progress", "debrief", "reading", "record", "runtime", "devices"},
        *{"hub_client", "release"},
        *{"research.analysis", "research.pictures"},
        *GROUND,
    },
    "hub_client": {"log", "models", "paths", "patient", "record", "release", "runtime", *GROUND},
    "checkup": {"log", "models", "paths", "engines", "devices", *GROUND},
}
"""Room to the rooms it may import; itself is always allowed."""

MAY_IMPORT_ALL_BUT: dict[str, set[str]] = {
    "app.simulator": {"cli", "bench", "hub", "station"},
    "app": {"cli", "bench", "hub", "station"},
    "research": {"cli", "bench", "app", "hub", "station"},
    "hub": {"cli", "bench", "station"},
    "station": {"cli", "bench", "hub"},
    "bench": {"cli"},
    "cli": set(),
    "__main__": set(),
    "": set(),
}
"""The same for those at the top; "" is the package itself."""

PURE = ("conversation", "patient", "coding", "timing", "reading", "scoring")
CLOCKS_AND_THREADS = {"time", "threading", "queue", "asyncio", "socket", "subprocess"}

ONLY_IN: dict[str, set[str]] = {
    "faster_whisper": {"engines/stt/whisper.py"},
    "ctranslate2": {"engines/stt/whisper.py"},
    "llama_cpp": {"engines/llm/llama.py", "engines/llm/llama_chat.py"},
    "piper": {"engines/tts/piper.py"},
    # engines: a live voice is shaped in a process of its own; timing: measured after the fact
    "parselmouth": {"engines/tts/praat_worker.py", "timing/praat.py", "bench/voices.py"},
    "webrtcvad": {"engines/turn/vad.py"},
    "onnxruntime": {"engines/onnx_session.py"},
    "onnx": {"engines/tts/piper.py", "engines/embed/minilm_graph.py"},
    "safetensors": {"engines/embed/minilm_graph.py"},
    "tokenizers": {"engines/embed/minilm.py"},
    "sounddevice": {"devices/portaudio.py"},
    "pywebrtc_audio": {"devices/echo.py"},
    "soxr": {
        "engines/tts/clips.py",
        "devices/streams.py",
        "devices/wav.py",
        "research/recordings/sound.py",
    },
    "pympi": {
        "research/export/annotations.py",
        "research/calibrate/skeleton.py",
    },
    "av": {"research/recordings/ffmpeg_decoder.py"},
    "pyarrow": {"research/export/parquet.py"},
    "matplotlib": {"research.pictures"},
    "uvicorn": {"web/server.py", "hub/server.py"},
    "fastapi": {"web", "hub", "station/app.py", "station/pages.py", "station/technician_pages.py"},
    "starlette": {"web", "hub", "station/app.py"},
    "sqlalchemy": {"hub", "cli/retain.py", "bench/hub.py"},
    "alembic": {"hub"},
    "obstore": {"hub/storage/object_store.py"},
    "pyrage": {"release/age.py"},
    "argon2": {"hub/doors/passwords.py", "station/pin.py"},
    "authlib": {"hub/doors/openid.py"},
    "joserfc": {"hub/doors/openid.py"},
    "httpx2": {"hub/doors/openid.py"},
    "httpx": {
        *{"models/download.py", "engines/llm/remote.py"},
        *{"hub_client/connection.py", "hub_client/supply_line.py"},
        "hub_client/station_connection.py",
        *{"bench/hub.py", "bench/hub_clients.py"},
    },
    "huggingface_hub": {"models/sources.py"},
    "typer": {"cli"},
    "psutil": {"machine.py", "bench", "station/browser.py", "station/drives.py"},
    "torch": set(),
    "transformers": set(),
}
"""Library to the files, or whole rooms, that may import it."""


def files(*suffixes: str) -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*") if p.suffix in suffixes and p.is_file())


def room_of(path: Path) -> str:
    return room_named(module_parts(path))


def module_parts(path: Path) -> tuple[str, ...]:
    """ "simvoice/engines/stt/whisper.py" to ("engines", "stt", "whisper")."""
    inside = path.relative_to(PACKAGE).with_suffix("").parts
    return inside[:-1] if inside[-1] == "__init__" else inside


def room_named(parts: tuple[str, ...]) -> str:
    """The room of a module, by the parts of its dotted name after "simvoice"."""
    return ".".join(parts[:2] if parts and parts[0] in OPEN_ROOMS else parts[:1])


@cache
def imported(path: Path) -> tuple[str, ...]:
    """Dotted names, at any depth of the file."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write the whole name"
            names.extend(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(names)


def top_imports(path: Path, modules: Collection[str]) -> set[str]:
    """The modules of ours that are imported as soon as this one is."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    found: set[str] = set()
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else node.module for name in names}
    return found & set(modules)


def rooms_imported(path: Path) -> set[str]:
    ours = [name.split(".")[1:] for name in imported(path) if name.startswith("simvoice.")]
    rooms = {room_named(tuple(parts)) for parts in ours}
    return rooms - {"__version__", room_of(path)}


def may_import(room: str, other: str) -> bool:
    if room in MAY_IMPORT_ALL_BUT:
        return other not in MAY_IMPORT_ALL_BUT[room]
    if room in EVERYWHERE:
        return False
    assert room in MAY_IMPORT, f"tests/test_house.py does not know the room {room!r} yet"
    return other in MAY_IMPORT[room] | EVERYWHERE


def allowed_in(path: Path, places: set[str]) -> bool:
    return bool(places & {path.relative_to(PACKAGE).as_posix(), room_of(path)})


@pytest.mark.slow
def test_no_arrow_between_rooms_runs_the_wrong_way() -> None:
    wrong = [
        f"{path.relative_to(HOUSE)} imports simvoice.{other}"
        for path in files(".py")
        for other in sorted(rooms_imported(path))
        if not may_import(room_of(path), other)
    ]
    assert wrong == []


def test_the_table_has_no_circle() -> None:
    left = {room: set(others) - {room} for room, others in MAY_IMPORT.items()}
    while ready := [room for room, others in left.items() if not others & left.keys()]:
        for room in ready:
            del left[room]
    assert left == {}


@pytest.mark.slow
def test_no_two_modules_import_each_other() -> None:
    """Imports at the top of a file: no chain of them leads back to where it began."""
    modules = {".".join(("simvoice", *module_parts(path))): path for path in files(".py")}
    left = {name: top_imports(path, modules.keys()) - {name} for name, path in modules.items()}
    while ready := [name for name, others in left.items() if not others & left.keys()]:
        for name in ready:
            del left[name]
    assert left == {}


SAME_IDEA = {"LedgerPoint", "LedgerStep", "Simulator"}
"""Class names in two rooms that may not import each other, for the same idea."""


@cache
def classes() -> list[tuple[Path, ast.ClassDef]]:
    """Return every class of the package with its file."""
    return [
        (path, node)
        for path in files(".py")
        if "class " in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef)
    ]


def test_no_class_name_stands_for_two_ideas() -> None:
    homes: dict[str, list[str]] = {}
    for path, node in classes():
        homes.setdefault(node.name, []).append(str(path.relative_to(HOUSE)))
    twice = {name: where for name, where in homes.items() if len(where) > 1}
    assert {name: where for name, where in twice.items() if name not in SAME_IDEA} == {}


def test_every_model_has_the_strict_base() -> None:
    wrong = [
        f"{path.relative_to(HOUSE)}: {node.name}"
        for path, node in classes()
        if path.name != "strict_model.py"
        and any(ast.unparse(base).endswith("BaseModel") for base in node.bases)
    ]
    assert wrong == []


@pytest.mark.slow
def test_pure_rooms_know_neither_clock_nor_thread() -> None:
    wrong = [
        f"{path.relative_to(HOUSE)} imports {name}"
        for path in files(".py")
        if room_of(path) in PURE
        for name in imported(path)
        if name.split(".")[0] in CLOCKS_AND_THREADS
    ]
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_heavy_library_is_imported_in_its_place_only(library: str) -> None:
    users = [p for p in files(".py") if library in {name.split(".")[0] for name in imported(p)}]
    assert [str(p) for p in users if not allowed_in(p, ONLY_IN[library])] == []


@pytest.mark.slow
def test_the_command_line_starts_without_a_heavy_library() -> None:
    heavy = ["faster_whisper", "llama_cpp", "onnxruntime", "piper", "fastapi", "sounddevice"]
    heavy += ["matplotlib", "pyarrow", "sqlalchemy", "alembic", "obstore", "pyrage"]
    code = f"import simvoice.cli, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"


def test_no_file_names_this_machine_or_where_packages_come_from() -> None:
    private = ["/".join(["", place, ""]) for place in ("work", "root", "home")]
    private += [".".join(host) for host in (["pypi", "org"], ["files", "pythonhosted", "org"])]
    texts = [*files(".py", ".js", ".css", ".html", ".toml"), *(HOUSE / "scenarios").rglob("*.yaml")]
    texts += [*(HOUSE / "tests").rglob("*.py"), HOUSE / "models" / "manifest.toml"]
    texts += [p for p in (HOUSE / "scripts").iterdir() if p.is_file()]
    texts += [*HOUSE.glob("*.md"), *HOUSE.glob("*.lock"), HOUSE / "pyproject.toml"]
    wrong = [
        f"{path.relative_to(HOUSE)} names {word}"
        for path in texts
        for word in private
        if word in path.read_text(encoding="utf-8")
    ]
    assert wrong == []


def test_no_test_asserts_on_how_long_the_processor_worked() -> None:
    """A busy machine must not fail a test; `tests/work.py` counts work instead."""
    wrong = [
        str(path.relative_to(HOUSE))
        for path in (HOUSE / "tests").rglob("test_*.py")
        if re.search(r"\b(thread|process)_time\b", path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


# -- commands -------------------------------------------------------------------------------


def commands(group: Any, before: str = "simvoice") -> Iterator[tuple[str, Any]]:
    """Every command that does something, by the words that call it."""
    for name, command in group.commands.items():
        called = f"{before} {name}"
        if hasattr(command, "commands"):
            yield from commands(command, called)
        else:
            yield called, command


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("called", COMMANDS)
def test_every_command_and_every_option_of_it_has_help(called: str) -> None:
    command = COMMANDS[called]
    assert command.help, "the command says nothing about itself"
    options = [p for p in command.params if p.param_type_name == "option"]
    assert [p.name for p in options if not getattr(p, "help", None)] == []


def test_the_readme_names_every_command() -> None:
    readme = HOUSE / "README.md"
    said = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    named = set(re.findall(r"simvoice [a-z]+", said))
    # in a table, `simvoice attempts list\|show` stands for both
    members_of = r"%s ([a-z-]+(?:\\?\|[a-z-]+)*)"
    in_groups = re.findall(members_of % "(simvoice [a-z]+)", said)
    in_groups += re.findall(members_of % "(simvoice [a-z]+ [a-z]+)", said)
    for group, members in in_groups:
        named |= {f"{group} {member}" for member in re.split(r"\\?\|", members)}
    assert [called for called in COMMANDS if called not in named] == []
