"""Passes: one file each, run by the pass manager."""
