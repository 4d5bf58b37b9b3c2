"""The command line: how it is called, what it prints where, its exit status, ``inspect``."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import tflgpuc
from support.tflite_writer import Operator, Subgraph, Tensor, write

ODD_NAME = "[red]:dog:" + "x" * 300


def unary(opcode, shape=(1, 6, 7, 3), name="image"):
    """A model of one operator without options."""
    tensors = [Tensor(name, shape), Tensor("result", shape)]
    return write(Subgraph(tensors, [Operator(opcode, (0,), (1,))], (0,), (1,)))


def test_console_script_and_module_agree():
    from_module = [sys.executable, "-m", "tflgpuc", "--version"]
    from_script = [
        sys.executable,
        "-c",
        "import sys, tflgpuc.cli as c; sys.exit(c.main())",
        "--version",
    ]
    texts = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for command in (from_module, from_script)
    ]
    assert texts == [f"tflgpuc {tflgpuc.__version__}\n"] * 2


def test_help_imports_nothing_heavy():
    code = (
        "import sys, tflgpuc.cli; status = tflgpuc.cli.main(['compile', '--help'])\n"
        "heavy = {'numpy', 'rich', 'lark', 'tflite', 'networkx', 'jsonschema', 'OpenGL'}\n"
        "sys.exit(status or ' '.join(heavy & {*sys.modules}) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--input-shape" in done.stdout


def test_lists(cli):
    status, out, _ = cli("--list-targets")
    assert status == 0
    assert "generic-gles31: " in out
    status, out, _ = cli("--list-passes")
    assert status == 0
    assert "dead-ops: " in out
    assert "default = " in out


def test_a_model_alone_is_compiled(cli, model, tmp_path):
    status, out, err = cli(model, "-o", tmp_path / "out")
    made = tflgpuc.load(tmp_path / "out").manifest
    assert (status, err) == (0, "")
    assert f"{tmp_path / 'out'}: {len(made['steps'])} dispatches (0 copies) of" in out
    assert f"arena {made['memory']['arena_bytes']:,} bytes" in out


def test_options_may_come_first(cli, model, tmp_path):
    status, out, _ = cli("-o", tmp_path / "out", "--precision", "f16", "--json", model)
    made = tflgpuc.load(tmp_path / "out").manifest
    assert status == 0
    assert made["precision"] == "f16"
    summary = json.loads(out)
    assert summary["dispatches"] == len(made["steps"])
    assert summary["weights_bytes"] == (tmp_path / "out" / "weights.bin").stat().st_size


def test_shapes_languages_and_name(cli, model, tmp_path):
    options = ("--input-shape", "image=1,8,9,2", "--emit", "msl", "--name", "tiny")
    assert cli(model, "-o", tmp_path / "out", *options)[0] == 0
    made = tflgpuc.load(tmp_path / "out").manifest
    assert made["inputs"][0]["shape"] == [1, 8, 9, 2]
    assert [f["path"] for f in made["files"]] == ["msl/tiny.metal", "weights.bin"]


def test_ir_and_times_go_to_stderr(model, tmp_path):
    options = ["--print-ir-after", "fuse", "--print-ir-before", "fuse", "--time-passes"]
    command = [sys.executable, "-m", "tflgpuc", str(model), "-o", str(tmp_path / "out"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    err = done.stderr
    assert done.stdout.startswith(f"{tmp_path / 'out'}: ")
    assert err.index("// IR before fuse") < err.index("// IR after fuse")
    assert err.count("// IR ") == 2
    stages = [line.split()[-1] for line in err.splitlines() if " ms " in line and "%" in line]
    assert stages[0] == "import"
    assert stages[-2:] == ["write", "total"]
    assert "memory" in stages


def test_check_is_passed_on(cli, model, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("tflgpuc.passes.manager.Validation.check", lambda *args: seen.append(args))
    cli(model, "-o", tmp_path / "plain")
    assert not seen
    cli(model, "-o", tmp_path / "checked", "--check")
    assert seen


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--target", "abacus"), "no such target: abacus; there are"),
        (("--passes", "canonicalise"), "did you mean 'canonicalize'?"),
        (("--passes", "fuse{"), "unexpected text at column"),
        (("--passes", "optimize"), "ends before 'select'"),
        (("--input-shape", "1,2,3"), "not like NAME=1,224,224,3"),
        (("--input-shape", "image=1,x"), "not like NAME=1,224,224,3"),
        (("--input-shape", "picture=1,2"), "no input 'picture'"),
        (("--emit", "glsl,hlsl"), "no such language: hlsl"),
        (("--precision", "f64"), "'f64' is not one of"),
        (("--name", "../../escape"), "'../../escape' is not made of"),
        (("--name", ".."), "'..' is not made of"),
        (("--print-ir-after", "fused"), "no pass 'fused' to print the IR around"),
        (("--frobnicate",), "No such option"),
    ],
)
def test_wrong_usage(cli, model, tmp_path, options, message):
    before = sorted(tmp_path.rglob("*"))
    status, out, err = cli(model, "-o", tmp_path / "out", *options)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before


def test_wrong_commands(cli, model, bundle):
    for args, message in (
        ((model,), "Missing option '-o'"),
        (("run", bundle, "--input", "x=y.npy"), "no input 'x'; there are 'image'"),
        (("run", bundle, "--input", "none.npy"), "none.npy: No such file or directory\n"),
        (("run", bundle, "--input", "a.png", "--input", "b.png"), "2 files for 1 inputs"),
        (("bench", bundle, "--device", "msl", "--library", "angle"), "goes with --device gles"),
        (("bench", bundle, "--runs", "0"), "'--runs'"),
        (("verify", model, bundle, "--inputs", model), "no such folder"),
    ):
        status, out, err = cli(*args)
        assert (status, out) == (2, ""), args
        assert message in err


def test_missing_and_broken_files(cli, model, bundle, tmp_path):
    (tmp_path / "empty").mkdir()
    status, _, err = cli(tmp_path / "none.tflite", "-o", tmp_path / "out")
    assert (status, err) == (2, f"{tmp_path}/none.tflite: No such file or directory\n")
    for args in (
        ("inspect", tmp_path / "empty"),
        ("run", tmp_path / "empty", "--input", "x.npy"),
        ("verify", model, tmp_path / "empty"),
        ("bench", tmp_path / "empty"),
    ):
        status, _, err = cli(*args)
        assert status == 1
        assert (
            err == f"{tmp_path}/empty: no bundle here: No such file or directory: manifest.json\n"
        )
    model.write_bytes(model.read_bytes()[:100])
    status, out, err = cli(model, "-o", tmp_path / "out")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("small.tflite: ")
    assert not (tmp_path / "out").exists()


def test_every_refused_operator_has_its_line(cli, tmp_path):
    tensors = [Tensor(name, (2, 3)) for name in "abc"]
    operators = [Operator("CUSTOM:Frob", (0,), (1,)), Operator("CUSTOM:Nicate", (1,), (2,))]
    path = tmp_path / "odd.tflite"
    path.write_bytes(write(Subgraph(tensors, operators, (0,), (2,))))
    status, _, err = cli(path, "-o", tmp_path / "out")
    assert status == 1
    first, second = err.splitlines()
    assert first.startswith("odd.tflite: subgraph 0, op 0 (")
    assert second.startswith("odd.tflite: subgraph 0, op 1 (")
    status, out, _ = cli("inspect", path, "--json")
    assert status == 0
    assert all(row["where"] != "GPU" for row in json.loads(out)["ops"])


def test_what_is_no_bundle_is_not_replaced(cli, model, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    status, _, err = cli(model, "-o", tmp_path / "mine")
    assert (status, "exists and is no bundle" in err) == (1, True)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["letter"]


def test_files_that_cannot_be_written(cli, model, tmp_path):
    (tmp_path / "file").touch()
    status, _, err = cli(model, "-o", tmp_path / "file" / "out")
    assert status == 1
    assert err.startswith(f"{tmp_path}/file")
    assert err.count("\n") == 1


def fail(monkeypatch, error):
    def compile(*args, **options):
        raise error

    monkeypatch.setattr("tflgpuc.driver.compile", compile)


def test_a_bug_shows_its_traceback_under_debug_only(cli, model, monkeypatch):
    fail(monkeypatch, RuntimeError("oops"))
    status, _, err = cli(model, "-o", "out")
    assert (status, err.count("\n")) == (3, 1)
    assert err.startswith("tflgpuc: a bug: RuntimeError: oops; please report")
    status, _, err = cli(model, "-o", "out", "--debug")
    assert status == 3
    assert err.startswith("Traceback")


def test_an_interrupt_is_no_error(cli, model, monkeypatch):
    fail(monkeypatch, KeyboardInterrupt())
    status, out, err = cli(model, "-o", "out")
    assert (status, out, err.strip()) == (130, "", "")


def test_termination_leaves_nothing(model, tmp_path):
    """The signal comes between two files of the bundle."""
    code = (
        "import os, signal, sys, tflgpuc.backends.bundle as b, tflgpuc.cli as c\n"
        "def stop(path, chunks, write=b._write):\n"
        "    write(path, chunks); print(path); os.kill(os.getpid(), signal.SIGTERM)\n"
        "b._write = stop\n"
        "sys.exit(c.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, str(model), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (143, "")
    assert ".partial" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["small.tflite"]


def test_termination_is_not_lost(model, tmp_path):
    """Python drops the exception of a signal that comes inside a weakref's callback."""
    code = (
        "import os, signal, sys, weakref, tflgpuc.driver as d, tflgpuc.cli as c\n"
        "def stop(*args, import_model=d.import_model, **options):\n"
        "    thing = type('Thing', (), {})()\n"
        "    kept = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGTERM) or len('x'))\n"
        "    del thing; print('survived')\n"
        "    return import_model(*args, **options)\n"
        "d.import_model = stop\n"
        "sys.exit(c.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, str(model), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (143, "survived\n")
    assert [p.name for p in tmp_path.iterdir()] == ["small.tflite"]


def test_a_closed_pipe_is_quiet(bundle):
    reader, writer = os.pipe()
    os.close(reader)
    for args in (["--list-passes"], ["inspect", str(bundle)], ["inspect", str(bundle), "--json"]):
        command = [sys.executable, "-m", "tflgpuc", *args]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
        assert (done.returncode, done.stderr) == (1, b"")
    os.close(writer)


def test_inspect_model(cli, model):
    status, out, _ = cli("inspect", model, "--json")
    found = json.loads(out)
    macs = 4 * 3 * 5 * 3 * 3 * 2
    assert status == 0
    assert found["macs"] == macs
    assert found["constant_bytes"] == 4 * (5 * 3 * 3 * 2 + 5)
    assert [
        (row["opcode"], row["count"], row["macs"], row["where"]) for row in found["histogram"]
    ] == [
        ("CONV_2D", 1, macs, "GPU"),
        ("LOGISTIC", 1, 0, "GPU"),
    ]
    table = [line.split() for line in cli("inspect", model)[1].splitlines()]
    assert ["CONV_2D", "1", f"{macs:,}", "GPU"] in table
    assert "features  1x6x7x2xf32" in cli("inspect", model, "--ops")[1]


def test_inspect_bundle(cli, bundle):
    status, out, _ = cli("inspect", bundle, "--json")
    found, made = json.loads(out), tflgpuc.load(bundle).manifest
    assert status == 0
    assert found["memory"] == made["memory"]
    assert [row["program"] for row in found["steps"]] == [s["program"] for s in made["steps"]]
    assert "conv_2d+logistic" in {row["ops"] for row in found["steps"]}
    assert "conv_2d+logistic" in cli("inspect", bundle)[1]


def test_tables_show_names_whole_and_as_they_are(cli, made):
    path, _ = made(unary("ABS", name=ODD_NAME).replace(b"result", b"[bold]"))
    _, out, _ = cli("inspect", path, "--ops")
    assert f"input {ODD_NAME}: 1x6x7x3xf32" in out
    assert "[bold]" in out.splitlines()[-1]
