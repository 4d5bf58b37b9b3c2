"""The Swift host: its text. No test here compiles it, since that takes Apple's frameworks."""

from __future__ import annotations

import re

import pytest

import support.host_models as small
from tflgpuc.backends.bundle import Bundle
from tflgpuc.backends.hosts import HOSTS
from tflgpuc.driver import compile
from tflgpuc.ir.errors import UsageError

MODELS = ("conv", "types", "states", "oddly_named")


def bundle_of(name: str, space: str = "small") -> Bundle:
    return compile(getattr(small, name)(), hosts=("swift",), name=space)


def text_of(bundle: Bundle) -> str:
    (path,) = (f["path"] for f in bundle.manifest["files"] if f["path"].startswith("host/"))
    return bundle.text(path)


@pytest.mark.parametrize("name", ["conv", "states"])
def test_the_text(name, golden):
    bundle = bundle_of(name)
    golden(f"hosts/{name}.swift", text_of(bundle).replace(bundle.manifest["compiler"], "tflgpuc"))


@pytest.mark.parametrize("name", MODELS)
def test_it_says_what_the_manifest_does(name):
    bundle = bundle_of(name)
    text, manifest = text_of(bundle), bundle.manifest
    steps = manifest["steps"]
    numbers = {b["name"]: i for i, b in enumerate(manifest["buffers"])}
    programs = {p["name"]: i for i, p in enumerate(manifest["programs"])}
    bound = re.findall(r" bind\(encoder, (\d+), (\d+), (\d+)\)", text)
    assert [tuple(map(int, b)) for b in bound] == [
        (i, numbers[b["buffer"]], b["offset"]) for s in steps for i, b in enumerate(s["bindings"])
    ]
    launched = re.findall(r" launch\(encoder, (\d+), MTLSizeMake\(([\d, ]+)\)", text)
    assert launched == [
        (str(programs[s["program"]]), ", ".join(map(str, s["groups"]))) for s in steps
    ]
    assert text.count("memoryBarrier(scope: .buffers)") == sum(s["barrier"] for s in steps)


@pytest.mark.parametrize("name", MODELS)
def test_brackets_match(name):
    open = []
    text = re.sub(r'//[^\n]*|"(\\.|[^"\\])*"', "", text_of(bundle_of(name)))
    for character in re.findall(r"[][(){}]", text):
        if character in "([{":
            open.append(character)
        else:
            assert open.pop() + character in ("()", "[]", "{}")
    assert not open


def test_many_launches_are_several_functions():
    bundle = bundle_of("conv")
    steps = bundle.manifest["steps"] * 150
    (made,) = HOSTS["swift"](bundle.manifest | {"steps": steps}, bundle).values()
    assert [made.count(f"func steps{i}(") for i in range(4)] == [1, 1, 1, 0]


def test_names():
    bundle = bundle_of("oddly_named", "class.1-b")
    paths = [f["path"] for f in bundle.manifest["files"]]
    assert "host/swift/Class1BModel.swift" in paths
    text = text_of(bundle)
    assert "public final class Class1BModel {" in text and text.isascii()


def test_refused_bundles():
    with pytest.raises(UsageError, match="the host swift can't run what the CPU has to: "):
        bundle_of("places")
