"""Arrows between packages point one way, and no module needs itself."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "ir": {"ir"},
    "backends": {"ir", "backends"},
    "passes": {"ir", "backends", "passes"},
    "compiler": {"ir", "backends", "passes", "compiler"},
}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def layer(module: str) -> str:
    """The top-level folder that an installed module comes from."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ALLOWED else "compiler"


def modules() -> dict[str, Path]:
    found = {}
    for top in ALLOWED:
        for path in (ROOT / top).rglob("*.py"):
            inner = path.relative_to(ROOT / top).with_suffix("").parts
            inner = inner[:-1] if inner[-1] == "__init__" else inner
            name = ("tflgpuc",) if top == "compiler" else ("tflgpuc", top)
            found[".".join((*name, *inner))] = path
    return found


def imports(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Every import under ``tree``, also those that a call with a literal name makes."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from ((node, alias.name) for alias in node.names)
            case ast.ImportFrom(module=module, level=level):
                assert level == 0, f"line {node.lineno}: relative imports hide where things are"
                yield from ((node, f"{module}.{alias.name}") for alias in node.names)
            case ast.Call(
                func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name))]
            ):
                yield node, name


def for_types_only(tree: ast.Module) -> set[ast.AST]:
    """What lies under ``if TYPE_CHECKING``, which never runs."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }


def needed_modules(tree: ast.Module, known: dict[str, Path]) -> set[str]:
    """Our modules that run when the module of ``tree`` is imported, or later on its account."""
    skipped = for_types_only(tree)
    found = set()
    for node, target in imports(tree):
        while target not in known and "." in target:
            target = target.rpartition(".")[0]
        if node not in skipped and target in known:
            found.add(target)
    return found


def dependencies(known: dict[str, ast.Module]) -> nx.DiGraph:
    graph = nx.DiGraph()
    for name, tree in known.items():
        graph.add_edges_from((name, target) for target in needed_modules(tree, known) - {name})
    return graph


MODULES = modules()
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_arrows(name):
    for node, target in imports(TREES[name]):
        if target.split(".")[0] == "tflgpuc":
            assert layer(target) in ALLOWED[layer(name)], f"line {node.lineno} imports {target}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_functions_hide_no_imports(name):
    """Inside a function may stand only what is heavy and from elsewhere: GL, LiteRT, pictures."""
    if name == "tflgpuc" or name.startswith("tflgpuc.cli"):
        return  # The facade and the commands import when used, so that --help is quick.
    for function in ast.walk(TREES[name]):
        if isinstance(function, FUNCTIONS):
            for node, target in imports(function):
                top = target.split(".")[0]
                assert top != "tflgpuc", f"line {node.lineno} hides an import of {target}"
                assert top not in sys.stdlib_module_names, f"line {node.lineno} hides {target}"


def test_no_cycles():
    assert list(nx.simple_cycles(dependencies(TREES))) == []


def test_a_cycle_would_be_found():
    sources = {
        "tflgpuc.ir.a": "def f():\n    from tflgpuc.ir.b import x",
        "tflgpuc.ir.b": "import tflgpuc.ir.a",
    }
    graph = dependencies({name: ast.parse(text) for name, text in sources.items()})
    assert sorted(map(sorted, nx.simple_cycles(graph))) == [["tflgpuc.ir.a", "tflgpuc.ir.b"]]
