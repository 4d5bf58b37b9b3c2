"""Random graphs compute what LiteRT computes: by reference, on the interpreter, and on Mesa."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings

from gles_process import missing
from support.differential import Differential
from support.random_elementwise import ELEMENTWISE
from support.random_graphs import Maker, RandomGraph, random_graphs
from support.random_indexing import INDEXING
from support.random_movement import MOVEMENT
from support.random_sums import POOLS, SUMS

pytest.importorskip("ai_edge_litert", reason="LiteRT isn't installed")

MAKERS: dict[str, Maker] = {**ELEMENTWISE, **MOVEMENT, **SUMS, **INDEXING}
# Dividing by denormals, which GPUs take for zeros, and powers of negative infinities.
ORDINARY = ("ATAN2", "DIV", "FLOOR_DIV", "FLOOR_MOD", "POW")
# What is given NaNs, infinities and denormals too.
SPECIAL = [
    *(maker for name, maker in ELEMENTWISE.items() if name not in ORDINARY),
    *MOVEMENT.values(),
    *(SUMS[name] for name in POOLS),
]


@pytest.fixture(scope="module")
def devices() -> Iterator[Differential]:
    """Everything that runs graphs; Mesa where it's installed."""
    with Differential(gles=missing("system") is None) as made:
        yield made


def check(
    devices: Differential,
    makers: Sequence[Maker],
    examples: int,
    *,
    steps: int = 8,
    special: bool = False,
) -> None:
    """Draws graphs; a failure shows the smallest one that hypothesis finds."""

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(random_graphs(makers, steps, special))
    def same(sample: RandomGraph) -> None:
        assert devices.problems(sample) == {}

    devices.counts.clear()
    same()
    assert devices.counts["run"] > 0.9 * devices.counts["drawn"], "LiteRT refuses too many"


def many(request: pytest.FixtureRequest, few: int, sweep: int) -> int:
    """How many examples to try."""
    return sweep if request.config.getoption("--sweep") else few


def test_graphs(devices: Differential, request: pytest.FixtureRequest) -> None:
    check(devices, list(MAKERS.values()), many(request, 100, 2000))


def test_special_values(devices: Differential, request: pytest.FixtureRequest) -> None:
    check(devices, SPECIAL, many(request, 40, 500), steps=2, special=True)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_each_op(name: str, devices: Differential, request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--sweep"):
        pytest.skip("the random graphs have all ops: --sweep tries each by itself")
    check(devices, [MAKERS[name]], 100, steps=1)
