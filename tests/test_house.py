"""The house keeps its order: rooms of tasks never import one another, imports point down, files and folders stay small."""

import ast
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).parents[1] / "smart_nets"
FLOORS = (  # from the top; a room may import what lies below it, and itself
    ("__main__",),
    ("cli",),
    ("tables", "similar"),
    ("pretrain", "classify", "localize", "segment"),
    ("organs",),
    ("pages",),
    ("statistics",),
    ("training",),
    ("zoo",),
    ("phantom",),
    ("lists",),
    ("scans",),
    ("weights",),
    ("networks",),
    ("files", "overrides", "bundle_keys"),
    ("config_run",),
    ("settings", "optional", "cpu"),
    ("allocator",),
    ("errors",),
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> Iterator[Path]:
    return iter(sorted(HOUSE.rglob("*.py")))


def imported(path: Path) -> Iterator[str]:
    """The modules of the house that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "smart_nets":
            yield from [node.module] if node.module != "smart_nets" else [f"smart_nets.{a.name}" for a in node.names]
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("smart_nets."))


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def test_imports_point_down():
    wrong = [
        f"{path.relative_to(HOUSE)} imports {module}"
        for path in modules()
        for module in imported(path)
        if (room := room_of(path)) != (other := module.split(".")[1])
        and room != "__init__"
        and other != "__version__"
        and LEVEL[room] >= LEVEL[other]
    ]
    assert not wrong, "\n".join(wrong)


def test_a_name_means_one_thing():
    """Public functions and classes; a verb of the command line is called as the function that it calls."""
    places: dict[str, set[str]] = {}
    for path in modules():
        for node in ast.parse(path.read_text()).body if room_of(path) != "cli" else ():
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                places.setdefault(node.name, set()).add(str(path.relative_to(HOUSE)))
    assert not {name: sorted(found) for name, found in places.items() if len(found) > 1}


def test_files_are_short():
    long = {
        str(path.relative_to(HOUSE)): lines for path in modules() if (lines := len(path.read_text().splitlines())) > 250
    }
    assert not long


def test_functions_fit_a_screen():
    long = [
        f"{path.relative_to(HOUSE)}: {node.name}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 60
    ]
    assert not long


def test_folders_are_surveyable():
    folders = [HOUSE, *(path for path in HOUSE.rglob("*") if path.is_dir() and path.name != "__pycache__")]
    crowded = {str(folder): count for folder in folders if (count := len(list(folder.glob("*.py")))) > 15}
    assert not crowded
