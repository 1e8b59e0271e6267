"""The app that the commands belong to, and how it ends: messages and exit statuses."""

from __future__ import annotations

import io
import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from napari_convnet.network import UserError

from .quote import quoted_problems

DEBUG = "NAPARI_CONVNET_DEBUG"
"""Set this variable to 1 to see the tracebacks of failures."""

app = typer.Typer(
    name="napari-convnet",
    help="Build, train and see convolutional networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Device = Annotated[str, typer.Option(help="What computes: auto, cpu, cuda or mps.")]
Doc = Annotated[str, typer.Argument(metavar="DOC", help="A pipeline's .yaml file.")]
DocOrPreset = Annotated[
    str, typer.Argument(metavar="DOC|PRESET", help="A pipeline's .yaml file, or a preset's name.")
]
DocOrRun = Annotated[
    str, typer.Argument(metavar="DOC|RUN", help="A pipeline's .yaml file, or a run's folder.")
]
InputFile = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help="A file or a folder of slices; FOLDER#2 is the second series, FILE.wav#60-90 a part.",
    ),
]
Accept = Annotated[
    list[str] | None,
    typer.Option(
        metavar="WORD", help="What may be approximated in a scan: a word that a message named."
    ),
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words behind ``napari-convnet``; those of the process otherwise.
    """
    for stream in (sys.stdout, sys.stderr):
        # A name or a multiplication sign that a pipe's encoding lacks must not end a command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        status = app(args=arguments, standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except UserError as error:
        return told(quoted_problems(error), 2)
    except typer.Exit as leave:
        return leave.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return told("stopped", 130)
    except BrokenPipeError:
        # Whoever read our output has gone; nothing is left to be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        # The class of a wrong command line differs between versions of Typer; this it always has.
        if hasattr(error, "format_message"):
            return told(error.format_message(), 2)
        if os.environ.get(DEBUG):
            traceback.print_exc()
        hint = f"set {DEBUG}=1 to see where"
        return told(f"this is a failure of ours: {type(error).__name__}: {error} ({hint})", 1)


def told(message: str, status: int) -> int:
    """Say why a command ends, and give its exit status."""
    # What was printed before comes first, where both go to one place.
    sys.stdout.flush()
    print(message, file=sys.stderr)
    return status


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    # ASCII only: a pipe's encoding is not ours to choose.
    print(json.dumps(value, indent=2))
