"""Runners: one interface over the NumPy interpreter, OpenGL ES and Metal on the host."""
