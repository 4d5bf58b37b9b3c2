"""The errors tflgpuc raises on purpose; everything else that escapes is a bug."""

from __future__ import annotations


class TflgpucError(Exception):
    """Base of every error that is somebody's to fix other than ours.

    ``problems`` holds one line per problem; the command line prints each on its own line.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ModelError(TflgpucError):
    """The model file is malformed or inconsistent; names the offset, tensor or op."""


class UnsupportedError(TflgpucError):
    """The model is valid but holds ops that can't be compiled; lists every one with its reason."""


class LimitError(TflgpucError):
    """A kernel breaks a limit of its target; names the kernel and the limit."""


class BundleError(TflgpucError):
    """A bundle is incomplete, altered, or of another version."""


class DeviceError(TflgpucError):
    """A driver, compiler or runtime refused something; carries its log."""


class PassError(TflgpucError):
    """A pass was misspelt, misconfigured, or broke the graph; names the pass."""


class UsageError(TflgpucError):
    """The caller asked for something that makes no sense."""


class VerifyError(TflgpucError):
    """A graph, op or schedule that breaks an invariant of the IR."""


class KernelError(TflgpucError):
    """A kernel's author wrote something ill-typed; names the line in the kernel."""


class ParseError(TflgpucError):
    """Text that is no IR; names line and column, and shows the line."""
