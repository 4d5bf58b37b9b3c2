"""The graph IR: typed SSA ops, declared one a file in ``ops``."""
