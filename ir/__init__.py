"""The IRs: graphs of typed ops, kernels as shader expressions, schedules of dispatches."""
