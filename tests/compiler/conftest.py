"""Fixtures of the command line's tests."""

from __future__ import annotations

import signal

import pytest

import tflgpuc
from support.small_models import conv_model
from support.tflite_writer import write
from tflgpuc.cli import main


@pytest.fixture
def cli(capsys):
    """Runs a command in this process; gives its status, stdout and stderr."""
    before = signal.getsignal(signal.SIGTERM)

    def call(*args):
        status = main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        return status, out, err

    yield call
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def model(tmp_path):
    """The file of a small model."""
    path = tmp_path / "small.tflite"
    path.write_bytes(write(conv_model()))
    return path


@pytest.fixture
def bundle(model, tmp_path):
    """The bundle of ``model``."""
    return tflgpuc.compile(model).save(tmp_path / "bundle")


@pytest.fixture
def made(tmp_path):
    """Writes a model's bytes to a file and compiles it; gives both places."""

    def make(data, name="made"):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(data)
        return path, tflgpuc.compile(path).save(tmp_path / name)

    return make
