"""The command line. Commands import what they need when they run, so that ``--help`` is quick."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import click

from tflgpuc.cli.bench import bench
from tflgpuc.cli.common import termination
from tflgpuc.cli.compile import compile_model
from tflgpuc.cli.inspect import inspect
from tflgpuc.cli.run import run
from tflgpuc.cli.tune import tune
from tflgpuc.cli.verify import verify
from tflgpuc.cli.zoo import zoo
from tflgpuc.ir.errors import PassError, TflgpucError, UsageError

PROBLEM, USAGE, BUG = 1, 2, 3


class Commands(click.Group):
    """A group whose first argument, where it names no command, is a model to compile."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts ``compile`` in front of what isn't a command."""
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h", "--version"):
            args = ["compile", *args]
        return super().parse_args(ctx, args)


def _version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from tflgpuc.version import VERSION

        click.echo(f"tflgpuc {VERSION}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version)
def cli() -> None:
    """Compiles TensorFlow Lite models ahead of time to standalone GPU compute shaders.

    tflgpuc MODEL -o DIR is short for tflgpuc compile MODEL -o DIR.
    """


for command in (compile_model, verify, run, inspect, bench, tune, zoo):
    cli.add_command(command)


def main(args: list[str] | None = None) -> int:
    """Runs the command line; the exit status is 0, or 1 for a problem with model, bundle or device,
    2 for wrong usage, 3 for a bug in tflgpuc.
    """
    given = sys.argv[1:] if args is None else args
    debug = "--debug" in given
    termination.listen()
    try:
        result: Any = cli.main(given, prog_name="tflgpuc", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Abort:
        return 130
    except TflgpucError as error:
        if debug:
            traceback.print_exc()
        for problem in error.problems:
            click.echo(problem, err=True)
        return USAGE if isinstance(error, UsageError | PassError) else PROBLEM
    except OSError as error:
        # A closed pipe never gets here: click and rich end quietly with status 1.
        if debug:
            traceback.print_exc()
        click.echo(f"{error.filename or 'tflgpuc'}: {error.strerror or error}", err=True)
        return PROBLEM
    except Exception as error:
        if debug:
            traceback.print_exc()
        click.echo(
            f"tflgpuc: a bug: {type(error).__name__}: {error}; "
            "please report it with what --debug prints",
            err=True,
        )
        return BUG
