"""One operation a module. Adding a module here is all that adding an operation takes."""

import sys

from tflgpuc.ir.graph.op import load_ops

load_ops(sys.modules[__name__])
