"""Quantised ops that only choose and move elements: they don't round."""

from __future__ import annotations

from dataclasses import replace

from tflgpuc.ir.graph.op import Op, Value
from tflgpuc.ir.graph.ops.concatenation import Concatenation
from tflgpuc.ir.graph.ops.requantize import Requantize
from tflgpuc.passes.quantized_forms import Forms, is_quantised, real_constant, same_scaling
from tflgpuc.passes.quantized_rules import RuleBook, ranged, ratio_of

rules = RuleBook()


@rules(
    "tfl.batch_to_space_nd", "tfl.broadcast_to", "tfl.depth_to_space", "tfl.dynamic_update_slice",
    "tfl.expand_dims", "tfl.gather", "tfl.gather_nd", "tfl.maximum", "tfl.minimum",
    "tfl.mirror_pad", "tfl.pack", "tfl.pad", "tfl.padv2", "tfl.reduce_max", "tfl.reduce_min",
    "tfl.reshape", "tfl.resize_nearest_neighbor", "tfl.reverse_sequence", "tfl.reverse_v2",
    "tfl.select", "tfl.select_v2", "tfl.slice", "tfl.space_to_batch_nd", "tfl.space_to_depth",
    "tfl.split", "tfl.split_v", "tfl.squeeze", "tfl.strided_slice", "tfl.tile", "tfl.topk_v2",
    "tfl.transpose", "tfl.unpack",
)  # fmt: skip
def moved(op: Op, forms: Forms) -> tuple[Value, ...] | None:
    """TFLite moves the integers as they are; steps do as well where all have one scale.

    Where nothing is there as steps yet, the integers are moved.
    """
    given = [v for v in op.operands if is_quantised(v.type)]
    results = [v for v in op.results if is_quantised(v.type)]
    if not same_scaling((*given, *results)) or not any(map(forms.is_moved, given)):
        return None
    new = {v: forms.steps(v) if is_quantised(v.type) else forms.raw(v) for v in op.operands}
    return replace(op.with_operands(new), quantization=()).results


@rules("tfl.concatenation")
def joined(op: Concatenation, forms: Forms) -> tuple[Value, ...] | None:
    """Operands of other scales than the result's are rounded to it one by one."""
    if op.fused_activation_function != "NONE":
        return None
    if same_scaling((*op.values, op.result)):
        return moved(op, forms)
    low, high = ranged(op.result.type, "NONE")
    made = []
    for value in op.values:
        steps = forms.steps(value)
        if not same_scaling((value, op.result)):
            factor = real_constant(ratio_of(value, op.result))
            steps = Requantize(x=steps, factor=factor, low=low, high=high, ties="away").result
        made.append(steps)
    return (replace(op, values=tuple(made), quantization=()).result,)
