"""Hosts: source code, printed into the bundle, that runs it in an app."""

from __future__ import annotations

from collections.abc import Callable

from tflgpuc.backends.files import BundleFiles
from tflgpuc.backends.hosts.cpp import print_cpp
from tflgpuc.backends.hosts.java import print_java
from tflgpuc.backends.hosts.js import print_js
from tflgpuc.backends.hosts.objc import print_objc
from tflgpuc.backends.hosts.python import print_python
from tflgpuc.backends.hosts.swift import print_swift
from tflgpuc.backends.manifest import Json

# What prints a host: its files by name, from a manifest without hosts and the files that it lists.
HOSTS: dict[str, Callable[[Json, BundleFiles], dict[str, str]]] = {
    "cpp": print_cpp,
    "java": print_java,
    "js": print_js,
    "objc": print_objc,
    "python": print_python,
    "swift": print_swift,
}
