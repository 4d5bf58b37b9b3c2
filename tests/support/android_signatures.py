"""Java stubs with the signatures of Android's own API, from type stubs for Python made of it."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

PACKAGE = "chaquopy-stubs-android"
CLASSES = (
    "EGL14",
    "EGLConfig",
    "EGLContext",
    "EGLDisplay",
    "EGLSurface",
    "GLES20",
    "GLES30",
    "GLES31",
)
_PLAIN = {
    "None": "void", "bool": "boolean", "str": "String", "float": "double",
    **{f"java.j{t}": t for t in ("int", "long", "float", "boolean", "byte", "short", "double", "char")},
}  # fmt: skip
_CLASS = re.compile(r"^class (\w+)(?:\(([^)]*)\))?:\n((?:[ ]{4}.*\n|\n)*)", re.MULTILINE)
_METHOD = re.compile(r"((?:^    @.*\n)*)^    def (\w+)\((.*)\) -> (.*): \.\.\.", re.MULTILINE)
_CONSTANT = re.compile(r"^    (\w+): typing\.ClassVar\[(.*)\] = \.\.\.", re.MULTILINE)


def why_no_signatures() -> str | None:
    """Why there are no signatures here; None where there are."""
    try:
        importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return f"no {PACKAGE}"
    return None


def write_signatures(folder: Path) -> list[Path]:
    """Sources of the classes of android.opengl that hosts use, whose methods do nothing."""
    files = importlib.metadata.distribution(PACKAGE).files or []
    (found,) = (f for f in files if str(f) == "android-stubs/opengl/__init__.pyi")
    made = []
    for name, bases, body in _CLASS.findall(Path(str(found.locate())).read_text()):
        if name in CLASSES:
            made.append(folder / "android" / "opengl" / f"{name}.java")
            made[-1].parent.mkdir(parents=True, exist_ok=True)
            made[-1].write_text(_class(name, bases.split(",")[0].strip(), body))
    assert len(made) == len(CLASSES)
    return made


def _class(name: str, base: str, body: str) -> str:
    """One class; values of constants are not known, and no method runs."""
    extends = f" extends {base}" if base in CLASSES else ""
    lines = ["package android.opengl;", f"public class {name}{extends} {{", f"  {name}() {{}}"]
    for constant, type in _CONSTANT.findall(body):
        java = _type(type)
        zero = {"boolean": "false", "int": "0", "long": "0", "float": "0", "byte": "0"}
        lines.append(f"  public static final {java} {constant} = {zero.get(java, 'null')};")
    for decorators, method, arguments, result in _METHOD.findall(body):
        # What every object has needs no stub.
        if method.startswith("_") or method in ("equals", "hashCode", "toString"):
            continue
        types = [_type(a.split(":", 1)[1]) for a in _split(arguments) if ":" in a]
        given = ", ".join(f"{type} a{i}" for i, type in enumerate(types))
        static = "static " if "staticmethod" in decorators or "classmethod" in decorators else ""
        lines.append(
            f"  public {static}{_type(result)} {method}({given}) {{ throw new AssertionError(); }}"
        )
    return "\n".join([*lines, "}", ""])


def _type(text: str) -> str:
    """Java's type for a parameter, which takes more types of Python's than the one of Java's."""
    choices = [choice.strip().strip("'\"") for choice in text.split("|")]
    for choice in choices:
        if choice.startswith("java.j") and choice in _PLAIN:
            return _PLAIN[choice]
    first = choices[0]
    array = re.fullmatch(r"java\.chaquopy\.JavaArrayJ(\w+)", first)
    if array:
        return f"{array[1].lower()}[]"
    array = re.fullmatch(r"java\.chaquopy\.JavaArray\[(.*)\]", text.strip())
    if array:
        return f"{_type(array[1])}[]"
    if first == "int":
        return "int"
    if first in _PLAIN:
        return _PLAIN[first]
    known = first in CLASSES or first.startswith("java.nio.")
    return first if known else "Object"


def _split(arguments: str) -> list[str]:
    """Arguments, at commas outside brackets."""
    return re.split(r",\s*(?![^\[]*\])", arguments)
