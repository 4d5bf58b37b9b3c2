"""All subgraphs of a file, each imported once for the types it's run with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tflgpuc.frontend.graph_importer import GraphImporter
from tflgpuc.frontend.model_file import ModelFile, ints, item
from tflgpuc.frontend.states import RESOURCE_OPCODES, NotFunctional, States
from tflgpuc.ir.errors import ModelError, UnsupportedError, UsageError
from tflgpuc.ir.graph.graph import Graph
from tflgpuc.ir.graph.types import TensorType

# Deeper nesting, and subgraphs that hold more operators with all that they run, stay operators.
MAX_DEPTH = 16
MAX_OPS = 1 << 16

Shapes = Mapping[str, tuple[int, ...]]
# A subgraph, and where its inputs aren't what the file says each one's shape and whether it's dynamic.
Key = tuple[int, tuple[tuple[tuple[int, ...], bool], ...] | None]


class Subgraphs:
    """Imports subgraphs when somebody asks for them; ``shapes`` are those of the first one's inputs."""

    def __init__(self, file: ModelFile, shapes: Shapes) -> None:
        self.file, self._shapes = file, shapes
        self._graphs: dict[Key, Graph] = {}
        self._sizes: dict[Graph, tuple[int, int]] = {}
        self._active: list[Key] = []
        # How many more may be imported for shapes that aren't the file's.
        self._left = 4 * len(file.subgraphs) + 64

    def all(self) -> tuple[Graph, ...]:
        """Every subgraph; only the first, which is the one that runs, has its states as values."""
        states, main = self._main(resources=True)
        rest = [self._graph((i, None)) for i in range(1, len(self.file.subgraphs))]
        if states.handles and self._resources_elsewhere():
            _, main = self._main(resources=False)
        return main, *rest

    def init(self, index: int) -> Graph:
        """A subgraph as the file has it, to be run before all others."""
        return self._graph((index, None))

    def region(self, index: int, operands: Sequence[TensorType]) -> Graph:
        """A subgraph as an operator runs it; UnsupportedError where that's better left to TFLite."""
        if any(index == active for active, _ in self._active):
            self.file.check_calls()
        too_deep = UnsupportedError(f"subgraphs are nested more than {MAX_DEPTH} deep")
        if len(self._active) >= MAX_DEPTH:
            raise too_deep
        inputs = self._declared(index)
        key: Key = (index, None)
        given = tuple((t.shape, t.dynamic) for t in operands)
        if len(given) == len(inputs) and given != tuple((t.shape, False) for t in inputs):
            key = index, given
        try:
            graph = self._graph(key)
        except (ModelError, UsageError) as error:
            if key[1] is None:
                raise
            raise UnsupportedError(f"subgraph {index} doesn't fit its operands: {error}") from None
        ops, depth = self._size(graph)
        if len(self._active) + depth > MAX_DEPTH:
            raise too_deep
        if ops > MAX_OPS:
            raise UnsupportedError("the subgraphs that it runs have too many operators")
        return graph

    def _main(self, *, resources: bool) -> tuple[States, Graph]:
        followed = {"tensors": True, "resources": resources}
        while True:
            states = States(**followed)
            try:
                return states, GraphImporter(self, 0, states, shapes=self._shapes).graph()
            except NotFunctional as error:
                # Each kind is given up at most once, so there are three rounds at most.
                followed["resources" if error.resources else "tensors"] = False

    def _graph(self, key: Key) -> Graph:
        if key not in self._graphs:
            index, given = key
            self._left -= given is not None
            if self._left < 0:
                raise UnsupportedError("subgraphs are run with too many different shapes")
            self._active.append(key)
            try:
                states = States(tensors=False, resources=False)
                self._graphs[key] = GraphImporter(self, index, states, given=given).graph()
            finally:
                self._active.pop()
        return self._graphs[key]

    def _declared(self, index: int) -> list[TensorType]:
        """The types of a subgraph's inputs in the file."""
        record = item(self.file.subgraphs, index, "subgraph")
        tensors = self.file.tensors(index)
        where = f"subgraph {index}, input: tensor"
        return [item(tensors, i, where).type for i in ints(record.inputs)]

    def _size(self, graph: Graph) -> tuple[int, int]:
        """A graph's ops, with those of all regions as often as they are there, and its depth."""
        if graph not in self._sizes:
            inner = [self._size(r) for op in graph.ops for r in op.regions.values()]
            ops = len(graph.ops) + sum(n for n, _ in inner)
            self._sizes[graph] = ops, 1 + max((d for _, d in inner), default=0)
        return self._sizes[graph]

    def _resources_elsewhere(self) -> bool:
        """Whether what the first subgraph runs, but for initialisation, touches resource variables."""
        return any(
            item(self.file.opcodes, record.opcode_index, "operator code").name in RESOURCE_OPCODES
            for index in self.file.run_by(0)
            for record in self.file.subgraphs[index].operators
        )
