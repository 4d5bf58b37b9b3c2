"""Scripts that measure the compiler and its bundles: ``python -m benchmarks.NAME``."""
