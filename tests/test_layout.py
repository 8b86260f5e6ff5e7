"""The house rules: what may import what, who may change what, and how the code is written."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.apps import ROOT

import models

FLOORS = {
    "app": 6,
    "cli": 5,
    "web": 5,
    "test_server": 5,
    "command_line": 4,
    "api": 4,
    "worker": 4,
    "actions": 3,
    "upstream": 3,
    "panel": 2,
    "models": 1,
    "database": 0,
    "settings": 0,
}
"""A module imports from lower floors, or from its own folder; siblings do not know each other."""

HTTP = {"flask", "werkzeug", "flask_limiter", "gunicorn"}
BELOW_HTTP = ("actions", "panel", "upstream", "models", "database", "settings")
MAX_LINES = 70

SOURCES = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.py", *(f"{name}/**/*.py" for name in FLOORS))
    for path in ROOT.glob(pattern)
)
TREES = {path: ast.parse((ROOT / path).read_text()) for path in SOURCES}
each_source = pytest.mark.parametrize("path", SOURCES, ids=str)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_name(path: Path) -> str:
    """The dotted name that a file is imported by."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path) for path in SOURCES}


def imports(tree: ast.Module, module: str = "") -> set[str]:
    """The modules that a module imports, wherever in it; of ours, by their full names."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            assert node.module is not None
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in MODULES else node.module)
    return found


IMPORTS = {module_name(path): imports(tree, str(path)) for path, tree in TREES.items()}


def top(module: str) -> str:
    return module.partition(".")[0]


def faults(imported: dict[str, set[str]]) -> list[str]:
    """The imports that go upwards, or across to a sibling on the same floor."""
    return [
        f"{module} imports {name}"
        for module, names in sorted(imported.items())
        for name in sorted(names)
        if top(module) in FLOORS and top(name) in FLOORS and top(name) != top(module)
        if FLOORS[top(name)] >= FLOORS[top(module)]
    ]


def circle(imported: dict[str, set[str]]) -> list[str]:
    """Modules that import each other, directly or around a corner; an empty list if none do."""
    left = {module: names & imported.keys() for module, names in imported.items()}
    while free := [module for module, names in left.items() if not names & left.keys()]:
        for module in free:
            del left[module]
    return sorted(left)


def test_every_module_has_a_floor() -> None:
    without = {top(module) for module in MODULES} - FLOORS.keys()
    assert without == {"conftest", "gunicorn"}  # gunicorn.conf.py
    assert {"app", "models", "actions.add", "panel.orders", "cli"} <= MODULES


def test_imports_go_downwards() -> None:
    assert faults(IMPORTS) == []


def test_nothing_is_imported_in_a_circle() -> None:
    assert circle(IMPORTS) == []


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("models", "panel.errors"),
        ("panel.orders", "actions.parameters"),
        ("actions.add", "worker.loop"),
        ("upstream.http", "actions"),
        ("web.reference", "cli"),
        ("actions", "app"),
    ],
)
def test_a_wrong_import_would_be_seen(module: str, name: str) -> None:
    assert faults({module: {name}}) == [f"{module} imports {name}"]


def test_a_circle_would_be_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c", "d"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def names_of_settings(tree: ast.Module) -> set[str]:
    """What a module uses of the module `settings`."""
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "settings"
    }
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in aliases
    }
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "settings"
        for alias in node.names
    }
    return used | imported


def test_the_settings_are_read_by_the_app_alone() -> None:
    used = {module_name(path): names_of_settings(tree) for path, tree in TREES.items()}
    assert "read" in used.pop("app")
    assert {name for names in used.values() for name in names} == {"Settings"}


@pytest.mark.parametrize(
    "code",
    ["import settings\nsettings.read({})", "import settings as s\ns.read({})",
     "from settings import read"],
)  # fmt: skip
def test_reading_the_settings_would_be_seen(code: str) -> None:
    assert names_of_settings(ast.parse(code)) == {"read"}


def test_a_handler_knows_no_other_handler() -> None:
    for module, names in IMPORTS.items():
        if module.startswith("actions."):
            shared = {name for name in names if top(name) == "actions"}
            assert shared <= {"actions.parameters", "actions.links"}, module


def test_there_is_no_http_below_the_api() -> None:
    for module, names in IMPORTS.items():
        if top(module) in BELOW_HTTP:
            # Hashing a password is not HTTP, wherever the library has it.
            known = {top(name) for name in names - {"werkzeug.security"}}
            assert known & HTTP == set(), module
    counting = {module for module, names in IMPORTS.items() if "limits" in map(top, names)}
    assert {top(module) for module in counting} == {"api", "app", "settings", "web"}


# Who may change what


def writes(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each (model, method or column) that a module changes through Peewee."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        method, model = node.func.attr, node.func.value
        if method in ("save", "delete_instance", "bulk_update", "set_by_id", "delete_by_id"):
            yield ast.unparse(model), method
        changing = ("update", "insert", "create", "insert_many", "delete", "replace", "upsert")
        if isinstance(model, ast.Name) and model.id[0].isupper() and method in changing:
            yield model.id, method
            yield from ((model.id, keyword.arg or "**") for keyword in node.keywords)


WRITES = {module_name(path): set(writes(tree)) for path, tree in TREES.items()}


def writers(model: str, *what: str) -> set[str]:
    """The modules that change a model, or one column of it."""
    return {
        module
        for module, found in WRITES.items()
        if any(name == model and (not what or part in what) for name, part in found)
    }


def test_only_the_ledger_changes_a_balance() -> None:
    assert writers("Account", "balance_micros", "**") == {"panel.ledger"}
    assert writers("LedgerEntry") == {"panel.ledger"}


def test_one_module_writes_the_orders_table() -> None:
    assert writers("Order") == {"panel.orders.transition"}


def test_only_panel_changes_anything() -> None:
    changing = {module for module, found in WRITES.items() if found}
    # The sandbox stands for somebody else's panel, and has a table of its own.
    assert {module for module in changing if top(module) != "panel"} == {"upstream.sandbox"}
    assert writers("SandboxOrder") == {"upstream.sandbox"}
    names = {model.__name__ for model in models.TABLES}
    assert {name for found in WRITES.values() for name, _ in found} <= names  # no object.save()


def test_no_sql_changes_a_table_behind_the_models() -> None:
    words = ("INSERT ", "UPDATE ", "DELETE ", "REPLACE ", "DROP ", "ALTER ")
    found = {
        module_name(path)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value.lstrip().startswith(words)
    }
    # A renumbering is one statement; SQLite's own tables of numbers and trigrams have no model.
    assert found == {"panel.services", "database.numbers", "database.link_index"}


# How the code is written


def functions(tree: ast.Module) -> Iterator[Function]:
    yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def public(body: list[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    """The public classes and functions of a module, methods too; not what is inside functions."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


@each_source
def test_functions_are_short(path: Path) -> None:
    for node in functions(TREES[path]):
        lines = (node.end_lineno or 0) - node.lineno + 1
        assert lines <= MAX_LINES, f"{node.name} has {lines} lines"


@each_source
def test_what_is_public_says_what_it_is_for(path: Path) -> None:
    tree = TREES[path]
    assert ast.get_docstring(tree), "the module has no docstring"
    # A model's Meta is Peewee's word and needs no explanation.
    unsaid = [
        node.name
        for node in public(tree.body)
        if not ast.get_docstring(node) and node.name != "Meta"
    ]
    assert unsaid == []


@each_source
def test_nothing_is_done_at_import(path: Path) -> None:
    """No call stands alone at a module's top: what it makes is named, or made by create_app()."""
    calls = [
        ast.unparse(node)
        for node in TREES[path].body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    assert calls == []


def floats(tree: ast.Module) -> list[str]:
    """Every float literal, float() and division with a fraction of a module."""
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id in ("float", "Decimal", "round"))
        or (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div))
    ]


def test_there_are_no_floats_in_the_rules() -> None:
    for path, tree in TREES.items():
        if top(module_name(path)) == "panel":
            assert floats(tree) == [], path


@pytest.mark.parametrize("code", ["x = 0.5", "x = float(y)", "x = y / 2", "x /= 2", "round(x)"])
def test_a_float_would_be_seen(code: str) -> None:
    assert floats(ast.parse(code)) != []


# The tree as a whole

MADE = {
    ".git", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", "instance",
}  # fmt: skip
"""Folders that tools make."""


def texts() -> Iterator[tuple[Path, str]]:
    """Every file of the project, but databases and this one, which names what is looked for."""
    for entry in sorted(ROOT.iterdir()):
        if entry.name in MADE or entry.name.startswith(".venv"):
            continue
        for path in sorted(entry.rglob("*")) if entry.is_dir() else [entry]:
            made = "__pycache__" in path.parts or re.search(r"\.(db(-.*)?|lock)$", path.name)
            if path.is_file() and not made and path != Path(__file__):
                yield path.relative_to(ROOT), path.read_text(errors="replace")


FORBIDDEN = {
    "a mark of something left over": r"\b(TODO|FIXME|XXX|HACK)\b",
    "a path of one machine": r"(?<![\w.~-])/(work|root|home|Users)/",
    "the host of a package registry": r"pypi\.org|pythonhosted\.org|npmjs\.|index[-_]url",
    "a conflict that was not resolved": r"(?m)^(<{7}|>{7}) ",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    seen = {str(path): text for path, text in texts()}
    assert {"app.py", "schema.sql", "Makefile", ".ci/run", "tests/conftest.py"} <= seen.keys()
    assert [f"{path}: {m[0]}" for path, text in seen.items() if (m := pattern.search(text))] == []
