"""Memory plans: no overlap of tensors alive together, and the lower bound."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tflgpuc.passes.memory import (
    Lifetime,
    best_offsets,
    conflicts,
    lower_bound,
    pairs,
    place,
    searched,
    swept,
    top,
)

lifetimes = st.lists(
    st.tuples(st.integers(1, 64), st.integers(0, 20), st.integers(0, 6)), min_size=1, max_size=25
).map(lambda rows: [Lifetime(f"t{i}", s * 16, a, a + d) for i, (s, a, d) in enumerate(rows)])


@given(lifetimes)
def test_tensors_alive_together_do_not_overlap(alive):
    offsets = best_offsets(alive)
    for i, a in enumerate(alive):
        for b in alive[i + 1 :]:
            if a.meets(b):
                apart = offsets[a.name] + a.size <= offsets[b.name]
                assert apart or offsets[b.name] + b.size <= offsets[a.name]


@given(lifetimes)
def test_the_plan_of_very_many_tensors_is_one_too(alive):
    offsets = swept(alive)
    meeting = [(a, b) for i, a in enumerate(alive) for b in alive[i + 1 :] if a.meets(b)]
    assert pairs(alive) == len(meeting)
    assert lower_bound(alive) <= top(alive, offsets)
    for a, b in meeting:
        apart = offsets[a.name] + a.size <= offsets[b.name]
        assert apart or offsets[b.name] + b.size <= offsets[a.name]


@given(lifetimes)
def test_no_plan_beats_the_lower_bound(alive):
    offsets = best_offsets(alive)
    assert max(offsets[a.name] + a.size for a in alive) >= lower_bound(alive)


def test_lower_bound_is_the_fullest_step():
    alive = [Lifetime("a", 10, 0, 1), Lifetime("b", 20, 1, 2), Lifetime("c", 5, 2, 3)]
    assert lower_bound(alive) == 30


def test_a_chain_meets_the_bound():
    alive = [Lifetime(f"t{i}", 100 + i, i, i + 1) for i in range(20)]
    offsets = best_offsets(alive)
    assert max(offsets[a.name] + a.size for a in alive) == lower_bound(alive)


def random_lifetimes(seed, count=24):
    rng = random.Random(seed)
    births = sorted(rng.randrange(20) for _ in range(count))
    return [
        Lifetime(f"t{i}", 64 * rng.randrange(1, 40), birth, birth + rng.randrange(1, 6))
        for i, birth in enumerate(births)
    ]


def test_the_search_beats_the_greedy_plans_and_never_loses():
    better = 0
    for seed in range(30):
        alive = random_lifetimes(seed)
        graph, bound = conflicts(alive), lower_bound(alive)
        order = sorted(alive, key=lambda a: (-a.size, a.first, a.name))
        greedy = place(order, graph)
        found = searched(order, greedy, graph, bound)
        assert bound <= top(alive, found) <= top(alive, greedy)
        assert found == searched(order, greedy, graph, bound)
        better += top(alive, found) < top(alive, greedy)
        sizes = {x.name: x.size for x in alive}
        for a, b in ((a, b) for a, others in graph.items() for b in others):
            assert found[a] + sizes[a] <= found[b] or found[b] + sizes[b] <= found[a]
    assert better > 5
