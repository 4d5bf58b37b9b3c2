"""The sample for iOS: what its files refer to is there, its code compiles, and it finds faces."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.models import zoo
from support.objc_driver import ARC, compile_objc, find_kernels, why_not_compile
from support.swift_driver import (
    HERE,
    build_modules,
    swiftc,
    syntax_errors,
    why_no_compiler,
    why_no_parser,
    why_not,
)
from tflgpuc.backends.bundle import load

ROOT = Path(__file__).parents[2] / "examples" / "ios"
PAGE = (ROOT / "README.md").read_text()
SOURCES = sorted((ROOT / "Sources").glob("*.swift"))
compiles = pytest.mark.skipif(why_no_compiler() is not None, reason=str(why_no_compiler()))


@pytest.fixture(scope="module")
def app(models, tmp_path_factory):
    """A folder in which the page's command has run."""
    (line,) = re.findall(r"^tflgpuc .*$", PAGE, re.MULTILINE)
    folder = tmp_path_factory.mktemp("ios")
    model = models["face_detection_short_range"]
    (folder / model.name).symlink_to(model)
    subprocess.run([sys.executable, "-m", *shlex.split(line)], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return build_modules(tmp_path_factory.mktemp("modules"))


def test_what_the_project_refers_to_is_there(app):
    yaml = pytest.importorskip("yaml")
    project = yaml.safe_load((ROOT / "project.yml").read_text())
    (target,) = project["targets"].values()
    assert (target["type"], target["platform"]) == ("application", "iOS")
    entries = [s if isinstance(s, str) else s["path"] for s in target["sources"]]
    there = {e: (ROOT / e).exists() or (app / e).exists() for e in entries if e != "photo.jpg"}
    assert all(there.values()), there
    assert "photo.jpg" in entries and "face" in entries
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {"/face/", "/photo.jpg", f"/{project['name']}.xcodeproj/"} <= set(ignored)
    assert f"{project['name']}.xcodeproj" in PAGE


@pytest.mark.skipif(why_no_parser() is not None, reason=str(why_no_parser()))
@pytest.mark.parametrize("source", SOURCES, ids=[s.stem for s in SOURCES])
def test_the_grammar(source):
    assert syntax_errors(source.read_text()) == []


@compiles
def test_its_types(app, modules, tmp_path):
    """Against stand-ins for Apple's modules."""
    kind = ["-parse-as-library", "-emit-module", "-module-name", "UIKit"]
    swiftc([*kind, "-emit-module-path", tmp_path / "UIKit.swiftmodule", HERE / "app/UIKit.swift"])
    host = sorted((app / "face/host/swift").glob("*.swift"))
    swiftc(["-typecheck", "-parse-as-library", "-I", tmp_path, "-I", modules, *SOURCES, *host])


@pytest.mark.skipif(why_not_compile() is not None, reason=str(why_not_compile()))
def test_the_variant_in_objective_c(app, tmp_path):
    (snippet,) = re.findall(r"```objc\n(.*?)```", PAGE, re.DOTALL)
    source = tmp_path / "detector.mm"
    source.write_text(snippet)
    compile_objc([*ARC, f"-I{app / 'face/host/objc'}", str(source)])


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
@pytest.mark.zoo
def test_it_finds_faces(app, modules, tmp_path):
    """Two men before the camera, as shares of the picture."""
    picture = (zoo() or Path()) / "inputs" / "face.jpg"
    if not picture.is_file():
        pytest.skip("the zoo has no face.jpg")
    host = sorted((app / "face/host/swift").glob("*.swift"))
    sources = [ROOT / "Sources/FaceDetector.swift", HERE / "app/FindFaces.swift", *host]
    modules_of = ["-I", modules, "-L", modules, "-lMetal"]
    swiftc(["-O", "-parse-as-library", *sources, *modules_of, "-o", tmp_path / "app"])
    image = Image.open(picture).convert("RGBA").resize((128, 128))
    (tmp_path / "pixels").write_bytes(np.asarray(image).tobytes())
    command = [tmp_path / "app", app / "face", tmp_path / "pixels"]
    environment = os.environ | {"METAL_KERNELS": str(find_kernels(load(app / "face")))}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found = [[float(n) for n in line.split()] for line in done.stdout.splitlines()]
    assert 2 <= len(found) <= 4
    for x, y in ((0.59, 0.33), (0.35, 0.41)):
        (face,) = (f for f in found if f[0] < x < f[2] and f[1] < y < f[3])
        assert abs((face[0] + face[2]) / 2 - x) < 0.05 and abs((face[1] + face[3]) / 2 - y) < 0.05
