"""How outputs are judged: floats by tolerance, integers exactly, quantised ones by a quantum."""

from __future__ import annotations

import numpy as np
import pytest

import tflgpuc
from support.tflite_writer import Operator, Subgraph, Table, Tensor, write
from tflgpuc.verification import Rule, _compared, _widened, verify

QUANTUM, EXACT, RELATIVE = Rule("quantum", 1e-3), Rule("exact", 0.0), Rule("relative", 1e-4)


def judged(rule, wanted, made, *others):
    row = _compared("case", "y", rule, wanted, made)
    return _widened(row, rule, wanted, made, others)


def off(array, count, by):
    made = array.copy()
    made.flat[:count] += by
    return made


def test_a_quantum_is_allowed_everywhere_and_more_in_few_places():
    q = np.arange(4000).reshape(40, 100).astype(np.int8) // 2
    assert judged(QUANTUM, q, q).verdict == "pass"
    row = judged(QUANTUM, q, off(q, 4000, 1))
    assert (row.verdict, row.error, row.relative) == ("pass, within a quantum", 1.0, 0.0)
    row = judged(QUANTUM, q, off(q, 4, 5))
    assert (row.passed, row.error, row.relative) == (True, 5.0, 1e-3)
    assert judged(QUANTUM, q, off(q, 5, 2)).verdict == "FAIL"
    assert not judged(QUANTUM, q[:1, :9], off(q[:1, :9], 1, 2)).passed


def test_differences_of_bytes_do_not_wrap():
    low, high = np.full(3, -128, np.int8), np.full(3, 127, np.int8)
    assert judged(QUANTUM, low, high).error == 255
    assert judged(EXACT, low.astype(np.int64) << 30, high.astype(np.int64)).relative == 1


def test_floats_that_stand_for_quantised_numbers():
    rule = Rule("quantum", 1e-3, step=0.1)
    y = np.arange(10, dtype=np.float32) * np.float32(0.1)
    assert judged(rule, y, y + np.float32(0.1)).passed
    assert not judged(rule, y, off(y, 1, 0.2)).passed
    assert np.isinf(judged(rule, y, off(y, 1, np.nan)).error)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.bool_])
def test_integers_and_truth_values_are_exact(dtype):
    n = np.array([0, 1, 1, 0], dtype)
    assert judged(EXACT, n, n).passed
    row = judged(EXACT, n, np.array([0, 1, 1, 1], dtype))
    assert (row.passed, row.error, row.relative) == (False, 1.0, 0.25)


def test_strings_are_exact():
    words = np.array([b"a", b"bc"], object)
    assert judged(EXACT, words, words.astype("S")).passed
    assert not judged(EXACT, words, np.array([b"a", b"b"], object)).passed


def test_other_types_and_shapes_never_pass():
    n = np.zeros((2, 3), np.int32)
    for made in (n.astype(np.float32), n.astype(np.int64), n.reshape(3, 2)):
        row = judged(EXACT, n, made, n + 1)
        assert row.verdict.startswith("FAIL: ")


def test_what_differs_from_none_of_litert_s_kernels_passes():
    n = np.array([1, 2, 3, 4], np.int32)
    other = np.array([1, 2, 9, 4], np.int32)
    row = judged(EXACT, n, other, n, other)
    assert (row.verdict, row.spread) == ("pass, within LiteRT's own spread", 0.25)
    assert not judged(EXACT, n, np.array([1, 2, 8, 4], np.int32), n, other).passed
    x = np.array([1, 2], np.float32)
    assert judged(RELATIVE, x, x + np.float32(0.01), x + np.float32(0.02)).passed
    assert not judged(RELATIVE, x, x + np.float32(0.1), x + np.float32(0.02)).passed
    # Kernels that give NaN excuse nothing.
    assert not judged(RELATIVE, x, x + np.float32(0.1), x * np.float32(np.nan)).passed


def test_outputs_get_the_rule_of_their_type(tmp_path):
    """One input, three outputs: floats, integers, and the input's own quantised numbers as floats."""
    scale = Table(
        "QuantizationParameters",
        {"scale": np.array([0.5], np.float32), "zero_point": np.array([3], np.int64)},
    )
    tensors = [
        Tensor("q", (2, 5), "int8", extra={"quantization": scale}),
        Tensor("moved", (5, 2), "int8", extra={"quantization": scale}),
        Tensor("perm", (2,), "int32", np.array([1, 0], np.int32)),
        Tensor("real", (2, 5)),
        Tensor("tanh", (2, 5)),
        Tensor("less", (2, 5), "bool"),
    ]
    operators = [
        Operator("TRANSPOSE", (0, 2), (1,), Table("TransposeOptions", {})),
        Operator("DEQUANTIZE", (0,), (3,), Table("DequantizeOptions", {})),
        Operator("TANH", (3,), (4,)),
        Operator("LESS", (3, 4), (5,), Table("LessOptions", {})),
    ]
    path = tmp_path / "m.tflite"
    path.write_bytes(write(Subgraph(tensors, operators, (0,), (1, 3, 4, 5))))
    rows = verify(path, tflgpuc.compile(path))
    assert [r.rule for r in rows] == ["quantum", "quantum", "relative", "exact"]
    assert all(r.passed and r.relative <= 1e-5 for r in rows), rows
    rows = verify(path, tflgpuc.compile(path), tolerance=1e-3)
    assert [r.rule for r in rows] == ["quantum", "relative", "relative", "exact"]


def test_state_is_compared_over_several_runs(tmp_path):
    """An SVDF of one step of memory: its second run depends on the first."""
    rng = np.random.default_rng(0)
    tensors = [
        Tensor("x", (1, 3)),
        Tensor("feature", (2, 3), data=rng.standard_normal((2, 3)).astype(np.float32)),
        Tensor("time", (2, 4), data=rng.standard_normal((2, 4)).astype(np.float32)),
        Tensor("state", (1, 8), extra={"is_variable": True}),
        Tensor("y", (1, 2)),
    ]
    options = Table("SVDFOptions", {"rank": 1})
    operators = [Operator("SVDF", (0, 1, 2, -1, 3), (4,), options)]
    path = tmp_path / "svdf.tflite"
    path.write_bytes(write(Subgraph(tensors, operators, (0,), (4,))))
    rows = verify(path, tflgpuc.compile(path))
    assert [r.case for r in rows] == ["random 0", "random 0, run 2", "random 0, run 3"]
    assert all(r.passed for r in rows), rows
