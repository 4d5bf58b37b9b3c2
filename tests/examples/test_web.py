"""The web demo, in a headless browser on a software GPU: every task finds what is in the picture."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import re
import runpy
import shutil
import threading
from pathlib import Path

import pytest

from support.models import NO_ZOO, zoo
from tflgpuc.backends.runtime.browser import launched
from tflgpuc.ir.errors import DeviceError

ROOT = Path(__file__).parents[2]
WEB = ROOT / "examples" / "web"
SCREENSHOTS = ROOT / ".cache" / "screenshots"
FLAGS = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
# Shaders compile slowly on a software GPU.
PATIENCE = 120_000
SAMPLES = ["cat.bmp", "face.jpg", "grace_hopper.bmp"]

prepare = runpy.run_path(str(WEB / "prepare.py"))["prepare"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@contextlib.contextmanager
def served(folder):
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    try:
        made = launched(*FLAGS)
    except DeviceError as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The page with the bundles of all four models and three samples."""
    models = zoo()
    if not models or not (models / "inputs").is_dir():
        pytest.skip(NO_ZOO)
    folder = tmp_path_factory.mktemp("web") / "site"
    shutil.copytree(WEB, folder, ignore=shutil.ignore_patterns("bundles", "__pycache__"))
    images = tmp_path_factory.mktemp("samples")
    for name in SAMPLES:
        shutil.copyfile(models / "inputs" / name, images / name)
    prepare(models, folder / "bundles", images)
    with served(folder) as address:
        yield address


@pytest.fixture(scope="module")
def page(browser, site):
    """The page on a desk, with the first task on the first sample."""
    page = browser.new_page(viewport={"width": 1360, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.problems, page.elsewhere = [], []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda m: m.type == "error" and page.problems.append(m.text))
    page.on(
        "request",
        lambda r: r.url.startswith((site, "blob:", "data:")) or page.elsewhere.append(r.url),
    )
    page.goto(site)
    page.wait_for_selector("body.ready")
    yield page
    page.close()


def shows(page, task, sample):
    """Runs a task on a sample, waits until it is measured, and leaves a picture of the page."""
    page.click(f'.task:has([value="{task}"])')
    page.click(f'.sample[aria-label="Sample: {sample}"]')
    page.wait_for_selector(f'#stage[data-state="shown"][data-measured="{task}"]')
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{task}.png")


def pixel(page, x, y):
    """The colour at a place of the canvas, given in shares of its size."""
    return page.evaluate(
        """([x, y]) => {
            const c = document.getElementById("canvas");
            return [...c.getContext("2d").getImageData(x * c.width, y * c.height, 1, 1).data];
        }""",
        [x, y],
    )


def test_segment(page):
    """The background is replaced beside the officer's head, and her face isn't."""
    shows(page, "selfie", "Grace hopper")
    (cover,) = re.findall(r"(\d+)%", page.inner_text("#summary"))
    assert 40 < int(cover) < 70
    page.click("text=Original")
    before = [pixel(page, 0.5, 0.4), pixel(page, 0.9, 0.1)]
    page.click("text=Original")
    page.click("text=Replace background")
    face, corner = pixel(page, 0.5, 0.4), pixel(page, 0.9, 0.1)
    assert max(abs(a - b) for a, b in zip(face, before[0], strict=True)) < 8
    assert max(abs(a - b) for a, b in zip(corner, before[1], strict=True)) > 40
    page.screenshot(path=SCREENSHOTS / "selfie_replaced.png")


def test_faces(page):
    """Both men in front are found, where they are."""
    shows(page, "faces", "Face")
    boxes = page.eval_on_selector_all("[data-box]", "all => all.map(e => e.dataset.box)")
    centres = sorted((x + w / 2, y + h / 2) for x, y, w, h in (map(int, b.split()) for b in boxes))
    assert centres == [pytest.approx((180, 149), abs=15), pytest.approx((307, 120), abs=15)]


def test_labels(page):
    shows(page, "labels", "Cat")
    numbers = page.eval_on_selector_all("[data-number]", "all => all.map(e => +e.dataset.number)")
    assert len(numbers) == 5
    assert numbers[0] == 286


def test_style(page):
    """Painted, the picture is nearly of one hue: that of the style."""
    shows(page, "style", "Cat")
    red, _, blue, _ = pixel(page, 0.2, 0.9)
    assert red > blue
    page.click("text=Lagoon")
    page.wait_for_selector("#stage:not([data-measured])", state="attached")
    page.wait_for_selector('#stage[data-measured="style"]')
    red, _, blue, _ = pixel(page, 0.2, 0.9)
    assert red < blue


def test_times(page):
    """Every dispatch has a row, the longest first when sorted."""
    shows(page, "faces", "Face")
    assert page.locator("#rows tr").count() == page.locator("#strip i").count() > 20
    page.click("text=By time")
    widths = page.eval_on_selector_all(
        "#rows .length", "all => all.map(e => parseFloat(e.style.width))"
    )
    assert widths[0] == 100
    assert widths == sorted(widths, reverse=True)


def test_camera(page):
    page.click("#camera")
    page.wait_for_selector("#fps:not([hidden])")
    assert page.get_attribute("#camera", "aria-pressed") == "true"
    page.click("#camera")
    page.wait_for_selector("#stage[data-measured]")
    assert page.is_hidden("#fps")


def test_phone(page):
    """Nothing is wider than a phone."""
    page.set_viewport_size({"width": 390, "height": 844})
    shows(page, "labels", "Cat")
    page.screenshot(path=SCREENSHOTS / "phone.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1360, "height": 900})


def test_nothing_from_elsewhere_and_no_errors(page):
    assert page.elsewhere == []
    assert page.problems == []


def test_a_browser_without_webgpu_says_so(browser, site):
    page = browser.new_page()
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined })")
    page.goto(site)
    page.wait_for_selector('#stage[data-state="error"]')
    assert page.inner_text(".notice .title") == "This browser has no WebGPU."
    page.close()


def test_a_page_without_models_says_how_to_get_them(browser, tmp_path):
    shutil.copytree(WEB, tmp_path / "site", ignore=shutil.ignore_patterns("bundles"))
    with served(tmp_path / "site") as address:
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector('#stage[data-state="error"]')
        assert "prepare.py" in page.inner_text(".notice .advice")
        page.close()


def test_prepare_skips_what_is_missing(tmp_path, capsys):
    prepare(tmp_path, tmp_path / "bundles")
    assert json.loads((tmp_path / "bundles" / "index.json").read_text())["tasks"] == {}
    assert capsys.readouterr().out.count("skipped") == 4
