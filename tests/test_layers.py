"""Arrows between packages point one way, and no module needs itself."""

from __future__ import annotations

import ast
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


def layer(module: str) -> str:
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


def imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "relative imports hide where things are"
            for alias in node.names:
                yield node, f"{node.module}.{alias.name}"


def for_types_only(tree: ast.Module) -> set[ast.stmt]:
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
        if isinstance(inner, ast.stmt)
    }


MODULES = modules()


@pytest.mark.parametrize("name", sorted(MODULES))
def test_arrows(name):
    own = layer(name)
    tree = ast.parse(MODULES[name].read_text())
    for node, target in imports(tree):
        if target.split(".")[0] == "tflgpuc":
            assert layer(target) in ALLOWED[own], f"line {node.lineno} imports {target}"


def test_no_cycles():
    graph = nx.DiGraph()
    for name, path in MODULES.items():
        tree = ast.parse(path.read_text())
        skipped = for_types_only(tree)
        for node, target in imports(tree):
            if node in skipped:
                continue
            while target not in MODULES and "." in target:
                target = target.rpartition(".")[0]
            if target in MODULES and target != name and not name.startswith(f"{target}."):
                graph.add_edge(name, target)
    assert list(nx.simple_cycles(graph)) == []
