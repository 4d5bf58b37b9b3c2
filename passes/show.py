"""A schedule as text, for people and golden tests."""

from __future__ import annotations

from collections.abc import Iterator

from tflgpuc.ir.schedule import CpuStep, Schedule


def print_schedule(schedule: Schedule) -> str:
    """Tensors with their places, then the steps."""
    return "\n".join(_lines(schedule)) + "\n"


def _lines(schedule: Schedule) -> Iterator[str]:
    yield f"schedule @{schedule.name} {{"
    for tensor in schedule.tensors.values():
        place = schedule.placements.get(tensor.name)
        where = f" at {place.buffer}+{place.offset}" if place else ""
        yield f"  {tensor.role} {tensor.name}: {tensor.type}{where}"
    for state in schedule.states:
        yield f"  {state.tensor} becomes {state.next}"
    for step in schedule.steps:
        if isinstance(step, CpuStep):
            yield f"  cpu({', '.join(step.inputs)}) -> ({', '.join(step.outputs)})"
            continue
        if step.barrier:
            yield "  barrier"
        kernel = step.kernel
        size = "x".join(map(str, kernel.group)) if kernel.group else "?"
        args = ", ".join(t or "weights" for t in step.tensors)
        yield f"  {kernel.name}<{'x'.join(map(str, kernel.grid))}, {size}>({args})"
    if schedule.placements:
        yield f"  arena {schedule.arena_bytes} bytes, lower bound {schedule.lower_bound}"
    yield "}"
