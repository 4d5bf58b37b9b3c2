"""Target profiles: one TOML file a GPU family."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from tflgpuc.ir.errors import UsageError
from tflgpuc.ir.target import Costs, Target, Tile

DEFAULT = "generic-gles31"


def target_names() -> list[str]:
    """The names of all profiles."""
    folder = files("tflgpuc.targets")
    return sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml"))


def load_target(name: str) -> Target:
    """The profile of this name; raises UsageError listing them all where there is none."""
    if name not in target_names():
        raise UsageError(f"no such target: {name}; there are {', '.join(target_names())}")
    data = tomllib.loads(files("tflgpuc.targets").joinpath(f"{name}.toml").read_text())
    limits, prefer = data["limits"], data["prefer"]
    return Target(
        name=name,
        description=data["description"],
        max_invocations=limits["invocations"],
        max_group=_three(limits["work_group"]),
        max_groups=_three(limits["work_groups"]),
        storage_blocks=limits["storage_blocks"],
        storage_bytes=limits["storage_bytes"],
        storage_alignment=limits["storage_alignment"],
        shared_bytes=limits["shared_bytes"],
        compute_units=data["compute_units"],
        wave=data["wave"],
        lanes_along_x=data.get("lanes_along_x", 1),
        invocations=prefer["invocations"],
        tiles=tuple(Tile(p, s) for p, s in prefer["tiles"]),
        depthwise_tiles=tuple(Tile(p, 1, r) for p, r in prefer["depthwise_tiles"]),
        costs=Costs(**data["costs"]),
    )


def _three(values: list[int]) -> tuple[int, int, int]:
    x, y, z = values
    return x, y, z
