"""Memory plans: no overlap of tensors alive together, and the lower bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tflgpuc.passes.memory import Lifetime, best_offsets, lower_bound

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
