"""WebGPU: printing kernels."""

from tflgpuc.backends.wgsl.printer import print_wgsl

__all__ = ["print_wgsl"]
