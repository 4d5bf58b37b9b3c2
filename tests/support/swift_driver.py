"""Compiles generated Swift hosts, and runs them over a stand-in for Metal; or parses them."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from support.objc_driver import PORTS, Program, find_kernels, why_not_compile
from tflgpuc.backends.bundle import Bundle

HERE = Path(__file__).parent / "metal" / "swift"
MODULES = ("Metal", "TensorFlowLite")


def why_no_compiler() -> str | None:
    """Why Swift can't be compiled here; None where it can."""
    return None if shutil.which("swiftc") else "no swiftc (Debian 13: swiftlang)"


def why_not() -> str | None:
    """Why Swift hosts can't be run here; None where they can."""
    return why_no_compiler() or why_not_compile()


def why_no_parser() -> str | None:
    """Why Swift can't be parsed here; None where it can."""
    found = all(importlib.util.find_spec(m) for m in ("tree_sitter", "tree_sitter_swift"))
    return None if found else "no tree-sitter-swift"


def swiftc(arguments: Sequence[object]) -> None:
    """Runs the compiler with warnings as errors; asserts that it has nothing to say."""
    command = ["swiftc", "-warnings-as-errors", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    said = result.stdout + result.stderr
    assert (result.returncode, said) == (0, ""), said[:4000]


def build_modules(folder: Path) -> Path:
    """The stand-ins for Metal and TensorFlow Lite as modules in ``folder``."""
    for name in MODULES:
        out = ["-emit-module-path", folder / f"{name}.swiftmodule", "-o", folder / f"lib{name}.a"]
        kind = ["-parse-as-library", "-emit-module", "-emit-library", "-static"]
        swiftc([*kind, "-module-name", name, *out, HERE / f"{name}.swift"])
    return folder


def type_check(modules: Path, sources: Sequence[Path]) -> None:
    """Checks the sources' types as those of one app; asserts that there is nothing to say."""
    swiftc(["-typecheck", "-parse-as-library", "-I", modules, *sources])


def build(bundle: Bundle, work: Path, modules: Path) -> Program:
    """Saves the bundle in ``work / "bundle"``, and compiles its host with driver and stand-ins."""
    folder = bundle.save(work / "bundle")
    sources = sorted((folder / "host" / "swift").glob("*.swift"))
    title = next(s.stem for s in sources if s.stem.endswith("Model")).removesuffix("Model")
    host, manifest = (
        (folder / "host" / "swift" / f"{title}Model.swift").read_text(),
        bundle.manifest,
    )
    values = {key: _ports(manifest[key], host, key.capitalize()) for key in PORTS}
    text = jinja2.Template((HERE / "driver.swift.j2").read_text()).render(
        title=title,
        segments=any(s["type"] == "segment" for s in manifest["steps"]),
        encodes="func encode(into" in host,
        **values,
    )
    (work / "main.swift").write_text(text)
    executable = work / "driver"
    libraries = ["-I", modules, "-L", modules, *(f"-l{name}" for name in MODULES)]
    swiftc(["-O", work / "main.swift", *sources, *libraries, "-o", executable])
    return Program(bundle, folder, executable, find_kernels(bundle))


def _ports(ports: list[dict[str, Any]], host: str, struct: str) -> list[dict[str, Any]]:
    body = host.split(f"public struct {struct} {{\n")[1].split("    public init")[0]
    found = re.findall(r"public var (`?\w+`?) = \[(\w+)\]", body)
    return [
        {"field": field, "type": type, "gpu": p["buffer"] is not None}
        for p, (field, type) in zip(ports, found, strict=True)
    ]


def syntax_errors(text: str) -> list[str]:
    """Where tree-sitter's grammar finds no sense in Swift: lines."""
    import tree_sitter
    import tree_sitter_swift

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_swift.language()))
    found, nodes = [], [parser.parse(text.encode()).root_node]
    while nodes:
        node = nodes.pop()
        if node.is_error or node.is_missing:
            line = node.start_point[0]
            found.append(f"{line + 1}: {text.splitlines()[line]}")
        nodes += node.children
    return found
