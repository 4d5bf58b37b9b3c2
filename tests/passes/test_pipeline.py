"""Pipelines as text: parsing, options, errors."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from tflgpuc.ir.errors import PassError
from tflgpuc.passes import pipeline
from tflgpuc.passes.base import PASSES, GraphPass
from tflgpuc.passes.fuse import Fuse
from tflgpuc.passes.pipeline import as_passes, default_passes, parse_pipeline


def names(passes):
    return [p.name for p in passes]


def test_default_covers_optimize_and_lower():
    assert names(parse_pipeline("optimize,lower")) == names(default_passes())


def test_options_are_typed():
    assert parse_pipeline("fuse{max_ops=8}") == [Fuse(max_ops=8)]
    assert str(Fuse(max_ops=8)) == "fuse{max_ops=8}"
    assert str(Fuse()) == "fuse"


def test_precision_follows_the_compile_option():
    (precision,) = [p for p in default_passes("f16") if p.name == "precision"]
    assert str(precision) == "precision{storage=f16}"


def test_module_and_class():
    made = parse_pipeline("tflgpuc.passes.fuse:Fuse{max_ops=2},dead-ops")
    assert names(made) == ["fuse", "dead-ops"]


def test_installed_packages_register_passes(monkeypatch):
    point = EntryPoint("other-fuse", "tflgpuc.passes.fuse:Fuse", "tflgpuc.passes")
    monkeypatch.setattr(
        pipeline, "entry_points", lambda group, name: [point] if name == "other-fuse" else []
    )
    assert parse_pipeline("other-fuse{max_ops=3}") == [Fuse(max_ops=3)]


def test_passes_and_text_mix():
    assert names(as_passes([Fuse(), "dead-ops"])) == ["fuse", "dead-ops"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fuze", "did you mean 'fuse'"),
        ("fuse{most=3}", "no option 'most'"),
        ("fuse{max_ops=many}", "is no int"),
        ("fuse{max_ops=true}", "is no int"),
        ("fuse{max_ops=3", "unexpected text"),
        ("nowhere:Pass", "no pass 'nowhere:Pass'"),
        ("tflgpuc.passes.fuse:merge", "is no pass"),
    ],
)
def test_errors(text, message):
    with pytest.raises(PassError, match=message):
        parse_pipeline(text)


def test_every_pass_says_what_it_does():
    for cls in PASSES.values():
        assert cls.describe().endswith(".")


def test_a_pass_needs_a_docstring():
    with pytest.raises(PassError, match="no description"):

        class Silent(GraphPass, name="silent"):
            pass
