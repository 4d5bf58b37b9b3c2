"""What is packaged is what is there."""

from __future__ import annotations

import configparser
from pathlib import Path

import tflgpuc

ROOT = Path(__file__).parents[1]
MAPPING = {"compiler": "tflgpuc", "ir": "tflgpuc.ir", "passes": "tflgpuc.passes", "backends": "tflgpuc.backends"}


def setup() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


def folders() -> set[str]:
    found = set()
    for top, package in MAPPING.items():
        for init in (ROOT / top).rglob("__init__.py"):
            inner = init.parent.relative_to(ROOT / top).parts
            found.add(".".join((package, *inner)))
    return found


def test_every_package_is_listed():
    assert set(setup()["options"]["packages"].split()) == folders()


def test_every_data_file_is_packaged():
    patterns = {}
    for package, line in setup()["options.package_data"].items():
        patterns[package] = [p.strip() for p in line.split(",")]
    for top, name in MAPPING.items():
        for path in (ROOT / top).rglob("*"):
            if path.suffix in (".py", ".pyc") or path.is_dir():
                continue
            homes = [
                (name + "".join(f".{p}" for p in parent.relative_to(ROOT / top).parts), parent)
                for parent in path.parents
                if parent.is_relative_to(ROOT / top)
            ]
            assert any(
                path in parent.glob(pattern)
                for package, parent in homes
                for pattern in patterns.get(package, ())
            ), f"{path.relative_to(ROOT)} would be missing from the wheel"


def test_every_dependency_has_a_range():
    options = setup()
    lines = options["options"]["install_requires"].split("\n")
    for extra in options["options.extras_require"].values():
        lines += extra.split("\n")
    for line in filter(None, map(str.strip, lines)):
        requirement = line.split(";")[0]
        assert ">=" in requirement, requirement
        assert "<" in requirement, requirement


def test_public_names_exist():
    assert sorted(tflgpuc.__all__) == sorted({*tflgpuc._HOMES, "__version__"})
    for name in tflgpuc.__all__:
        assert getattr(tflgpuc, name) is not None
