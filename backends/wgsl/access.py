"""Which bindings WebGPU needs to be writable."""

from __future__ import annotations

from tflgpuc.backends.manifest import Json


def writable_bindings(manifest: Json) -> dict[str, frozenset[int]]:
    """For each program the bindings to declare ``read_write``: those that it writes, and some others.

    In one dispatch WebGPU lets a buffer be bound for writing several times, as long as no two ranges
    overlap, or for reading, but not both: neither does it matter which part of the buffer is meant.
    So what a program reads beside something that it writes in the same buffer is writable too.
    """
    found = {
        p["name"]: {b["binding"] for b in p["bindings"] if b["access"] != "read"}
        for p in manifest["programs"]
    }
    steps = [s for s in manifest["steps"] if s["type"] == "dispatch"]
    changed = True
    # One step's needs may make another's binding writable, and then the buffer that it has there.
    while changed:
        changed = False
        for step in steps:
            writable = found[step["program"]]
            buffers = {step["bindings"][i]["buffer"] for i in writable}
            needed = {i for i, b in enumerate(step["bindings"]) if b["buffer"] in buffers}
            changed |= not needed <= writable
            writable |= needed
    return {name: frozenset(writable) for name, writable in found.items()}
