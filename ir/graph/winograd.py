"""Winograd's minimal filtering F(4x4, 3x3): Lavin and Gray, "Fast Algorithms for Convolutional Neural
Networks", 2016. Outputs are ``AT [(G g GT) * (BT d B)] A`` for filters ``g`` and 6x6 inputs ``d``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

# Outputs along each side of a tile, taps of a filter, and inputs that those outputs are made of.
OUTPUTS, TAPS, INPUTS = 4, 3, 6
POINTS = INPUTS * INPUTS

BT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    np.float32,
)
AT = np.array(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], np.float32
)
G = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)


def transformed_filter(filter: Matrix) -> Matrix:
    """An OHWI filter of 3x3 taps at the 36 points, computed in f64: (36, O, I)."""
    made = np.einsum("iy,oyxc,jx->ijoc", G, filter.astype(np.float64), G)
    out, _, _, channels = filter.shape
    return np.asarray(made.reshape(POINTS, out, channels), np.float32)
