"""Every snippet of docs/integrating.md but Swift's is compiled, and run where it is a program."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gles_process import missing
from support.cpp_driver import COMPILERS, compile_cpp
from support.java_driver import compile_java, stubs, why_not
from support.objc_driver import ARC, compile_objc, why_not_compile
from tflgpuc.backends.hosts import HOSTS
from tflgpuc.driver import compile

TEXT = (Path(__file__).parents[3] / "docs" / "integrating.md").read_text()
NO_GLES = missing("system")


def snippets(language: str) -> list[str]:
    """The page's snippets in a language."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert found
    return found


@pytest.fixture(scope="module")
def folder(models, tmp_path_factory):
    """A folder with the bundle that the page speaks of."""
    made = tmp_path_factory.mktemp("integrating")
    bundle = compile(models["face_detection_short_range"], hosts=tuple(HOSTS), name="face")
    bundle.save(made / "face")
    return made


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
    (command,) = (s for s in snippets("sh") if s.startswith("tflgpuc"))
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
