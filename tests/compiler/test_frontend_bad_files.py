"""The frontend on files that are damaged, inconsistent or malicious: one clear error each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite

from support.small_models import CONV, conv_model, imported, reshape_model, tensors_with
from support.tflite_writer import Operator, Subgraph, Table, Tensor, write
from tflgpuc.frontend import import_model
from tflgpuc.frontend.flatbuffer import Reader, Record
from tflgpuc.ir.errors import ModelError, TflgpucError, UsageError

WIDE = np.zeros((5, 3, 3, 12), np.float32)
LOGISTIC = Operator("LOGISTIC", (3,), (4,))
CONV_OP = Operator("CONV_2D", (0, 1, 2), (3,), CONV)
BAD: dict[str, dict[str, Any]] = {
    r"op 0 \(conv_2d 'features'\): 2 input channels.*12": {
        "tensors": tensors_with(1, shape=WIDE.shape, data=WIDE)
    },
    "360 bytes for 5x3x3x3xf32": {"tensors": tensors_with(1, shape=(5, 3, 3, 3))},
    "impossible shape .0, 2147483647": {
        "tensors": tensors_with(1, shape=(0, 2**31 - 1, 2**31 - 1, 2**31 - 1))
    },
    "impossible shape .70000": {"tensors": tensors_with(0, shape=(70000, 70000, 70000, 70000))},
    r"result 'features' is f32, the file says i32": {"tensors": tensors_with(3, dtype="int32")},
    "tensor 9, but there are 5": {"operators": [Operator("CONV_2D", (0, 9), (3,), CONV)]},
    "output: tensor 7, but there are 5": {"outputs": (7,)},
    "input: tensor -1, but": {"inputs": (-1,)},
    "tensor 3 .'features'. is read before": {"operators": [LOGISTIC, CONV_OP]},
    "tensor 3 .'features'. is already defined": {"operators": [CONV_OP, CONV_OP]},
    "tensor 0 .'image'. is already defined": {"inputs": (0, 0)},
    "operand 'filter' is missing": {"operators": [Operator("CONV_2D", (0,), (3,), CONV)]},
    "has 2 results, not 1": {"operators": [replace(CONV_OP, outputs=(3, 4))]},
    "buffer 90, but there are 3": {"tensors": tensors_with(0, extra={"buffer": 90})},
    "unknown element type 100": {"tensors": tensors_with(0, extra={"type": 100})},
}


@pytest.mark.parametrize("message", BAD)
def test_inconsistent_models(message: str) -> None:
    with pytest.raises(ModelError, match=message):
        imported(conv_model(**BAD[message]))


def test_subgraphs_that_run_each_other() -> None:
    options = Table("CallOnceOptions", {"init_subgraph_index": 1})
    call = Operator("CALL_ONCE", (), (), options)
    first = conv_model(operators=[*conv_model().operators, call])
    second = Subgraph([], [], (), (), "init")
    module = imported(first, second)
    assert [g.name for g in module.graphs] == ["main", "init"]
    with pytest.raises(ModelError, match="in a circle"):
        imported(first, replace(second, operators=[call]))
    with pytest.raises(ModelError, match="init_subgraph_index 1, but there are 1"):
        imported(first)


def test_files_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        import_model(tmp_path / "none.tflite")
    with pytest.raises(UsageError, match=r"not a file|Is a directory"):
        import_model(tmp_path)
    empty = tmp_path / "empty.tflite"
    empty.touch()
    with pytest.raises(ModelError, match=r"^empty\.tflite: offset 0x4: no TFL3 identifier"):
        import_model(empty)
    with pytest.raises(ModelError, match="schema version 2"):
        imported(conv_model(), version=2)
    with pytest.raises(ModelError, match="no subgraph"):
        imported()


@pytest.mark.parametrize("at", [0, 1])
def test_offsets_out_of_range(at: int) -> None:
    data = bytearray(write(conv_model()))
    root = int.from_bytes(data[:4], "little")
    start = (0, root)[at]
    data[start : start + 4] = (0x7FFFFFF0).to_bytes(4, "little")
    with pytest.raises(ModelError, match=r"offset .* does not lie within the file's"):
        import_model(bytes(data))


def test_every_truncation_is_refused() -> None:
    data = write(conv_model())
    for end in range(0, len(data), 7):
        with pytest.raises(ModelError):
            import_model(data[:end])


def test_changed_bytes_raise_nothing_but_our_errors() -> None:
    rng = np.random.default_rng(11)
    models = [write(conv_model()), write(reshape_model(Tensor("shape", (2,), "int32")))]
    refused = 0
    for round in range(600):
        data = bytearray(models[round % 2])
        for _ in range(rng.integers(1, 5)):
            at = rng.integers(8, len(data))
            data[at] = rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))])
        try:
            import_model(bytes(data))
        except TflgpucError:
            refused += 1
    assert refused > 100
    for size in (8, 100, 5000):
        noise = bytearray(rng.bytes(size))
        noise[4:8] = b"TFL3"
        with pytest.raises(ModelError):
            import_model(bytes(noise))


def test_tables_named_again_and_again() -> None:
    """Vectors whose offsets all lead to one table are refused before the work is out of hand."""
    tensor = Table("Tensor", {"name": "t", "shape": np.zeros(0, np.int32), "type": 0})
    codes = [Table("OperatorCode", {})]
    graph = Table("SubGraph", {"tensors": [tensor] * 2000})
    data = write(subgraphs=[graph] * 300, operator_codes=codes)
    assert len(data) < 20_000
    with pytest.raises(ModelError, match="more tables than it can hold"):
        import_model(data)


def test_decoded_elements_are_counted() -> None:
    reader = Reader(write(conv_model()))
    record: Record = reader.root(tflite.Model, b"TFL3").subgraphs[0]
    for _ in range(100):
        assert record.inputs.size == 1
    with pytest.raises(ModelError, match="names the same data again and again"):
        reader.spend(8 * reader.size + 1_000_000 - 99)
