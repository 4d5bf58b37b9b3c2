"""OpenGL ES shaders: printing kernels, and reading printed ones back."""

from tflgpuc.backends.glsl.printer import print_glsl

__all__ = ["print_glsl"]
