"""What is packaged is what is there, and what is imported is what is declared."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import tflgpuc

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "compiler": "tflgpuc",
    "ir": "tflgpuc.ir",
    "passes": "tflgpuc.passes",
    "backends": "tflgpuc.backends",
}
SOURCES = sorted(path for top in FOLDERS for path in (ROOT / top).rglob("*.py"))


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


def package_of(folder: Path) -> str:
    top, *inner = folder.relative_to(ROOT).parts
    return ".".join((FOLDERS[top], *inner))


def requirements(text: str) -> list[str]:
    return [line.split(";")[0].strip() for line in text.splitlines() if line.strip()]


def distribution(requirement: str) -> str:
    """The name that a requirement starts with, as packaging tools compare names."""
    return re.sub("[-_.]+", "-", re.split(r"[\s\[<>=!~]", requirement)[0]).lower()


def top_level_imports(path: Path) -> set[str]:
    """The packages that importing this file imports."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names - {"tflgpuc"}


def test_every_package_is_listed(setup):
    found = {package_of(path.parent) for path in SOURCES if path.name == "__init__.py"}
    assert set(setup["options"]["packages"].split()) == found


def test_every_module_is_in_a_package(setup):
    packages = set(setup["options"]["packages"].split())
    assert [path for path in SOURCES if package_of(path.parent) not in packages] == []


def test_every_data_file_is_packaged(setup):
    packaged = set()
    folders = {package_of(path.parent): path.parent for path in SOURCES}
    for package, patterns in setup["options.package_data"].items():
        for pattern in patterns.split(","):
            packaged |= set(folders[package].glob(pattern.strip()))
    data = {
        path
        for top in FOLDERS
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert data == packaged


def test_every_dependency_has_a_range(setup):
    lists = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    for requirement in (r for text in lists for r in requirements(text)):
        assert re.fullmatch(r"[\w-]+>=[\d.]+,<[\d.]+", requirement), requirement


def test_what_is_imported_is_declared(setup):
    declared = {distribution(r) for r in requirements(setup["options"]["install_requires"])}
    homes = packages_distributions()
    for path in SOURCES:
        for name in top_level_imports(path):
            found = {distribution(home) for home in homes.get(name, ())}
            assert found & declared, f"{path.relative_to(ROOT)} imports {name}"


def test_the_version_stands_in_setup_cfg(setup):
    assert tflgpuc.__version__ == setup["metadata"]["version"]
    assert f"## {tflgpuc.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_public_names_exist():
    assert sorted(tflgpuc.__all__) == sorted({*tflgpuc._HOMES, "__version__"})
    for name in tflgpuc.__all__:
        assert getattr(tflgpuc, name) is not None
