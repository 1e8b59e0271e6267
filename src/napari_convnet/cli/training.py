"""The command that trains, and what it shows meanwhile."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_convnet.network import UserError

from . import named
from .app import Accept, Device, DocOrPreset, app

if TYPE_CHECKING:
    from napari_convnet.document import Pipeline
    from napari_convnet.training import Control, Event


@app.command()
def train(
    doc: DocOrPreset,
    run: Annotated[
        str | None, typer.Option(help="The run's folder; a new one in runs/ otherwise.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another setting: train.epochs=3."),
    ] = None,
    accept: Accept = None,
    device: Device = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every event as a line of JSON.")
    ] = False,
) -> None:
    """Train a network."""
    from napari_convnet.training import Control
    from napari_convnet.training import train as fit

    if resume and run is None:
        raise UserError("--resume needs the run to go on with", "add --run and its folder")
    pipeline = named.accepting(_with_settings(named.draft(doc), settings or ()), accept).checked()
    control = Control()
    events = fit(pipeline, run=run, device=device, resume=resume, control=control)
    with _interrupts(control):
        failed = _print_events(events) if as_json else _watch(events)
    if failed:
        raise UserError(failed)
    if control.stopping:
        raise typer.Exit(130)


@contextmanager
def _interrupts(control: Control) -> Iterator[None]:
    """Let Ctrl-C end a training with everything written; a second one ends it at once."""

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        control.stop()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _print_events(events: Iterator[Event]) -> str:
    """Print a training's events as they come, and return why it failed, if it did."""
    failed = ""
    for event in events:
        print(json.dumps(event.as_dict()), flush=True)
        failed = getattr(event, "message", "")
    return failed


def _with_settings(pipeline: Pipeline, settings: Sequence[str]) -> Pipeline:
    from napari_convnet.document import edit

    text = pipeline.text
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise UserError(f'cannot read "--set {setting}"', "write --set train.epochs=3")
        text = edit.set_value(text, key.strip(), value.strip())
    return pipeline.edited(text)


def _watch(events: Iterator[Event]) -> str:
    """Show a training as it goes, and return why it failed, if it did."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from napari_convnet.training import Epoch, Failed, Finished, Started, Step

    console = Console(stderr=True, highlight=False)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
        console=console,
        disable=not console.is_terminal,
    )
    failed = ""
    with progress:
        task = progress.add_task("loading", total=None, loss="")
        for event in events:
            match event:
                case Started():
                    console.print(_started(event), soft_wrap=True)
                    progress.update(
                        task, description="training", total=event.steps, completed=event.step
                    )
                case Step():
                    progress.update(task, completed=event.step, loss=f"loss {event.loss:.4f}")
                case Epoch():
                    console.print(_epoch(event), soft_wrap=True)
                case Finished():
                    print(_finished(event))
                case Failed():
                    failed = event.message
    return failed


def _started(event: Any) -> str:
    each = "" if event.task == "classify" else f" {event.unit} an epoch"
    parts = [f"{event.train:,}{each} to learn from"]
    parts += [f"{_part(event, event.validation)} to validate"] if event.validation else []
    parts += [f"{_part(event, event.test)} held out"] if event.test else []
    first = f"{event.run} on {event.device}: {', '.join(parts)}; {event.parameters:,} parameters"
    return "\n".join([first, *(f"- {note}" for note in event.notes)])


def _part(event: Any, count: int) -> str:
    """Count what a part is measured by."""
    if event.task == "classify":
        return f"{count:,}"
    return "1 region" if count == 1 else f"{count:,} regions"


def _epoch(event: Any) -> str:
    text = f"epoch {event.epoch}: loss {event.train_loss:.4f}, "
    text += _score(event.score_name, event.train_score)
    if event.validation_loss is not None:
        score = _score(event.score_name, event.validation_score)
        text += f"; validation {event.validation_loss:.4f}, {score.removeprefix('right ')}"
    return text


def _score(name: str, value: float | None) -> str:
    """Say what an epoch is judged by."""
    if value is None:
        return f"{name} unknown"
    return f"right {value:.1%}" if name == "accuracy" else f"{name} {value:.4g}"


def _finished(event: Any) -> str:
    text = f"{event.run}: {event.step:,} steps in {event.seconds:.1f} s"
    if event.test_score is not None:
        text += f"; {_held_out(event)}"
    return text + ("; stopped, --resume goes on" if event.stopped else "")


def _held_out(event: Any) -> str:
    """Say how the part held out was told."""
    if event.score_name == "accuracy":
        return f"{event.test_score:.2%} of the images held out are right"
    each = ", ".join(f"{name} {_number(value)}" for name, value in event.scores.items())
    mean = "mean " if event.scores else ""
    told = f"{mean}{event.score_name} {event.test_score:.4g} in the part held out"
    told = f"{told} ({each})" if each else told
    return f"{told}; {event.caution}" if event.caution else told


def _number(value: float | None) -> str:
    return "absent" if value is None else f"{value:.3f}"
