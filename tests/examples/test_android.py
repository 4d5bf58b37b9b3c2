"""The Android sample: what its files refer to is there, and its Java compiles and finds a face."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gles_process import missing
from support.java_driver import HERE, android_jars, compile_java, desktop, stubs, why_not
from support.models import zoo

ROOT = Path(__file__).parents[2] / "examples" / "android"
APP = ROOT / "app"
SOURCES = sorted((APP / "src/main/java").rglob("*.java"))
NAME = "{http://schemas.android.com/apk/res/android}name"


@pytest.fixture(scope="module")
def assets(models, tmp_path_factory):
    """What the page's command makes of the model, where the command says."""
    (line,) = re.findall(r"^tflgpuc .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    folder = tmp_path_factory.mktemp("android")
    model = models["face_detection_short_range"]
    (folder / model.name).symlink_to(model)
    (folder / "app/src/main/assets").mkdir(parents=True)
    subprocess.run([sys.executable, "-m", *shlex.split(line)], cwd=folder, check=True)
    return folder / "app/src/main/assets"


def test_what_files_refer_to_is_there(assets):
    gradle = (APP / "build.gradle").read_text()
    assert f"include ':{APP.name}'" in (ROOT / "settings.gradle").read_text()
    (folder,) = re.findall(r"srcDirs \+= 'src/main/assets/([^']*)'", gradle)
    assert [p.name for p in (assets / folder).rglob("*.java")] == ["Model.java"]
    (space,) = re.findall(r"namespace '([^']*)'", gradle)
    manifest = ElementTree.parse(APP / "src/main/AndroidManifest.xml")
    for activity in manifest.iter("activity"):
        path = f"{space}{activity.attrib[NAME]}".replace(".", "/")
        assert (APP / "src/main/java" / f"{path}.java").is_file()
    for source in SOURCES:
        package = str(source.parent.relative_to(APP / "src/main/java")).replace("/", ".")
        assert f"package {package};" in source.read_text()
    ignored = (ROOT / ".gitignore").read_text()
    assert "/app/src/main/assets/" in ignored


def sources(assets: Path) -> list[Path]:
    return [*SOURCES, *sorted(assets.rglob("*.java"))]


@pytest.mark.skipif(why_not(False) is not None, reason=str(why_not(False)))
def test_it_compiles(assets, tmp_path):
    compile_java([*sources(assets), *stubs(), *stubs("app")], tmp_path)


@pytest.mark.skipif(why_not(False) is not None, reason=str(why_not(False)))
def test_it_compiles_against_android(assets, tmp_path):
    jars = android_jars()
    if not jars:
        pytest.skip("no android.jar: set ANDROID_JAR or ANDROID_HOME")
    for jar in jars:
        compile_java(sources(assets), tmp_path, [jar])


@pytest.mark.skipif(why_not(True) is not None, reason=str(why_not(True)))
@pytest.mark.skipif(missing("system") is not None, reason=str(missing("system")))
@pytest.mark.zoo
def test_it_finds_faces(assets, tmp_path):
    """Two men before the camera, as shares of the picture."""
    picture = (zoo() or Path()) / "inputs" / "face.jpg"
    if not picture.is_file():
        pytest.skip("the zoo has no face.jpg")
    java = desktop(tmp_path)
    detector = [p for p in sources(assets) if p.name != "MainActivity.java"]
    made = tmp_path / "app"
    compile_java([*detector, HERE / "FindFaces.java"], made, [java.classes])
    image = np.asarray(Image.open(picture).convert("RGB").resize((128, 128)), np.uint32)
    pixels = image[..., 0] << 16 | image[..., 1] << 8 | image[..., 2] | 0xFF000000
    (tmp_path / "pixels").write_bytes(pixels.astype(">u4").tobytes())
    command = ["java", f"-Dandroid.gl={java.library}", "-cp", f"{java.classes}{os.pathsep}{made}"]
    command += ["org.tflgpuc.example.FindFaces", str(assets / "face"), str(tmp_path / "pixels")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = [[float(n) for n in line.split()] for line in done.stdout.splitlines()]
    assert 2 <= len(found) <= 4
    for x, y in ((0.59, 0.33), (0.35, 0.41)):
        (face,) = (f for f in found if f[0] < x < f[2] and f[1] < y < f[3])
        assert abs((face[0] + face[2]) / 2 - x) < 0.05 and abs((face[1] + face[3]) / 2 - y) < 0.05
