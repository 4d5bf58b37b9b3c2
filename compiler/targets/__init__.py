"""Target profiles: one TOML file a GPU family; an app may bring its own."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from tflgpuc.ir.errors import UsageError
from tflgpuc.ir.target import Costs, Rates, Target, Tile

DEFAULT = "generic-gles31"


def target_names() -> list[str]:
    """The names of all profiles."""
    folder = files("tflgpuc.targets")
    return sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml"))


def load_target(name: str) -> Target:
    """The profile of this name, or in this file, whose name ends in ``.toml``.

    Raises UsageError listing all names where there is no such one, or saying what is wrong in the file.
    """
    if name.endswith(".toml"):
        return _target(Path(name).stem, _read(name))
    if name not in target_names():
        raise UsageError(
            f"no such target: {name}; there are {', '.join(target_names())}, or a file NAME.toml"
        )
    return _target(name, tomllib.loads(_text(f"{name}.toml")))


def schema() -> dict[str, Any]:
    """The JSON Schema of a profile."""
    made: dict[str, Any] = json.loads(_text("target.schema.json"))
    return made


def _text(file: str) -> str:
    return files("tflgpuc.targets").joinpath(file).read_text()


def _read(path: str) -> dict[str, Any]:
    """A profile from anywhere, which may be wrong."""
    try:
        data = tomllib.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path}: no target profile: {said}") from None
    # Built-in profiles are tested against the schema, and needn't wait for this import.
    import jsonschema

    try:
        jsonschema.validate(data, schema())
    except jsonschema.ValidationError as error:
        raise UsageError(f"{path}: no target profile: {error.json_path}: {error.message}") from None
    return data


def _target(name: str, data: Mapping[str, Any]) -> Target:
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
        texel_row=prefer.get("texel_row", 0),
        depthwise_tiles=tuple(Tile(p, 1, r) for p, r in prefer["depthwise_tiles"]),
        costs=Costs(**data["costs"]),
        rates=Rates(**data["rates"]),
    )


def _three(values: list[int]) -> tuple[int, int, int]:
    x, y, z = values
    return x, y, z


def target_text(target: Target) -> str:
    """A profile as the text of a file that ``load_target`` reads."""
    parts: dict[str, dict[str, Any]] = {
        "": {
            "description": target.description,
            "compute_units": target.compute_units,
            "wave": target.wave,
            "lanes_along_x": target.lanes_along_x,
        },
        "limits": {
            "invocations": target.max_invocations,
            "work_group": list(target.max_group),
            "work_groups": list(target.max_groups),
            "storage_blocks": target.storage_blocks,
            "storage_bytes": target.storage_bytes,
            "storage_alignment": target.storage_alignment,
            "shared_bytes": target.shared_bytes,
        },
        "prefer": {
            "texel_row": target.texel_row,
            "invocations": target.invocations,
            "tiles": [[t.pixels, t.slices] for t in target.tiles],
            "depthwise_tiles": [[t.pixels, t.rows] for t in target.depthwise_tiles],
        },
        "costs": asdict(target.costs),
        "rates": asdict(target.rates),
    }
    blocks = []
    for name, values in parts.items():
        # Strings, numbers and lists of numbers are spelled the same in JSON and TOML.
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        blocks.append("\n".join([f"[{name}]", *lines] if name else lines))
    return "\n\n".join(blocks) + "\n"
