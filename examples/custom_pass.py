"""A pass of your own, with a rule, run from Python and from the command line.

    python examples/custom_pass.py model.tflite out/
    tflgpuc model.tflite -o out/ --passes "custom_pass:CheapSwish{limit=4},default"

It replaces HARD_SWISH, which needs a clamp and two multiplications, by RELU in the first few places:
a different function, so this is for finding out what it costs, not for shipping.
"""

from __future__ import annotations

import sys

import tflgpuc
from tflgpuc.ir.graph.ops.hard_swish import HardSwish
from tflgpuc.ir.graph.ops.relu import Relu
from tflgpuc.passes.rules import Tracer


class CheapSwish(tflgpuc.GraphPass, name="cheap-swish"):
    """Replaces HARD_SWISH by RELU, at most ``limit`` times."""

    limit: int = 1000

    def run(self, graph: tflgpuc.Graph, target: tflgpuc.Target) -> tflgpuc.Graph:
        tracer = Tracer()
        rules = tflgpuc.Rules("cheap-swish")

        @rules
        def swish_to_relu(op: HardSwish, match: tflgpuc.Match) -> Relu | None:
            if tracer.fired["swish_to_relu"] >= self.limit:
                return match.no("the limit is reached")
            return Relu(x=op.x, names=op.names)

        made = rules.apply(graph, target, tracer)
        print("\n".join(tracer.report()), file=sys.stderr)
        return made


def main(model: str, out: str) -> None:
    passes = [CheapSwish(limit=4), *tflgpuc.default_passes()]
    bundle = tflgpuc.compile(model, passes=passes)
    print(bundle.save(out))


if __name__ == "__main__":
    main(*sys.argv[1:3])
