"""Every snippet of docs/integrating.md is compiled, and run where it is a program."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gles_process import missing
from support.cpp_driver import COMPILERS, FAKE_TFLITE, compile_cpp
from support.host_models import TARGET, doubles
from support.java_driver import compile_java, stubs, why_not
from support.objc_driver import ARC, compile_objc, why_not_compile
from support.swift_driver import (
    build_modules,
    syntax_errors,
    type_check,
    why_no_compiler,
    why_no_parser,
)
from tflgpuc.backends.hosts import HOSTS
from tflgpuc.backends.runtime.browser import Page
from tflgpuc.driver import compile
from tflgpuc.ir.errors import DeviceError

TEXT = (Path(__file__).parents[3] / "docs" / "integrating.md").read_text()
NO_GLES = missing("system")


def snippets(language: str) -> list[str]:
    """The page's snippets in a language."""
    found: list[str] = re.findall(rf"```{re.escape(language)}\n(.*?)```", TEXT, re.DOTALL)
    assert found
    return found


@pytest.fixture(scope="module")
def folder(models, tmp_path_factory):
    """A folder with the bundle that the page speaks of."""
    made = tmp_path_factory.mktemp("integrating")
    bundle = compile(
        models["face_detection_short_range"],
        emit=("glsl", "msl", "wgsl"),
        hosts=tuple(HOSTS),
        name="face",
    )
    bundle.save(made / "face")
    return made


@pytest.fixture(scope="module")
def with_segments(tmp_path_factory):
    """The hosts of a model that the CPU runs a part of, under the name that the page gives one."""
    made = tmp_path_factory.mktemp("segments")
    hosts = ("cpp", "java", "objc", "swift")
    compile(doubles(), target=TARGET, hosts=hosts, name="ssd").save(made / "ssd")
    return made / "ssd" / "host"


@pytest.mark.skipif(not COMPILERS, reason="no C++ compiler")
@pytest.mark.parametrize("compiler", COMPILERS)
def test_cpp_with_segments(with_segments, compiler, tmp_path):
    (text,) = snippets("cpp+segments")
    (tmp_path / "ssd.cpp").write_text(text)
    flags = [f"-I{with_segments / 'cpp'}", f"-I{FAKE_TFLITE}", "-fsyntax-only"]
    compile_cpp(compiler, [*flags, str(tmp_path / "ssd.cpp")])


@pytest.mark.skipif(why_not(False) is not None, reason=str(why_not(False)))
def test_java_with_segments(with_segments, tmp_path):
    (text,) = snippets("java+segments")
    (tmp_path / "Ssd.java").write_text(text)
    made = sorted((with_segments / "java").rglob("*.java"))
    given = [*stubs(), *stubs("app"), *stubs("tflite")]
    compile_java([tmp_path / "Ssd.java", *made, *given], tmp_path / "classes")


@pytest.mark.skipif(why_not_compile() is not None, reason=str(why_not_compile()))
def test_objc_with_segments(with_segments, tmp_path):
    (text,) = snippets("objc+segments")
    (tmp_path / "ssd.mm").write_text(text)
    compile_objc([*ARC, f"-I{with_segments / 'objc'}", str(tmp_path / "ssd.mm")])


@pytest.mark.skipif(why_no_compiler() is not None, reason=str(why_no_compiler()))
def test_swift(folder, with_segments, tmp_path):
    modules = build_modules(tmp_path)
    given = [(s, folder / "face/host/swift") for s in snippets("swift")]
    given += [(s, with_segments / "swift") for s in snippets("swift+segments")]
    for text, host in given:
        (tmp_path / "Snippet.swift").write_text(text)
        type_check(modules, [tmp_path / "Snippet.swift", *sorted(host.glob("*.swift"))])


@pytest.mark.skipif(why_no_parser() is not None, reason=str(why_no_parser()))
@pytest.mark.parametrize("text", [*snippets("swift"), *snippets("swift+segments")])
def test_the_grammar_of_swift(text):
    assert syntax_errors(text) == []


@pytest.mark.skipif(not COMPILERS, reason="no C++ compiler")
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("i", range(len(snippets("cpp"))))
def test_cpp(folder, compiler, i):
    source = folder / f"snippet{i}.cpp"
    source.write_text(snippets("cpp")[i])
    if "EGL/egl.h" in source.read_text() and not Path("/usr/include/EGL/egl.h").is_file():
        pytest.skip("no EGL headers")
    compile_cpp(compiler, [f"-I{folder / 'face/host/cpp'}", "-fsyntax-only", str(source)])


@pytest.mark.skipif(not COMPILERS, reason="no C++ compiler")
@pytest.mark.skipif(NO_GLES is not None, reason=str(NO_GLES))
def test_the_programs_as_they_are_built(folder):
    program = next(s for s in snippets("cpp") if "int main" in s)
    embedded = program.replace("face::directory(arguments[1])", "face::embedded()")
    commands = [s.strip() for s in snippets("sh") if s.startswith("c++")]
    assert len(commands) == 2
    for command, text in zip(commands, (program, embedded), strict=True):
        (folder / "app.cpp").write_text(text)
        for part in command.split(" && "):
            words = shlex.split(part.replace("c++ ", f"{COMPILERS[0]} ", 1))
            subprocess.run(words, cwd=folder, check=True)
    subprocess.run(["./app"], cwd=folder, check=True)


@pytest.mark.skipif(why_not(False) is not None, reason=str(why_not(False)))
@pytest.mark.parametrize("i", range(len(snippets("java"))))
def test_java(folder, tmp_path, i):
    source = tmp_path / "Snippet.java"
    source.write_text(snippets("java")[i])
    made = sorted((folder / "face" / "host").rglob("*.java"))
    compile_java([source, *made, *stubs(), *stubs("app")], tmp_path / "classes")


@pytest.mark.skipif(why_not_compile() is not None, reason=str(why_not_compile()))
@pytest.mark.parametrize("i", range(len(snippets("objc"))))
def test_objc(folder, tmp_path, i):
    source = tmp_path / "snippet.mm"
    source.write_text(snippets("objc")[i])
    compile_objc([*ARC, f"-I{folder / 'face/host/objc'}", str(source)])


def test_the_command_that_compiles(models, tmp_path):
    command = next(s for s in snippets("sh") if s.startswith("tflgpuc face_detection"))
    words = [sys.executable, "-m", *shlex.split(command)]
    model = models["face_detection_short_range"]
    (tmp_path / model.name).symlink_to(model)
    subprocess.run(words, cwd=tmp_path, check=True)
    assert (tmp_path / "face/host/cpp/face.hpp").is_file()


@pytest.mark.skipif(NO_GLES is not None, reason=str(NO_GLES))
@pytest.mark.parametrize("i", range(len(snippets("python"))))
def test_python(folder, i):
    environment = os.environ | {"PYTHONPATH": str(folder / "face" / "host" / "python")}
    command = [sys.executable, "-c", snippets("python")[i]]
    subprocess.run(command, cwd=folder, check=True, env=environment)


def test_the_command_that_compiles_for_browsers(models, tmp_path):
    (command,) = (s for s in snippets("sh") if "--host js" in s)
    model = models["face_detection_short_range"]
    (tmp_path / model.name).symlink_to(model)
    subprocess.run([sys.executable, "-m", *shlex.split(command)], cwd=tmp_path, check=True)
    assert (tmp_path / "web/face/host/js/face.js").is_file()


@pytest.mark.parametrize("i", range(len(snippets("js"))))
def test_javascript(folder, i):
    def read(path: str) -> bytes | None:
        if path == "app.js":
            return snippets("js")[i].encode()
        return (folder / path).read_bytes() if (folder / path).is_file() else None

    try:
        page = Page(read)
    except DeviceError as error:
        pytest.skip(str(error))
    page.evaluate("async () => void (await import('/app.js'))")
    page.close()
