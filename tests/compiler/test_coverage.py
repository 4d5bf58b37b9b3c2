"""The page of operators: it is what the compiler says now, and says what the compiler does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tflgpuc.coverage import document, element_types, operators, row, where
from tflgpuc.ir.graph.op import TFLITE_OPS
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.ops.shape import Shape
from tflgpuc.ir.graph.ops.softmax import Softmax
from tflgpuc.ir.graph.sampling import runtime

PAGE = Path(__file__).parents[2] / "docs" / "op-coverage.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == document(), "run: python -m tflgpuc.coverage > docs/op-coverage.md"


def test_every_operator_has_one_row():
    listed = operators()
    assert listed[:2] == ["ADD", "AVERAGE_POOL_2D"]
    assert len(listed) == len(set(listed)) > 200
    assert set(TFLITE_OPS) <= set(listed)


def test_a_row_says_how():
    label, runs, computed, types, _, samples = row("SOFTMAX")
    assert (label, runs, computed, int(samples)) == (
        "SOFTMAX",
        "GPU",
        "softmax",
        len(list(Softmax.samples())),
    )
    assert types.split(", ")[0] == "f32"
    assert row("SPLIT")[2] == "SPLIT gives equal slices"
    assert row("ABS")[2] == "elementwise"


def test_where_models_run():
    x = runtime(2, 3)
    unknown = Opaque(inputs=(x,), opcode="LSH_PROJECTION", types=(x.type,), reason="unknown")
    assert where(unknown) == "CPU"
    assert where(next(Shape.samples())) == "compile time"
    assert where(Softmax(input=x)) == "GPU"


@pytest.mark.parametrize("opcode", ["LOGICAL_AND", "REDUCE_ANY"])
def test_types_that_an_op_refuses_are_not_listed(opcode):
    assert element_types(list(TFLITE_OPS[opcode].samples())) == ["bool"]
