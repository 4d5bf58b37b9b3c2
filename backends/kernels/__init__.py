"""Kernels: one file a family, each written once for every language. Importing finds them all."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__, __name__ + "."):
    importlib.import_module(_module.name)
