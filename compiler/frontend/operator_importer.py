"""One operator of a file to an op."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tflgpuc.ir.graph.ops  # noqa: F401  (registers the ops)
from tflgpuc.frontend.flatbuffer import Record
from tflgpuc.frontend.model_file import Opcode, Tensor, ints, item, possible
from tflgpuc.frontend.schema import decode_options
from tflgpuc.frontend.states import States
from tflgpuc.ir.errors import ModelError, UnsupportedError, UsageError, VerifyError
from tflgpuc.ir.graph.control import joined
from tflgpuc.ir.graph.declared import MISFITS, Operands, declared, opened, positional
from tflgpuc.ir.graph.elementwise import Binary
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.op import TFLITE_OPS, NotStatic, Op, Source, Value
from tflgpuc.ir.graph.ops.opaque import Opaque
from tflgpuc.ir.graph.types import Quantization, TensorType
from tflgpuc.ir.tflite_schema import TFLITE_NAMES

if TYPE_CHECKING:
    from tflgpuc.frontend.subgraphs import Subgraphs

AT_RUN_TIME = "shapes that it depends on are only known at run time"


class OperatorImporter:
    """Makes the ops of a subgraph.

    ``vouched`` says whether the shapes in the file are those that the subgraph runs with; ``reshaped``
    collects the values whose shape isn't the file's.
    """

    def __init__(self, subgraphs: Subgraphs, index: int, states: States, *, vouched: bool) -> None:
        self.subgraphs, self.file, self.index = subgraphs, subgraphs.file, index
        self.tensors = self.file.tensors(index)
        self.states, self.vouched = states, vouched
        self.reshaped: set[Value] = set()

    def op(
        self,
        code: Opcode,
        record: Record,
        operands: Operands,
        results: Sequence[Tensor],
        source: Source,
    ) -> Op:
        """The op of a record with these operands and results, ``tfl.opaque`` where none fits."""
        options, unknown = self.options(record, source)
        if code.name == "CAST" and operands and operands[0] and results:
            # TFLite's kernel looks at the tensors alone; some converters write no options.
            options |= {
                "in_data_type": TFLITE_NAMES[operands[0].type.dtype],
                "out_data_type": TFLITE_NAMES[results[0].type.dtype],
            }
        if code.name in ("QUANTIZE", "BITCAST") and results:
            options["out_data_type"] = TFLITE_NAMES[results[0].type.dtype]
        cls = TFLITE_OPS.get(code.name)
        cls = cls.of_options(options) if cls else None
        guessed = any(value is not None and value.type.dynamic for value in operands)
        vouched = self.vouched and all(t.settled for t in results)
        at_run_time = unsized = False
        if cls is None:
            reason = "no such operation is known"
        elif unknown:
            reason = f"its options are of a kind ({unknown}) that is newer than the schema"
        elif guessed and not vouched and "region" not in cls.kinds().values():
            reason, at_run_time = AT_RUN_TIME, True
        else:
            try:
                return self._known(cls, options, operands, results, source)
            except (NotStatic, UnsupportedError) as error:
                reason = str(error).removeprefix(f"{source}: ")
                at_run_time = unsized = isinstance(error, NotStatic)
            except (ModelError, UsageError):
                if not guessed:
                    raise
                reason, at_run_time = AT_RUN_TIME, True
        reshaped = any(value in self.reshaped for value in operands)
        if reshaped:
            reason += "; the types of its results are the file's, from before an input's new shape"
        custom = options.pop("custom_options", b"")
        return Opaque(
            inputs=tuple(value for value in operands if value is not None),
            opcode=code.name,
            version=code.version,
            options=tuple(options.items()),
            custom_options=custom,
            absent=tuple(i for i, value in enumerate(operands) if value is None),
            types=tuple(
                opened(t.type) if unsized or reshaped or not t.settled else t.type for t in results
            ),
            intermediates=tuple(
                item(self.tensors, i, f"{source}: intermediate: tensor").type
                for i in ints(record.intermediates)
            ),
            reason=reason,
            at_run_time=at_run_time,
            sources=(source,),
            names=source.outputs,
        )

    def options(self, record: Record, source: Source) -> tuple[dict[str, Any], int]:
        """An operator's decoded options, and the kind of its options table if that's unknown."""
        options: dict[str, Any] = {}
        unknown = 0
        for field in ("builtin_options", "builtin_options2"):
            table = getattr(record, field)
            if table is not None:
                options |= decode_options(table)
            elif getattr(record, field + "_type"):
                unknown = getattr(record, field + "_type")
        custom = self.file.custom_options(record)
        if custom or source.opcode.startswith("CUSTOM:"):
            options["custom_options"] = custom
        self.file.note_calls(self.index, options, str(source))
        return options, unknown

    def _known(
        self,
        cls: type[Op],
        options: Mapping[str, Any],
        operands: Operands,
        results: Sequence[Tensor],
        source: Source,
    ) -> Op:
        """The op with its types inferred; ModelError where the file contradicts them."""
        try:
            op = declared(
                cls,
                operands,
                options,
                len(results),
                sources=(source,),
                names=source.outputs,
                quantization=self._quantization(cls, operands, results),
                **self._regions(cls, options, operands),
            )
        except (NotStatic, UnsupportedError):
            raise
        except VerifyError as error:
            raise self._misfit(source, str(error).removeprefix(f"{source}: ")) from error
        except MISFITS as error:
            raise self._misfit(source, f"operands and options do not fit ({error})") from error
        if len(op.results) != len(results) + len(cls.states):
            raise ModelError(f"{source}: has {len(results)} results, not {len(op.results)}")
        guessed = any(v.type.dynamic for v in op.operands) and not op.regions
        for value, tensor in zip(op.results, results, strict=False):
            self._check_result(op, value.type, tensor, source)
            if value.type.shape != tensor.type.shape and guessed:
                raise NotStatic(AT_RUN_TIME)
        return op

    def _regions(
        self, cls: type[Op], options: Mapping[str, Any], operands: Operands
    ) -> dict[str, Graph]:
        """The graphs that an operator runs."""
        names = [k for k, kind in cls.kinds().items() if kind == "region"]
        if not names:
            return {}
        given = [v.type for v in positional(cls, operands)["inputs"]]
        indices = {k: options[f"{k.removesuffix('_branch')}_subgraph_index"] for k in names}
        while True:
            regions = {k: self.subgraphs.region(i, given) for k, i in indices.items()}
            loop = regions.get("body")
            if loop is None or len(loop.outputs) != len(given):
                return regions
            # What the body reshapes it has to take in any shape, which may reshape something else.
            wider = [joined(a, v.type) for a, v in zip(given, loop.outputs, strict=True)]
            if [t.dynamic for t in wider] == [t.dynamic for t in given]:
                return regions
            given = wider

    def _quantization(
        self, cls: type[Op], operands: Operands, results: Sequence[Tensor]
    ) -> tuple[Quantization | None, ...]:
        """Those of an operator's results, and behind them those of the states that it updates."""
        if not cls.states:
            return tuple(t.type.quantization for t in results)
        if not self.states.tensors:
            raise UnsupportedError("it keeps its state in a variable tensor")
        named = positional(cls, operands)
        states = [named[k] for k in cls.states]
        if None in states:
            raise UnsupportedError("it has no state")
        return tuple(v.type.quantization for v in (*results, *states))

    def _check_result(self, op: Op, type: TensorType, tensor: Tensor, source: Source) -> None:
        # TFLite's arithmetic of two operands sets its result's type, whatever the file says.
        if type.dtype != tensor.type.dtype and not isinstance(op, Binary):
            if any(value.type.quantization is not None for value in op.operands):
                raise UnsupportedError(f"makes {tensor.type.dtype} of quantised {type.dtype}")
            raise ModelError(
                f"{source}: result {tensor.name!r} is {type.dtype}, the file says "
                f"{tensor.type.dtype}"
            )
        if not possible(type.shape):
            raise self._misfit(source, f"result {tensor.name!r} would be {type}")

    def _misfit(self, source: Source, problem: str) -> ModelError | UsageError:
        """What to raise: the file's fault, or that of the shapes that were asked for."""
        if self.reshaped:
            return UsageError(f"{source}: {problem}, with the input shapes that were asked for")
        return ModelError(f"{source}: {problem}")
