"""``tflgpuc zoo``: every verdict on tiny models, limits that bite, reports that resume."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from support.small_models import conv_model
from support.tflite_writer import Operator, Subgraph, Tensor, write
from tflgpuc import judge, judges
from tflgpuc.ir.errors import UsageError
from tflgpuc.judges import Ended, Options, verdict
from tflgpuc.verification import Comparison
from tflgpuc.version import VERSION
from tflgpuc.zoo import by_family, families, read_report, reusable

FINE = {"stage": "done", "refusal": [], "litert": None, "passed": True, "within_quantum": False}


def one_op(opcode, shape=(2, 3), options=None):
    tensors = [Tensor("x", shape), Tensor("y", shape)]
    return write(Subgraph(tensors, [Operator(opcode, (0,), (1,), options)], (0,), (1,)))


@pytest.fixture
def folder(tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    (models / "conv_small.tflite").write_bytes(write(conv_model()))
    (models / "custom.tflite").write_bytes(one_op("CUSTOM:Frob"))
    (models / "tanh.tflite").write_bytes(one_op("TANH"))
    (models / "junk.tflite").write_bytes(b"no model at all")
    (models / "zoo.json").write_text(json.dumps([{"file": "tanh.tflite", "family": "small"}, {}]))
    return models


def rows(report):
    return {row["file"]: row for row in json.loads(report.read_text())["models"]}


def test_a_folder(cli, folder, tmp_path):
    report = tmp_path / "report.json"
    status, out, err = cli("zoo", folder, "--json", report)
    assert (status, err) == (0, "")
    found = rows(report)
    assert {name: row["verdict"] for name, row in found.items()} == {
        "conv_small.tflite": "match",
        "custom.tflite": "refused",
        "junk.tflite": "refused",
        "tanh.tflite": "match",
    }
    conv = found["conv_small.tflite"]
    assert (conv["gpu_ops"], conv["cpu_ops"], conv["cpu_macs"]) == (2, 0, 0)
    assert conv["gpu_macs"] == 4 * 3 * 5 * 3 * 3 * 2
    assert 0 <= conv["relative"] <= 1e-5
    (junk,) = found["junk.tflite"]["refusal"]
    assert not junk.startswith("junk.tflite")
    custom = found["custom.tflite"]
    assert custom["litert"].startswith("LiteRT refuses it: ")
    table = [line.split() for line in out.splitlines()]
    assert ["tanh.tflite", "small", "match"] == next(t[:3] for t in table if t[0] == "tanh.tflite")
    assert ["all", "4", "2", "0", "2", "0"] in [t[:6] for t in table if t]
    assert not list(tmp_path.glob(".*"))


def test_models_that_need_the_cpu_can_be_refused(cli, folder, tmp_path):
    report = tmp_path / "report.json"
    status, out, _ = cli("zoo", folder, "--only", "custom*", "--no-cpu", "--json", report)
    row = rows(report)["custom.tflite"]
    assert (status, row["verdict"]) == (0, "refused")
    assert "Frob" in row["refusal"][0]
    assert "LiteRT refuses it" in out


def test_a_second_run_judges_only_what_changed(cli, folder, tmp_path, monkeypatch):
    report = tmp_path / "report.json"
    assert cli("zoo", folder, "--json", report, "--only", "[ct]*")[0] == 0
    judged = []
    before = judges.Judges.judge

    def counted(self, path):
        judged.append(path.name)
        return before(self, path)

    monkeypatch.setattr(judges.Judges, "judge", counted)
    assert cli("zoo", folder, "--json", report, "--only", "[ct]*")[0] == 0
    assert judged == []
    (folder / "tanh.tflite").write_bytes(one_op("ABS"))
    assert cli("zoo", folder, "--json", report, "--only", "[ct]*", "--jobs", "2")[0] == 0
    assert judged == ["tanh.tflite"]
    assert cli("zoo", folder, "--json", report, "--only", "tanh*", "--again")[0] == 0
    assert judged == ["tanh.tflite"] * 2
    assert cli("zoo", folder, "--json", report, "--only", "tanh*", "--precision", "f16")[0] == 0
    assert judged == ["tanh.tflite"] * 3
    # What wasn't asked for stays in the report.
    assert set(rows(report)) == {"conv_small.tflite", "custom.tflite", "tanh.tflite"}


def test_time_runs_out(cli, folder, tmp_path):
    report = tmp_path / "report.json"
    only = ("--only", "tanh*", "--json", report)
    status, out, _ = cli("zoo", folder, *only, "--timeout", "0.05")
    assert status == 1
    assert "not done after 0.05 s" in out
    assert rows(report)["tanh.tflite"]["verdict"] == "timeout"
    # Another limit, another try.
    assert cli("zoo", folder, *only)[0] == 0
    assert rows(report)["tanh.tflite"]["verdict"] == "match"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't limit address space")
def test_memory_runs_out(cli, folder, tmp_path):
    # 100 MB in, 100 MB out, and LiteRT has them, too.
    (folder / "huge.tflite").write_bytes(one_op("TANH", (1, 5120, 5120)))
    report = tmp_path / "report.json"
    status, _, _ = cli("zoo", folder, "--only", "huge*", "--json", report, "--memory", "600")
    row = rows(report)["huge.tflite"]
    assert (status, row["verdict"]) == (1, "memory"), row


def test_a_process_that_dies_is_a_crash(cli, folder, tmp_path, monkeypatch):
    """The signal comes while the model is compiled, in the process that judges it."""
    code = (
        "import json, os, signal, sys, tflgpuc.judge as j\n"
        "j.compile = lambda *args, **options: os.kill(os.getpid(), signal.SIGSEGV)\n"
        "j.main(j.Job(**json.loads(sys.argv[1])))"
    )
    start = subprocess.Popen

    def started(command, **options):
        return start([command[0], "-c", code, command[-1]], **options)

    monkeypatch.setattr(judges.subprocess, "Popen", started)
    report = tmp_path / "report.json"
    status, out, _ = cli("zoo", folder, "--only", "tanh*", "--json", report)
    assert status == 1
    assert rows(report)["tanh.tflite"]["verdict"] == "crash"
    assert "stage compile: died of SIGSEGV" in out


def test_an_exception_is_a_crash_with_its_traceback(capfd, monkeypatch, tmp_path):
    def broken(*args, **options):
        raise RuntimeError("oops")

    monkeypatch.setattr(judge, "compile", broken)
    monkeypatch.setattr(judge, "_own_stdout", lambda: sys.stdout)
    judge.main(judge.Job(str(tmp_path / "m.tflite")))
    found = {}
    for line in capfd.readouterr().out.splitlines():
        found |= json.loads(line)
    assert "in broken" in found["traceback"]
    assert verdict(found, Ended(0)) == "crash"


@pytest.mark.parametrize(
    ("change", "ended", "expected"),
    [
        ({}, Ended(0), "match"),
        ({"within_quantum": True}, Ended(0), "within quantum"),
        ({"passed": False}, Ended(0), "wrong"),
        ({"refusal": ["no kernel"], "litert": "LiteRT refuses it"}, Ended(0), "refused"),
        ({"litert": "LiteRT can't run it"}, Ended(0), "litert refuses"),
        ({"stage": "compare"}, Ended(-signal.SIGABRT), "crash"),
        ({"stage": "compare"}, Ended(-signal.SIGKILL), "memory"),
        ({"stage": "compare"}, Ended(-signal.SIGKILL, timed_out=True), "timeout"),
        ({"stage": "compare"}, Ended(-signal.SIGABRT, stderr=b"std::bad_alloc"), "memory"),
        ({"stage": "LiteRT", "litert": "LiteRT died"}, Ended(-signal.SIGABRT), "litert refuses"),
        ({"stage": "LiteRT", "litert": "LiteRT died", "refusal": ["no"]}, Ended(-6), "refused"),
        ({"stage": "LiteRT", "memory": "no more"}, Ended(0), "memory"),
    ],
)
def test_verdicts(change, ended, expected):
    assert verdict(FINE | change, ended) == expected


def test_shares_count_operators_once():
    def step(type, *operators, macs=0):
        sources = [{"subgraph": 0, "operator": n} for n in operators]
        return {"type": type, "sources": sources, "macs": macs}

    steps = [
        step("dispatch", 0, 1, macs=10),
        step("dispatch", 1, macs=5),
        step("segment", 2, 3, macs=7),
        step("dispatch", 3, macs=1),
    ]
    assert judge.share({"steps": steps}) == {
        "gpu_ops": 2,
        "cpu_ops": 2,
        "gpu_macs": 16,
        "cpu_macs": 7,
    }


def test_findings_keep_the_worst():
    def row(rule, relative, passed, error=1.0):
        return Comparison("random 0", "y", rule, error, relative, 1e-4, None, passed)

    found = judge.findings([row("relative", 1e-6, True), row("quantum", 0.0, True)])
    assert (found["passed"], found["within_quantum"], found["relative"]) == (True, True, 1e-6)
    found = judge.findings([row("relative", float("inf"), False, float("inf"))])
    assert (found["passed"], found["relative"], found["quanta"]) == (False, "Infinity", None)
    assert found["failed"] == [
        "random 0: y: FAIL: NaN or Inf where LiteRT has none, or another shape or type: "
        "relative inf, tolerance 0.0001"
    ]


def test_families_and_totals(folder):
    files = sorted(folder.glob("*.tflite"))
    family = families(folder, files)
    assert family == {
        "conv_small.tflite": "conv",
        "custom.tflite": "custom",
        "junk.tflite": "junk",
        "tanh.tflite": "small",
    }
    made = {
        "conv_small.tflite": {"verdict": "match", "relative": 1e-6, "gpu_macs": 3_000_000},
        "tanh.tflite": {"verdict": "wrong", "relative": "Infinity", "cpu_ops": 2},
    }
    *each, total = by_family(made, family)
    assert [row["family"] for row in each] == ["conv", "small"]
    assert (total["family"], total["models"], total["match"], total["wrong"]) == ("all", 2, 1, 1)
    assert (total["GPU MMACs"], total["CPU ops"]) == (3, 2)
    assert total["worst relative"] == float("inf")


def test_limits_matter_only_where_they_bit():
    options = Options(timeout=5)
    row = {
        "sha256": "a",
        "compiler": VERSION,
        "options": options.key(),
        "limits": {"timeout": 1, "memory": options.memory},
        "verdict": "match",
    }
    assert reusable(row, "a", options)
    assert not reusable(row | {"verdict": "timeout"}, "a", options)
    assert not reusable(row | {"compiler": "0"}, "a", options)
    assert not reusable(row, "b", options)
    assert not reusable(row, "a", Options(device="msl"))


def test_another_file_is_no_report(cli, folder, tmp_path):
    other = tmp_path / "precious.json"
    other.write_text('{"format": "letters"}')
    with pytest.raises(UsageError, match="is no report"):
        read_report(other)
    assert cli("zoo", folder, "--json", other)[0] == 2
    assert other.read_text() == '{"format": "letters"}'
    assert cli("zoo", folder, "--only", "nothing*")[0] == 2
    assert cli("zoo", tmp_path / "nowhere")[0] == 2
