"""Prints a C++17 host: one header, a source file that embeds the bundle, and glue for TensorFlow Lite."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from tflgpuc.backends.files import WEIGHTS_FILE, BundleFiles
from tflgpuc.backends.hosts.plan import Place, Plan, Port, make_plan
from tflgpuc.backends.hosts.template import c_string, render
from tflgpuc.backends.manifest import Json
from tflgpuc.backends.printer import Namer

_TYPES = {
    "f16": "std::uint16_t", "f32": "float", "f64": "double", "i8": "std::int8_t",
    "i16": "std::int16_t", "i32": "std::int32_t", "i64": "std::int64_t", "u8": "std::uint8_t",
    "u16": "std::uint16_t", "u32": "std::uint32_t", "u64": "std::uint64_t", "bool": "std::uint8_t",
    "c64": "std::complex<float>", "c128": "std::complex<double>",
}  # fmt: skip
_NOTES = {"f16": "halves", "bool": "0 or 1"}

# Name, result, parameters, and whether every OpenGL ES 3.1 has it.
_FUNCTIONS = (
    ("attachShader", "void", "GLuint, GLuint", True),
    ("bindBuffer", "void", "GLenum, GLuint", True),
    ("bindBufferRange", "void", "GLenum, GLuint, GLuint, std::ptrdiff_t, std::ptrdiff_t", True),
    ("bufferData", "void", "GLenum, std::ptrdiff_t, const void*, GLenum", True),
    ("bufferSubData", "void", "GLenum, std::ptrdiff_t, std::ptrdiff_t, const void*", True),
    ("compileShader", "void", "GLuint", True),
    (
        "copyBufferSubData",
        "void",
        "GLenum, GLenum, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t",
        True,
    ),
    ("createProgram", "GLuint", "", True),
    ("createShader", "GLuint", "GLenum", True),
    ("deleteBuffers", "void", "GLint, const GLuint*", True),
    ("deleteProgram", "void", "GLuint", True),
    ("deleteShader", "void", "GLuint", True),
    ("detachShader", "void", "GLuint, GLuint", True),
    ("dispatchCompute", "void", "GLuint, GLuint, GLuint", True),
    ("genBuffers", "void", "GLint, GLuint*", True),
    ("getError", "GLenum", "", True),
    ("getIntegerv", "void", "GLenum, GLint*", True),
    ("getProgramBinary", "void", "GLuint, GLint, GLint*, GLenum*, void*", True),
    ("getProgramInfoLog", "void", "GLuint, GLint, GLint*, char*", True),
    ("getProgramiv", "void", "GLuint, GLenum, GLint*", True),
    ("getShaderInfoLog", "void", "GLuint, GLint, GLint*, char*", True),
    ("getShaderiv", "void", "GLuint, GLenum, GLint*", True),
    ("getString", "const unsigned char*", "GLenum", True),
    ("linkProgram", "void", "GLuint", True),
    ("mapBufferRange", "void*", "GLenum, std::ptrdiff_t, std::ptrdiff_t, GLenum", True),
    ("maxShaderCompilerThreadsKHR", "void", "GLuint", False),
    ("memoryBarrier", "void", "GLenum", True),
    ("programBinary", "void", "GLuint, GLenum, const void*, GLint", True),
    ("programParameteri", "void", "GLuint, GLenum, GLint", True),
    ("shaderSource", "void", "GLuint, GLint, const char* const*, const GLint*", True),
    ("unmapBuffer", "unsigned char", "GLenum", True),
    ("useProgram", "void", "GLuint", True),
)


def print_cpp(manifest: Json, bundle: BundleFiles) -> dict[str, str]:
    """The files of the C++ host by name; the namespace is the model's name."""
    plan = make_plan(manifest, bundle, "glsl", _namer)
    space = _namer()(plan.model)
    ports = (*plan.inputs, *plan.outputs)
    values = {
        "plan": plan,
        "space": space,
        "functions": _FUNCTIONS,
        "in_type": lambda p: _type(p, "const "),
        "out_type": lambda p: _type(p, ""),
        "about": _about,
        "range_of": _range,
        "dynamic": any(t.dynamic for t in plan.host),
        "complex": any(p.tensor.dtype.startswith("c") for p in ports),
        "weights_bytes": plan.buffers[plan.weights][1],
        "initial_host": any(s.host is not None and s.initial for s in plan.states),
        "alignment": plan.alignment,
        "binaries": _binaries(manifest, plan),
        "texts": [(p, list(_lines(bundle.text(p)))) for p in _shader_files(plan)],
    }
    made = {
        f"{space}.hpp": render("cpp", "header.hpp.j2", **values),
        f"{space}_embedded.cpp": render("cpp", "embedded.cpp.j2", **values),
    }
    if plan.segments:
        made[f"{space}_tflite.hpp"] = render("cpp", "tflite.hpp.j2", **values)
    return made


def _namer() -> Namer:
    return Namer(files(__name__).joinpath("keywords.txt").read_text().split())


def _type(port: Port, const: str) -> str:
    if port.tensor.dynamic:
        return f"{const}Tensor*"
    return f"Span<{const}{_TYPES[port.tensor.dtype]}>"


def _about(port: Port) -> str:
    tensor = port.tensor
    if tensor.dynamic and not tensor.shape:
        return f"{tensor.dtype} of a shape that each run gives"
    shape = " x ".join("?" if n == -1 else str(n) for n in tensor.shape) or "scalar"
    return f"{tensor.dtype} {shape}" + (
        f", {_NOTES[tensor.dtype]}" if tensor.dtype in _NOTES else ""
    )


def _range(place: Place) -> str:
    return f"{{{place.buffer}, {place.offset}, {place.bytes}}}"


def _binaries(manifest: Json, plan: Plan) -> list[Json]:
    """The files that aren't shaders: path, bytes, and a name for a symbol."""
    sizes = {f["path"]: f["bytes"] for f in manifest["files"]}
    paths = [WEIGHTS_FILE] if plan.buffers[plan.weights][1] else []
    paths += [s.file for s in plan.segments]
    return [{"path": p, "bytes": sizes[p], "symbol": Path(p).stem} for p in paths]


def _shader_files(plan: Plan) -> list[str]:
    return list(dict.fromkeys(p.file for p in plan.programs))


def _lines(text: str) -> Iterator[str]:
    """The text as string literals, a line each."""
    for line in text.splitlines(keepends=True):
        yield c_string(line).replace("\\012", "\\n")
