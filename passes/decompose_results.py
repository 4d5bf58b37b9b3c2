"""Decompositions of ops that other ops spell exactly: several results as one each, StableHLO's."""

from __future__ import annotations

import numpy as np

from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.op import Array, Op, Value
from tflgpuc.ir.graph.ops.add import Add
from tflgpuc.ir.graph.ops.constant import Constant
from tflgpuc.ir.graph.ops.dilate import Dilate
from tflgpuc.ir.graph.ops.embedding_lookup import EmbeddingLookup
from tflgpuc.ir.graph.ops.gather import Gather
from tflgpuc.ir.graph.ops.logical_and import LogicalAnd
from tflgpuc.ir.graph.ops.logical_or import LogicalOr
from tflgpuc.ir.graph.ops.max_pool_2d import MaxPool2D
from tflgpuc.ir.graph.ops.max_pool_argmax import MaxPoolArgmax
from tflgpuc.ir.graph.ops.max_pooling_with_argmax_2d import MaxPoolingWithArgmax2D
from tflgpuc.ir.graph.ops.maximum import Maximum
from tflgpuc.ir.graph.ops.minimum import Minimum
from tflgpuc.ir.graph.ops.mul import Mul
from tflgpuc.ir.graph.ops.padv2 import Padv2
from tflgpuc.ir.graph.ops.rank import Rank
from tflgpuc.ir.graph.ops.shape import Shape
from tflgpuc.ir.graph.ops.stablehlo_add import StablehloAdd
from tflgpuc.ir.graph.ops.stablehlo_and import StablehloAnd
from tflgpuc.ir.graph.ops.stablehlo_maximum import StablehloMaximum
from tflgpuc.ir.graph.ops.stablehlo_minimum import StablehloMinimum
from tflgpuc.ir.graph.ops.stablehlo_multiply import StablehloMultiply
from tflgpuc.ir.graph.ops.stablehlo_pad import StablehloPad
from tflgpuc.ir.graph.ops.topk_indices import TopKIndices
from tflgpuc.ir.graph.ops.topk_v2 import TopKV2
from tflgpuc.ir.graph.ops.topk_values import TopKValues
from tflgpuc.ir.graph.ops.zeros_like import ZerosLike
from tflgpuc.ir.graph.types import NUMPY, TensorType
from tflgpuc.passes.decompose_rules import decompositions
from tflgpuc.passes.rules import Match
