"""The frontend on small models written for it, good ones and every kind of bad one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite

from support.small_models import (
    BIAS,
    FILTER,
    conv_model,
    imported,
    reshape_model,
    tensors_with,
)
from support.tflite_writer import Operator, Subgraph, Table, Tensor, write
from tflgpuc.frontend import import_model
from tflgpuc.ir.errors import ModelError, UnsupportedError, UsageError
from tflgpuc.ir.graph.graph import Module
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.conv_2d import Conv2D
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.types import Quantization


def data_of(module: Module, name: str) -> Any:
    (found,) = [op.data for op in module.main.ops if isinstance(op, Constant) and name in op.names]
    return found


def test_operators_attributes_and_names() -> None:
    module = imported(conv_model(), description="two ops")
    conv = next(op for op in module.main.ops if isinstance(op, Conv2D))
    assert (conv.padding, conv.stride_w, conv.stride_h) == ("VALID", 2, 1)
    assert conv.fused_activation_function == "RELU6"
    assert str(conv.sources[0]) == "subgraph 0, op 0 (conv_2d 'features')"
    assert conv.result.type.shape == (1, 4, 3, 5)
    assert conv.result.name == "features"
    assert module.main.input_names == ("image",)
    assert module.main.output_names == ("scores",)
    assert module.description == "two ops"
    np.testing.assert_array_equal(data_of(module, "filter"), FILTER)


def test_constants_are_read_only_views_of_the_mapped_file(tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(write(conv_model()))
    module = import_model(path)
    filter = data_of(module, "filter")
    assert module.name == "net"
    assert not filter.flags.owndata
    assert not filter.flags.writeable
    np.testing.assert_array_equal(filter, FILTER)


def test_external_buffers() -> None:
    data = write(conv_model(tensors=tensors_with(1, external=True)))
    np.testing.assert_array_equal(data_of(import_model(data), "filter"), FILTER)
    with pytest.raises(ModelError, match="buffer 1 of 360 bytes, but the file ends"):
        import_model(data[:-4])


def test_unaligned_constants() -> None:
    raw = np.frombuffer(b"\0" + FILTER.tobytes(), np.uint8)
    data = write(conv_model(tensors=tensors_with(1, external=True)))
    # Moves the external data, and with it every offset to it, by a byte.
    start = len(data) - FILTER.nbytes
    moved = data[:start].replace(start.to_bytes(8, "little"), (start + 1).to_bytes(8, "little"))
    filter = data_of(import_model(moved + raw.tobytes()), "filter")
    np.testing.assert_array_equal(filter, FILTER)


def test_f16_constants_become_f32() -> None:
    half = FILTER.astype(np.float16)
    graph = conv_model()
    tensors = [*graph.tensors, Tensor("half", FILTER.shape, "float16", half)]
    tensors[1] = Tensor("filter", FILTER.shape)
    operators = [Operator("DEQUANTIZE", (5,), (1,)), *graph.operators]
    module = imported(conv_model(tensors=tensors, operators=operators))
    np.testing.assert_array_equal(data_of(module, "filter"), half.astype(np.float32))
    assert [op.name for op in module.main.ops].count("tfl.constant") == 2
    assert "tfl.dequantize" not in [op.name for op in module.main.ops]


def dimension(size: int) -> Table:
    return Table("DimensionMetadata", {"format": 0, "dense_size": size})


def compressed(segments: Any, indices: Any) -> Table:
    kind = {"uint8": "Uint8Vector", "uint16": "Uint16Vector", "int32": "Int32Vector"}
    fields: dict[str, Any] = {"format": 1, "dense_size": 0}
    for name, values in (("array_segments", segments), ("array_indices", indices)):
        table = kind[values.dtype.name]
        fields[f"{name}_type"] = getattr(tflite.SparseIndexVector, table)
        fields[name] = Table(table, {"values": values})
    return Table("DimensionMetadata", fields)


def sparse_graph(values: Any, shape: tuple[int, ...], sparsity: dict[str, Any]) -> Subgraph:
    extra = {"sparsity": Table("SparsityParameters", sparsity)}
    return Subgraph(
        tensors=[
            Tensor("sparse", shape, data=values, extra=extra),
            Tensor("dense", shape),
            Tensor("x", shape),
            Tensor("sum", shape),
        ],
        operators=[
            Operator("DENSIFY", (0,), (1,), Table("DensifyOptions", {})),
            Operator("ADD", (2, 1), (3,), Table("AddOptions", {})),
        ],
        inputs=(2,),
        outputs=(3,),
    )


@pytest.mark.parametrize("index", [np.uint8, np.uint16, np.int32])
def test_sparse_rows(index: type) -> None:
    dense = np.array([[0, 1, 0, 2], [0, 0, 0, 0], [3, 0, 0, 4]], np.float32)
    sparsity = {
        "traversal_order": np.array([0, 1], np.int32),
        "dim_metadata": [
            dimension(3),
            compressed(np.array([0, 2, 2, 4], index), np.array([1, 3, 0, 3], index)),
        ],
    }
    values = np.array([1, 2, 3, 4], np.float32)
    module = imported(sparse_graph(values, (3, 4), sparsity))
    np.testing.assert_array_equal(data_of(module, "dense"), dense)
    assert [op.name for op in module.main.ops] == ["tfl.constant", "tfl.add"]


def test_sparse_columns() -> None:
    """Columns first, and both axes listed: a column of zeros takes no segment."""
    dense = np.array([[0, 1, 0, 2], [0, 0, 0, 0], [0, 3, 0, 4]], np.float32)
    sparsity = {
        "traversal_order": np.array([1, 0], np.int32),
        "dim_metadata": [
            compressed(np.array([0, 2], np.uint8), np.array([1, 3], np.uint8)),
            compressed(np.array([0, 2, 4], np.uint8), np.array([0, 2, 0, 2], np.uint8)),
        ],
    }
    values = np.array([1, 3, 2, 4], np.float32)
    module = imported(sparse_graph(values, (3, 4), sparsity))
    np.testing.assert_array_equal(data_of(module, "dense"), dense)


def test_sparse_blocks() -> None:
    """The 2x2 blocks of TFLite's documentation: 1 to 4 in the corner, 5 to 8 to the lower right."""
    dense = np.zeros((4, 4), np.float32)
    dense[:2, :2] = [[1, 2], [3, 4]]
    dense[2:, 2:] = [[5, 6], [7, 8]]
    sparsity = {
        "traversal_order": np.array([0, 1, 2, 3], np.int32),
        "block_map": np.array([0, 1], np.int32),
        "dim_metadata": [
            dimension(2),
            compressed(np.array([0, 1, 2], np.uint8), np.array([0, 1], np.uint8)),
            dimension(2),
            dimension(2),
        ],
    }
    values = np.arange(1, 9, dtype=np.float32)
    module = imported(sparse_graph(values, (4, 4), sparsity))
    np.testing.assert_array_equal(data_of(module, "dense"), dense)


@pytest.mark.parametrize(
    ("segments", "indices", "shape", "message"),
    [
        ([0, 2, 2, 4], [1, 3, 0, 9], (3, 4), "outside of the shape"),
        ([0, 2, 2, 9], [1, 3, 0, 3], (3, 4), "do not end with its indices"),
        ([0, 2, 4], [1, 3, 0, 3], (3, 4), "do not fit 3 entries"),
        ([0, 2, 1, 4], [1, 3, 0, 3], (3, 4), "do not fit 3 entries"),
        ([0, 2, 2, 3], [1, 3, 0], (3, 4), "4 values for a sparsity with 3 entries"),
        ([0, 2, 2, 4], [1, 3, 0, 3], (30000, 60000), "unpack to too many bytes"),
        ([0, 2, 2, 4], [1, 3, 0, 3], (300000, 600000), "impossible shape"),
    ],
)
def test_bad_sparsity(segments: Any, indices: Any, shape: Any, message: str) -> None:
    sparsity = {
        "traversal_order": np.array([0, 1], np.int32),
        "dim_metadata": [
            dimension(3),
            compressed(np.array(segments, np.int32), np.array(indices, np.int32)),
        ],
    }
    graph = sparse_graph(np.ones(4, np.float32), shape, sparsity)
    with pytest.raises(ModelError, match=message):
        imported(graph)


def test_quantization_and_shape_signature() -> None:
    tensors = [*conv_model().tensors]
    tensors[0].extra.update(
        shape_signature=np.array([-1, 6, 7, 2], np.int32),
        quantization=Table(
            "QuantizationParameters",
            {
                "scale": np.array([0.5, 0.25], np.float32),
                "zero_point": np.array([1, 2], np.int64),
                "quantized_dimension": 3,
            },
        ),
    )
    type = imported(conv_model(tensors=tensors)).main.inputs[0].type
    assert type.signature == (-1, 6, 7, 2)
    assert type.quantization == Quantization((0.5, 0.25), (1, 2), 3)


def test_signatures_and_metadata() -> None:
    def named(name: str, index: int) -> Table:
        return Table("TensorMap", {"name": name, "tensor_index": index})

    signature = {
        "inputs": [named("x", 0)],
        "outputs": [named("y", 4)],
        "signature_key": "serve",
        "subgraph_index": 0,
    }
    module = imported(
        conv_model(),
        signature_defs=[Table("SignatureDef", signature)],
        metadata=[Table("Metadata", {"name": "bias", "buffer": 2})],
    )
    (made,) = module.signatures
    assert (made.key, made.graph, made.inputs, made.outputs) == ("serve", 0, {"x": 0}, {"y": 0})
    assert module.metadata == {"bias": BIAS.tobytes()}
    signature["inputs"] = [named("x", 3)]
    with pytest.raises(ModelError, match="signature 'serve', input 'x': tensor 3 is none"):
        imported(conv_model(), signature_defs=[Table("SignatureDef", signature)])


def test_equal_and_missing_names() -> None:
    tensors = [*conv_model().tensors]
    for i, name in enumerate(["t", "t", "t_1", "", "t"]):
        tensors[i] = replace(tensors[i], name=name)
    module = imported(conv_model(tensors=tensors))
    names = [v.name for op in module.main.ops for v in op.results]
    assert names == ["t_2", "t_1", "tensor_3", "t_3"]
    assert module.main.input_names == ("t",)


def test_unknown_operators_are_kept() -> None:
    graph = conv_model()
    operators = [
        graph.operators[0],
        Operator("CUSTOM:Fancy", (-1, 3), (4,), custom_options=b"\1\2\3"),
    ]
    module = imported(conv_model(operators=operators))
    op = module.main.ops[-1]
    assert isinstance(op, Opaque)
    assert (op.opcode, op.custom_options, op.absent) == ("CUSTOM:Fancy", b"\1\2\3", (0,))
    assert (op.reason, op.result.type.shape) == ("no such operation is known", (1, 4, 3, 5))
    with pytest.raises(UnsupportedError, match=r"op 1 \(Fancy 'scores'\): no such"):
        module.main.evaluate([np.zeros((1, 6, 7, 2), np.float32)])


def test_results_of_run_time_shapes_are_opaque() -> None:
    module = imported(reshape_model(Tensor("shape", (2,), "int32")))
    reasons = [op.reason for op in module.main.ops if isinstance(op, Opaque)]
    assert reasons == [
        "shape is computed at run time",
        "shapes that it depends on are only known at run time",
    ]


def test_shape_arithmetic_is_static() -> None:
    """RESHAPE(x, PACK(SHAPE(x)[0], 6)) has a static type, also of a new input shape."""
    index = [Tensor(n, (1,), "int32", np.array([v], np.int32)) for n, v in (("0", 0), ("1", 1))]
    graph = Subgraph(
        tensors=[
            Tensor("x", (1, 2, 3)),
            Tensor("shape", (3,), "int32"),
            *index,
            Tensor("batch", (), "int32"),
            Tensor("six", (), "int32", np.array(6, np.int32)),
            Tensor("wanted", (2,), "int32"),
            Tensor("flat", (1, 6), extra={"shape_signature": np.array([-1, 6], np.int32)}),
        ],
        operators=[
            Operator("SHAPE", (0,), (1,), Table("ShapeOptions", {"out_type": 2})),
            Operator(
                "STRIDED_SLICE",
                (1, 2, 3, 3),
                (4,),
                Table("StridedSliceOptions", {"shrink_axis_mask": 1}),
            ),
            Operator("PACK", (4, 5), (6,), Table("PackOptions", {"values_count": 2, "axis": 0})),
            Operator("RESHAPE", (0, 6), (7,)),
        ],
        inputs=(0,),
        outputs=(7,),
    )
    module = imported(graph, shapes={"x": (4, 2, 3)})
    assert [op.name for op in module.main.ops] == ["tfl.constant", "tfl.reshape"]
    assert module.main.outputs[0].type.shape == (4, 6)


def test_new_input_shapes() -> None:
    module = imported(conv_model(), shapes={"image": (2, 10, 11, 2)})
    assert module.main.inputs[0].type.shape == (2, 10, 11, 2)
    assert module.main.outputs[0].type.shape == (2, 8, 5, 5)
    with pytest.raises(UsageError, match=r"no input 'picture'.*'image' \(1x6x7x2xf32\)"):
        imported(conv_model(), shapes={"picture": (1, 6, 7, 2)})
    with pytest.raises(UsageError, match="with the input shapes that were asked for"):
        imported(conv_model(), shapes={"image": (1, 6, 7, 3)})
    with pytest.raises(UsageError, match="0x6x7x2 is no shape"):
        imported(conv_model(), shapes={"image": (0, 6, 7, 2)})


def test_opaque_behind_a_new_input_shape_says_so() -> None:
    graph = conv_model()
    operators = [graph.operators[0], Operator("CUSTOM:Fancy", (3,), (4,))]
    module = imported(conv_model(operators=operators), shapes={"image": (1, 8, 9, 2)})
    op = module.main.ops[-1]
    assert isinstance(op, Opaque)
    assert "from before an input's new shape" in op.reason
