"""Compiles a model, runs it once on random inputs, and prints what comes out.

Usage: python examples/run_bundle.py model.tflite [interpreter|gles|msl]
"""

from __future__ import annotations

import sys

import numpy as np

import tflgpuc


def main(model: str, device: str = "interpreter") -> None:
    bundle = tflgpuc.compile(model)
    rng = np.random.default_rng(0)
    inputs = {
        port["name"]: rng.uniform(-1, 1, port["shape"]).astype(np.float32)
        for port in bundle.manifest["inputs"]
    }
    with bundle.runner(device) as runner:
        for name, array in runner.run(inputs).items():
            print(f"{name}: {array.shape}, {array.min():.4g} to {array.max():.4g}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
