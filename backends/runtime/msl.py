"""Metal Shading Language on the host CPU: clang compiles it through a shim of metal_stdlib."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tflgpuc.ir.errors import DeviceError

Three = tuple[int, int, int]

FLAGS = [
    "-x", "c++", "-std=c++17", "-O2", "-fPIC", "-fvisibility=hidden",
    "-fno-math-errno", "-ffp-contract=off",
    "-Wall", "-Werror", "-Wno-unknown-attributes", "-Wno-user-defined-literals", "-fdeclspec",
    # Halves round after every operation, as on a GPU; excess precision would hide overflow.
    "-Xclang", "-ffloat16-excess-precision=none",
]  # fmt: skip
if platform.machine() == "x86_64":
    # Conversions of halves in hardware; wider vectors than these were slower.
    FLAGS.append("-march=x86-64-v3")
# The shim is tested with 19. 14 has no _Float16 here, 15 crashes on vectors of halves.
VERSIONS = (19, 20, 18, 17, 16)
SIGNATURE = re.compile(r"\bkernel\s+void\s+(\w+)\s*\(([^{]*?)\)\s*\{", re.DOTALL)
ARGUMENT = re.compile(r"(.*?)\s*(\w+)\s*\[\[\s*(\w+)\s*(?:\(\s*(\d+)\s*\))?\s*\]\]", re.DOTALL)
PLACES = {
    "thread_position_in_grid": "position",
    "thread_position_in_threadgroup": "local",
    "threadgroup_position_in_grid": "group",
}
THREADGROUP = re.compile(r"\bthreadgroup(?=\s+\w+\s+\w+\s*\[)")
GLUE = """
extern "C" __attribute__((visibility("default"))) int {name}__groups(
    void** buffers, const unsigned* groups, const unsigned* size, unsigned begin, unsigned end) {{
  const unsigned count = size[0] * size[1] * size[2];
  for (unsigned at = begin; at < end; at++) {{
    const unsigned where[] = {{
      at % groups[0], at / groups[0] % groups[1], at / groups[0] / groups[1]}};
    auto one = [&](unsigned i) {{
      const unsigned x = i % size[0], y = i / size[0] % size[1], z = i / size[0] / size[1];
      const auto group = metal_host::make<uint3>(where[0], where[1], where[2]);
      const auto local = metal_host::make<uint3>(x, y, z);
      const auto position = metal_host::make<uint3>(
          where[0] * size[0] + x, where[1] * size[1] + y, where[2] * size[2] + z);
      (void)group; (void)local; (void)position;
      ::{name}({arguments});
    }};
    {launch}
  }}
  return 0;
}}
"""
LOOP = "for (unsigned i = 0; i < count; i++) one(i);"
FIBERS = (
    "auto call = [](void* context, unsigned i) { (*static_cast<decltype(one)*>(context))(i); };\n"
    "    if (!metal_host::group_of_this_thread.run(count, call, &one)) return 1;"
)


@dataclass(frozen=True)
class Function:
    """A kernel function: its arguments as C++ expressions, the indices of the buffers among them,
    and whether its threads meet at barriers.
    """

    name: str
    arguments: tuple[str, ...]
    buffers: frozenset[int]
    barriers: bool


class MslLibrary:
    """The kernel functions of one .metal file, compiled for this machine; kept in a cache by content.

    Raises DeviceError where there is no usable clang, or with its diagnostics where it refuses.
    """

    def __init__(
        self, source: str, *, name: str = "kernels.metal", compiler: str | None = None
    ) -> None:
        self.name = name
        self.functions: Mapping[str, Function] = _functions(source)
        body = THREADGROUP.sub("static thread_local", source)
        glue = "".join(map(_glue, self.functions.values()))
        text = f'#line 1 "{Path(name).name}"\n{body}\n#line 1 "launcher"\n#include <launcher.h>\n{glue}'
        self._library = ctypes.CDLL(str(_built(text, name, compiler or find_clang())))

    def dispatch(
        self,
        function: str,
        buffers: Mapping[int, tuple[NDArray[np.uint8], int]],
        groups: Three,
        group_size: Three,
        threads: int = 1,
    ) -> None:
        """Runs whole threadgroups, on so many of the host's threads.

        ``buffers`` maps an index to contiguous bytes, which may be read-only ones where the function
        only reads, and an offset into them. Raises DeviceError where there is no such function,
        it lacks a buffer, or the threads of a threadgroup disagree about a barrier.
        """
        if function not in self.functions:
            raise DeviceError(f"{self.name}: there is no function {function!r}")
        lacking = self.functions[function].buffers - buffers.keys()
        if lacking:
            raise DeviceError(f"{self.name}: {function}: nothing is bound to buffer {min(lacking)}")
        bound = (ctypes.c_void_p * (max(buffers, default=0) + 1))()
        for index, (array, offset) in buffers.items():
            bound[index] = array.ctypes.data + offset
        run = getattr(self._library, f"{function}__groups")
        shape, size = (ctypes.c_uint * 3)(*groups), (ctypes.c_uint * 3)(*group_size)
        total = groups[0] * groups[1] * groups[2]
        share = max(1, -(-total // max(1, threads)))
        ranges = [(at, min(at + share, total)) for at in range(0, total, share)]

        def part(ends: tuple[int, int]) -> int:
            return int(run(bound, shape, size, *ends))

        if len(ranges) <= 1:
            failed = any(map(part, ranges))
        else:
            with ThreadPoolExecutor(len(ranges)) as pool:
                failed = any(list(pool.map(part, ranges)))
        if failed:
            raise DeviceError(f"{self.name}: {function}: not all threads reach a barrier")


def check(source: str, name: str = "kernels.metal", compiler: str | None = None) -> str:
    """What clang says of the file with real address spaces; nothing where it is clean."""
    body = THREADGROUP.sub("static threadgroup", source)
    return _clang(
        [*FLAGS, "-DMETAL_STRICT", "-fsyntax-only", "-Wunused-variable", "-Wno-unused-function"],
        f'#line 1 "{Path(name).name}"\n{body}',
        compiler or find_clang(),
    )


def find_clang() -> str:
    """A clang of version 16 or later: TFLGPUC_CLANG, or one on the path, preferably 19."""
    chosen = os.environ.get("TFLGPUC_CLANG")
    if chosen:
        if shutil.which(chosen) is None:
            raise DeviceError(f"TFLGPUC_CLANG is {chosen!r}, which is no program")
        return chosen
    for name in [*(f"clang++-{n}" for n in VERSIONS), "clang++"]:
        found = shutil.which(name)
        if found and _version(found) >= min(VERSIONS):
            return found
    raise DeviceError(
        "running Metal on the host needs clang 16 or later (Debian: clang-19), or TFLGPUC_CLANG; "
        "clang 14 and 15 can't compile its halves"
    )


@functools.cache
def _version(compiler: str) -> int:
    text = subprocess.run([compiler, "-dumpversion"], capture_output=True, text=True, check=False)
    major = text.stdout.split(".")[0].strip()
    return int(major) if major.isdigit() else 0


def _functions(source: str) -> dict[str, Function]:
    plain = re.sub(r"//[^\n]*", "", source)
    found = {}
    starts = list(SIGNATURE.finditer(plain))
    for match, following in zip(starts, [*starts[1:], None], strict=True):
        body = plain[match.end() : following.start() if following else None]
        name = match[1]
        arguments = tuple(_argument(name, text) for text in _split(match[2]))
        buffers = frozenset(int(n) for n in re.findall(r"\bbuffer\s*\(\s*(\d+)", match[2]))
        found[name] = Function(name, arguments, buffers, "threadgroup_barrier" in body)
    return found


def _split(text: str) -> list[str]:
    """Arguments between commas; those inside of attributes don't count."""
    return [part for part in re.split(r",(?![^\[]*\]\])", text) if part.strip()]


def _argument(function: str, text: str) -> str:
    match = ARGUMENT.search(text)
    if match is None:
        raise DeviceError(f"{function}: argument without an attribute: {text.strip()}")
    type, _, attribute, index = match.groups()
    if attribute == "buffer":
        pointer = re.sub(r"\b(device|constant)\b", "", type).strip()
        return f"static_cast<{pointer}>(buffers[{index}])"
    if attribute not in PLACES:
        raise DeviceError(f"{function}: unknown attribute {attribute}")
    return PLACES[attribute]


def _glue(function: Function) -> str:
    return GLUE.format(
        name=function.name,
        arguments=", ".join(function.arguments),
        launch=FIBERS if function.barriers else LOOP,
    )


def _shim() -> Path:
    return Path(str(files("tflgpuc.backends.runtime").joinpath("metal_shim")))


def _clang(flags: list[str], text: str, compiler: str) -> str:
    shim = str(_shim())
    made = subprocess.run(
        [compiler, *flags, "-isystem", shim, "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode and not made.stderr:
        return f"{compiler} ended with {made.returncode}"
    return made.stderr


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tflgpuc" / "msl"


def _built(text: str, name: str, compiler: str) -> Path:
    """The shared library of a translation unit, from the cache where it has been built before."""
    shim = b"".join(path.read_bytes() for path in sorted(_shim().iterdir()) if path.is_file())
    parts: list[Any] = [compiler, *FLAGS, text]
    key = hashlib.sha256("\0".join(parts).encode() + shim).hexdigest()[:32]
    made = _cache() / f"{key}.so"
    if made.exists():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=made.parent) as folder:
        part = Path(folder) / "kernels.so"
        problems = _clang([*FLAGS, "-shared", "-o", str(part), "-lpthread"], text, compiler)
        if not part.exists():
            raise DeviceError(f"{name}: {compiler} refuses it:\n{problems}")
        part.replace(made)
    return made
