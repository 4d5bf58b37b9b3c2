"""Jinja templates of generated hosts, and how a model's names are quoted in them."""

from __future__ import annotations

import re
from importlib.resources import files

import jinja2


def render(package: str, name: str, **values: object) -> str:
    """The template ``name`` of the package ``tflgpuc.backends.hosts.<package>`` with these values.

    The filters c_string and comment quote what comes from a model; repr is Python's.
    """
    folder = files(f"tflgpuc.backends.hosts.{package}")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda file: folder.joinpath(file).read_text()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(c_string=c_string, comment=comment, repr=repr)
    return environment.get_template(name).render(**values)


def c_string(text: str) -> str:
    """A string literal of C and C++ that holds the text in UTF-8."""
    made = "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\{byte:03o}"
        for byte in text.encode(errors="replace")
    )
    # Two question marks may start a trigraph.
    return '"' + made.replace("??", r"?\?") + '"'


def comment(text: str) -> str:
    """Text for a comment to the end of a line: one line of ASCII, not continued on the next."""
    plain = "".join(c if " " <= c <= "~" and c != "\\" else "?" for c in text)
    return re.sub(r"\?+", "?", plain)
