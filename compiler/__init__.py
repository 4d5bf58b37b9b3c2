"""tflgpuc compiles TensorFlow Lite models ahead of time to standalone GPU compute shaders.

``compile`` makes a bundle, ``load`` opens one. Names are imported when first used, so that the
command line starts quickly.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tflgpuc.backends.bundle import Bundle, load
    from tflgpuc.backends.runtime.base import Runner
    from tflgpuc.driver import compile
    from tflgpuc.explanation import Explanation
    from tflgpuc.frontend import import_model
    from tflgpuc.ir.errors import (
        BundleError,
        DeviceError,
        LimitError,
        ModelError,
        PassError,
        TflgpucError,
        UnsupportedError,
        UsageError,
    )
    from tflgpuc.ir.graph.graph import Graph, Module
    from tflgpuc.ir.graph.op import Op, Value
    from tflgpuc.ir.schedule import Schedule
    from tflgpuc.ir.target import Target
    from tflgpuc.passes.base import GraphPass, Pass, SchedulePass
    from tflgpuc.passes.pipeline import default_passes
    from tflgpuc.passes.rules import Match, Rules
    from tflgpuc.targets import load_target, target_names
    from tflgpuc.version import VERSION as __version__

_HOMES = {
    "Bundle": "backends.bundle",
    "BundleError": "ir.errors",
    "DeviceError": "ir.errors",
    "Explanation": "explanation",
    "Graph": "ir.graph.graph",
    "GraphPass": "passes.base",
    "LimitError": "ir.errors",
    "Match": "passes.rules",
    "ModelError": "ir.errors",
    "Module": "ir.graph.graph",
    "Op": "ir.graph.op",
    "Pass": "passes.base",
    "PassError": "ir.errors",
    "Rules": "passes.rules",
    "Runner": "backends.runtime.base",
    "Schedule": "ir.schedule",
    "SchedulePass": "passes.base",
    "Target": "ir.target",
    "TflgpucError": "ir.errors",
    "UnsupportedError": "ir.errors",
    "UsageError": "ir.errors",
    "Value": "ir.graph.op",
    "compile": "driver",
    "default_passes": "passes.pipeline",
    "import_model": "frontend",
    "load": "backends.bundle",
    "load_target": "targets",
    "target_names": "targets",
}

__all__ = [
    "Bundle",
    "BundleError",
    "DeviceError",
    "Explanation",
    "Graph",
    "GraphPass",
    "LimitError",
    "Match",
    "ModelError",
    "Module",
    "Op",
    "Pass",
    "PassError",
    "Rules",
    "Runner",
    "Schedule",
    "SchedulePass",
    "Target",
    "TflgpucError",
    "UnsupportedError",
    "UsageError",
    "Value",
    "__version__",
    "compile",
    "default_passes",
    "import_model",
    "load",
    "load_target",
    "target_names",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("tflgpuc.version").VERSION
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"tflgpuc.{_HOMES[name]}"), name)
