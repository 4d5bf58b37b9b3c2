"""Jinja templates of generated hosts, and how text of a model is quoted in them."""

from __future__ import annotations

import json
from importlib.resources import files

import jinja2


def render(package: str, name: str, **values: object) -> str:
    """The template ``name`` of the package ``tflgpuc.backends.hosts.<package>`` with these values."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(
            lambda file: files(f"tflgpuc.backends.hosts.{package}").joinpath(file).read_text()
        ),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        line_comment_prefix="//#",
    )
    environment.filters |= {"quoted": quoted, "comment": comment}
    return environment.get_template(name).render(**values)


def quoted(text: str) -> str:
    """A string literal of C++, Java, JavaScript and Python; UTF-8 where C++ would read escapes otherwise."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def comment(text: str) -> str:
    """Text that can stand in a line comment: one line, printable ASCII, not continued."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in text)
    return plain.replace("\\", "/").replace("*/", "* /")
