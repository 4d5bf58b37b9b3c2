"""Metal: printing kernels."""

from tflgpuc.backends.msl.printer import print_msl

__all__ = ["print_msl"]
