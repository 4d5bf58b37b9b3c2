"""Runs ``tflgpuc.judge`` on one model in a process with limits, and says what came of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

Json = dict[str, Any]
VERDICTS = (
    "match", "within quantum", "refused", "litert refuses", "wrong", "crash", "timeout", "memory",
)  # fmt: skip
BAD = ("wrong", "crash", "timeout", "memory")
# What a process that ran out of memory says before it aborts.
NO_MEMORY = re.compile(
    rb"bad_alloc|out of memory|cannot allocate|allocation failed|MemoryError", re.IGNORECASE
)
TAIL = 2000


@dataclass(frozen=True)
class Options:
    """How to judge models; ``timeout`` in seconds and ``memory`` in MB are each model's own."""

    device: str = "interpreter"
    library: str | None = None
    target: str = "generic-gles31"
    precision: str = "f32"
    inputs: str | None = None
    cpu: bool = True
    timeout: float = 600.0
    memory: int = 8192

    def key(self) -> Json:
        """What a judgement depends on, beside the model, the compiler and the limits."""
        return {k: v for k, v in asdict(self).items() if k not in ("timeout", "memory")}


@dataclass(frozen=True)
class Ended:
    """How a process ended: its status (negative for a signal), or whether time ran out."""

    status: int
    timed_out: bool = False
    stderr: bytes = b""


def verdict(found: Mapping[str, Any], ended: Ended) -> str:
    """One of ``VERDICTS``, from what the process found until it ended."""
    lost = _lost(found)
    if "memory" in found or (lost and _starved(ended)):
        return "memory"
    if lost and ended.timed_out:
        return "timeout"
    if "error" in found or (lost and found.get("litert") is None):
        return "crash"
    if found.get("refusal"):
        return "refused"
    if found.get("litert") is not None:
        return "litert refuses"
    if not found["passed"]:
        return "wrong"
    return "within quantum" if found["within_quantum"] else "match"


def _lost(found: Mapping[str, Any]) -> bool:
    """Whether a process ended without having said how."""
    return found.get("stage") != "done" and "memory" not in found and "error" not in found


def _starved(ended: Ended) -> bool:
    """Whether a process was ended, but not by us, for want of memory."""
    if ended.timed_out:
        return False
    return ended.status == -signal.SIGKILL or NO_MEMORY.search(ended.stderr) is not None


def reason(row: Mapping[str, Any]) -> str:
    """Why a model has its verdict, in a line; empty for one that matches."""
    ours = "; ".join(row.get("refusal") or ())
    theirs = row.get("litert")
    match row["verdict"]:
        case "refused":
            says = "LiteRT runs it" if theirs is None else theirs
            return f"{ours} ({says})"
        case "litert refuses":
            return str(theirs)
        case "wrong":
            return "; ".join(row["failed"])
        case "crash" | "timeout" | "memory":
            said = row.get("error") or row.get("memory") or row.get("ended") or ""
            return f"while it ran stage {row.get('stage', 'start')}: {said}"
    return ""


class Judges:
    """Runs the processes that judge; ``stop`` ends those that still run."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """Kills what runs, and lets nothing start any more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill(process)

    def judge(self, path: Path) -> Json:
        """What judging one model found, its verdict included."""
        given = self.options
        job = {"model": str(path), "memory": given.memory, **given.key()}
        command = [sys.executable, "-m", "tflgpuc.judge", json.dumps(job)]
        # Files, since nobody would empty pipes.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            with self._lock:
                if self._stopped:
                    return {}
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                    start_new_session=True,
                )  # fmt: skip
                self._running.add(process)
            try:
                ended = self._waited(process, err)
            finally:
                with self._lock:
                    self._running.discard(process)
            found = _findings(out)
        if _lost(found):
            found["ended"] = _described(ended, given)
            if found.get("stage") == "LiteRT" and not ended.timed_out and not _starved(ended):
                # LiteRT was alone with the model, so that it is LiteRT that can't run it.
                found["litert"] = f"LiteRT {found['ended']}"
        return {"verdict": verdict(found, ended), **found}

    def _waited(self, process: subprocess.Popen[bytes], err: BinaryIO) -> Ended:
        timed_out = False
        try:
            process.wait(self.options.timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            _kill(process)
            process.wait()
        err.seek(max(0, err.seek(0, os.SEEK_END) - TAIL))
        return Ended(process.returncode, timed_out, err.read())


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and those that it started."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _findings(out: BinaryIO) -> Json:
    found: Json = {}
    out.seek(0)
    for line in out:
        # The last line of a process that was killed may be half a line.
        with suppress(ValueError):
            found |= json.loads(line)
    return found


def _described(ended: Ended, options: Options) -> str:
    if ended.timed_out:
        return f"not done after {options.timeout:g} s"
    text = ended.stderr.decode(errors="replace").strip().splitlines()
    last = f": {text[-1]}" if text else ""
    if ended.status < 0:
        return f"died of {signal.Signals(-ended.status).name}{last}"
    return f"ended with status {ended.status}{last}"
