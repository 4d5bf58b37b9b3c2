"""Writes a graph as a standalone .tflite file: the way back from the frontend."""

from tflgpuc.backends.tflite.writer import write

__all__ = ["write"]
