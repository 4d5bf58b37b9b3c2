"""The version; setup.cfg is the one place that says it."""

from importlib.metadata import version

VERSION = version("tflgpuc")
