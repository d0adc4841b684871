"""Who may import whom, read from the source: data walks one way (the tree in README.md)."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from paths import ROOT

import hfskin

# Each room may import itself and what stands in the rooms that it names; what they may import, too.
ROOMS: dict[str, tuple[str, ...]] = {
    "model": (),
    "checkpoints": ("model",),
    "data": ("checkpoints",),
    "words": (),
    "inference": ("data", "words"),
    "export": ("inference",),
    "calibration": ("inference",),
    "evaluation": ("calibration",),
    "hub": ("checkpoints",),  # and the files that evaluation wrote
    "training": ("inference", "hub"),  # Trainer pushes with a card of ours
    "auto": ("inference",),
    "demo": ("inference", "hub"),
    "cli": ("demo", "export", "evaluation", "training"),
}
LAZY = {("auto", "hub")}  # where `push_to_hub` is called, and not at import


def below(room: str) -> set[str]:
    return {room}.union(*(below(other) for other in ROOMS[room]))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, by its whole name, and the line."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join([*base, *filter(None, [node.module])])
            # `from . import x` may name a module.
            yield from ((f"{name}.{alias.name}" if node.module is None else name, node.lineno) for alias in node.names)


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "hfskin" and len(parts) > 1 and parts[1] in ROOMS else None


def modules_of(room: str) -> list[Path]:
    folder = ROOT / "hfskin" / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


@pytest.mark.parametrize("room", ROOMS)
def test_no_arrow_runs_back_up(room):
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in modules_of(room)
        for module, line in imports(path)
        if (other := room_of(module)) and other not in below(room) and (room, other) not in LAZY
    ]
    assert not wrong


def test_what_travels_to_the_hub_needs_nothing_of_hfskin():
    for path in modules_of("model"):
        relative = [m for m, _ in imports(path) if m.startswith("hfskin") and not m.startswith("hfskin.model")]
        absolute = [
            line for line in path.read_text().splitlines() if line.strip().startswith(("import hfskin", "from hfskin"))
        ]
        assert (relative, absolute) == ([], []), path


def test_the_product_imports_nothing_of_the_laboratory():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in [ROOT / "app.py", *(ROOT / "hfskin").rglob("*.py")]
        for module, line in imports(path)
        if module.split(".")[0] in ("scripts", "tests")
    ]
    assert not wrong


def test_every_room_is_in_the_test_and_the_tree_of_the_readme_is_the_tree():
    found = {p.name for p in (ROOT / "hfskin").iterdir() if (p / "__init__.py").is_file()}
    assert found <= ROOMS.keys()
    told = (ROOT / "README.md").read_text().partition("## The tree")[2].partition("```\n")[2].partition("```")[0]
    named = [line.split()[0].rstrip(",") for line in told.splitlines() if line.startswith("  ") and line.split()]
    loose = {p.name for p in (ROOT / "hfskin").glob("*.py")}
    assert {name.rstrip("/") for name in named} == found | loose


def test_the_version_stands_once():
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    newest = next(line for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if line[:2] == "##")
    assert (hfskin.__version__, newest) == (stated, f"## {stated}")
