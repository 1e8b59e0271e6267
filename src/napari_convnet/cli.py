"""The command line: the library's functions under the names of things people do.

Results go to standard output (with ``--json`` nothing but JSON does), everything else to standard
error. The exit status is 0, or 2 for a mistake of the user's, or 1 for a failure of ours, or 130
where Ctrl-C ended it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_convnet.network import Layer, Network, Problem, UserError, did_you_mean, quoted

if TYPE_CHECKING:
    from napari_convnet.document import Pipeline
    from napari_convnet.training import Control, Event

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


class Format(StrEnum):
    """What a run can be exported to."""

    PYTHON = "python"
    TORCH = "torch"
    ONNX = "onnx"


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Device = Annotated[str, typer.Option(help="What computes: auto, cpu, cuda or mps.")]
Doc = Annotated[str, typer.Argument(metavar="DOC", help="A pipeline's .yaml file.")]
DocOrPreset = Annotated[
    str, typer.Argument(metavar="DOC|PRESET", help="A pipeline's .yaml file, or a preset's name.")
]
DocOrRun = Annotated[
    str, typer.Argument(metavar="DOC|RUN", help="A pipeline's .yaml file, or a run's folder.")
]
InputFile = Annotated[str, typer.Argument(metavar="INPUT", help="An image's file.")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words behind ``napari-convnet``; those of the process otherwise.
    """
    try:
        status = app(args=arguments, standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except UserError as error:
        return _told(str(error), 2)
    except typer.Exit as leave:
        return leave.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _told("stopped", 130)
    except BrokenPipeError:
        # Whoever read our output has gone; nothing is left to be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        # The class of a wrong command line differs between versions of Typer; this it always has.
        if hasattr(error, "format_message"):
            return _told(error.format_message(), 2)
        if os.environ.get(DEBUG):
            traceback.print_exc()
        hint = f"set {DEBUG}=1 to see where"
        return _told(f"this is a failure of ours: {type(error).__name__}: {error} ({hint})", 1)


def _told(message: str, status: int) -> int:
    print(message, file=sys.stderr)
    return status


def _print_json(value: Any) -> None:
    # ASCII only: a pipe's encoding is not ours to choose.
    print(json.dumps(value, indent=2))


# ---------------------------------------------------------------- looking at documents


@app.command()
def presets(as_json: AsJson = False) -> None:
    """List the networks that come along."""
    from napari_convnet.document import presets as known

    found = known()
    if as_json:
        _print_json([{"name": one.name, "title": one.title} for one in found])
        return
    width = max(len(one.name) for one in found)
    for one in found:
        print(f"{one.name:<{width}}  {one.title}")


@app.command()
def check(doc: Doc) -> None:
    """Say what is wrong with a pipeline, and where."""
    pipeline = _draft(doc).checked()
    _check_data(pipeline)
    totals = pipeline.network.totals
    layers = len(pipeline.network)
    print(f"{doc}: right; {layers} layers, {totals.parameters:,} parameters")


def _check_data(pipeline: Pipeline) -> None:
    """Check what only the data room can: folders, files, and numbers of settings."""
    from napari_convnet.data import data_problems

    problems: list[Problem] = []
    for key, error in data_problems(pipeline):
        problems += error.at(pipeline.place(key)).problems
    if problems:
        raise UserError(problems)


@app.command()
def describe(
    doc: DocOrPreset,
    given: Annotated[
        str, typer.Option("--input", metavar="CxSIZES", help="Another input, such as 3x64x64.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Print layers, shapes, parameters and receptive fields."""
    pipeline = _draft(doc)
    if given:
        from napari_convnet.document import edit

        pipeline = pipeline.edited(edit.set_value(pipeline.text, "input", given))
    if as_json:
        _print_json(_description(pipeline.checked()))
        return
    _print_table(pipeline)
    pipeline.checked()


def _description(pipeline: Pipeline) -> dict[str, Any]:
    totals = pipeline.network.totals
    return {
        "title": pipeline.title,
        "input": list(pipeline.input),
        "layers": [layer.as_dict() for layer in pipeline.network],
        "totals": {
            "parameters": totals.parameters,
            "macs": totals.macs,
            "bytes": totals.bytes,
        },
    }


def _print_table(pipeline: Pipeline) -> None:
    """Print the layers, up to the first mistake."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    network = pipeline.network
    if not network.layers:
        return
    table = Table(box=box.SIMPLE_HEAD, title=pipeline.title, title_justify="left", pad_edge=False)
    table.add_column("layer", overflow="fold")
    table.add_column("call", overflow="fold")
    for name in ("output", "parameters", "MACs", "sees"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row("input", "", _sizes(pipeline.input), "", "", "")
    for layer in network:
        table.add_row(*_row(layer))
    _add_totals(table, network)
    # A pipe has no width of its own; a table is not to be cut there.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)
    console.print(table)


def _row(layer: Layer) -> list[str]:
    sees = "" if layer.receptive_field is None else _sizes(layer.receptive_field)
    parameters = f"{layer.parameters:,}" if layer.parameters else ""
    macs = _count(layer.macs) if layer.kind.counts_macs else ""
    return [layer.name, layer.text, _sizes(layer.output), parameters, macs, sees]


def _add_totals(table: Any, network: Network) -> None:
    totals = network.totals
    table.add_section()
    memory = "" if totals.bytes is None else f"{_count(totals.bytes)}B of maps"
    table.add_row(
        f"{len(network)} layers", memory, "", f"{totals.parameters:,}", _count(totals.macs), ""
    )


def _sizes(shape: Sequence[int | None]) -> str:
    return "x".join("?" if n is None else str(n) for n in shape)


def _count(number: int | None) -> str:
    if number is None:
        return "?"
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.4g} {unit}"
    return str(number)


# ---------------------------------------------------------------- computing


@app.command()
def maps(
    doc: DocOrRun,
    image: InputFile,
    output: Annotated[str, typer.Option("-o", "--output", help="Folder to write to.")],
    layer: Annotated[
        list[str] | None, typer.Option(help="Name of a layer; may be given again. All otherwise.")
    ] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Write what layers see of an image: one .npy each, and maps.json with their places."""
    from napari_convnet.data import read_sample
    from napari_convnet.maps import feature_maps, maps_to_disk

    pipeline = _document_or_run(doc)
    sample = read_sample(image, pipeline.input)
    found = feature_maps(pipeline, sample, device=device, layers=layer or None)
    written = maps_to_disk(found, Path(output))
    if as_json:
        _print_json(json.loads(written.read_text(encoding="utf-8")))
    else:
        print(f"wrote the maps of {len(found)} layers to {output}")
    for problem in found.problems.values():
        print(f"left out: {problem}", file=sys.stderr)


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
    pipeline = _with_settings(_draft(doc), settings or ()).checked()
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
                    console.print(_started(event))
                    progress.update(
                        task, description="training", total=event.steps, completed=event.step
                    )
                case Step():
                    progress.update(task, completed=event.step, loss=f"loss {event.loss:.4f}")
                case Epoch():
                    console.print(_epoch(event))
                case Finished():
                    print(_finished(event))
                case Failed():
                    failed = event.message
    return failed


def _started(event: Any) -> str:
    parts = [f"{event.train:,} to learn from"]
    parts += [f"{event.validation:,} to validate"] if event.validation else []
    parts += [f"{event.test:,} held out"] if event.test else []
    return f"{event.run} on {event.device}: {', '.join(parts)}; {event.parameters:,} parameters"


def _epoch(event: Any) -> str:
    text = f"epoch {event.epoch}: loss {event.train_loss:.4f}, right {event.train_accuracy:.1%}"
    if event.validation_loss is not None:
        text += f"; validation {event.validation_loss:.4f}, {event.validation_accuracy:.1%}"
    return text


def _finished(event: Any) -> str:
    text = f"{event.run}: {event.step:,} steps in {event.seconds:.1f} s"
    if event.test_accuracy is not None:
        text += f"; {event.test_accuracy:.2%} of the images held out are right"
    return text + ("; stopped, --resume goes on" if event.stopped else "")


@app.command()
def predict(
    run: DocOrRun,
    image: InputFile,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="A .json file to write to.")
    ] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Say what an image shows."""
    from napari_convnet.data import read_sample
    from napari_convnet.training import predict as answer

    pipeline = _document_or_run(run)
    prediction = answer(pipeline, read_sample(image, pipeline.input), device)
    if output:
        _write_json(Path(output), prediction.as_dict())
    if as_json:
        _print_json(prediction.as_dict())
    else:
        print(prediction)


@app.command()
def evaluate(
    run: DocOrRun,
    data: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="A folder with one folder per class, or a sample."),
    ] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure a network on the images held out, or on other ones."""
    from napari_convnet.training import evaluate as measure

    found = measure(_document_or_run(run), _dataset(run, data), device)
    if as_json:
        _print_json(found.as_dict())
    else:
        print(found)


def _dataset(run: str, data: str | None) -> Any:
    """Read other data as the document would read its own."""
    if data is None:
        return None
    from napari_convnet.data import SOURCES, load_dataset
    from napari_convnet.document import Data
    from napari_convnet.training import Run

    pipeline = _document_or_run(run)
    own = pipeline.data or Data()
    named = {"source": data} if data in SOURCES else {"images": str(Path(data).resolve())}
    # The numbers of classes are those that were trained, whatever folders there are here.
    classes = Run(Path(run)).classes if _is_run(run) else own.classes
    other = own.model_copy(
        update={"source": "", "images": "", "labels": "", "classes": classes, **named}
    )
    sections = pipeline.sections.model_copy(update={"data": other})
    return load_dataset(replace(pipeline, sections=sections))


@app.command()
def export(
    run: DocOrRun,
    to: Annotated[Format, typer.Option(help="The form to write.")],
) -> None:
    """Write a trained network for other programs."""
    _document_or_run(run)
    raise UserError(
        f"export to {to.value} is not built yet",
        "a run's weights are in checkpoints/*.safetensors, which most programs read",
    )


# ---------------------------------------------------------------- windows


@app.command("open")
def open_(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DOC|RUN|FILE]...", help="A pipeline, a run, and images."),
    ] = None,
) -> None:
    """Open napari with the docks."""
    documents, images = _sorted_out(files or [])
    _need_window()
    import napari

    from napari_convnet.demo import add_docks
    from napari_convnet.viewer import attach

    viewer = napari.Viewer()
    session = attach(viewer)
    add_docks(viewer)
    for document in documents:
        session.open(document)
    if images:
        viewer.open(images)
    napari.run()


def _sorted_out(files: list[str]) -> tuple[list[Path], list[str]]:
    """Part documents (those of runs included) from images, before a window opens."""
    from napari_convnet.training import Run

    documents, images = [], []
    for file in files:
        path = Path(file)
        if not path.exists():
            raise UserError(f"there is no file {file}", "check its name and folder")
        if _is_document(path):
            documents.append(path)
        elif path.is_dir() and (path / "document.yaml").is_file():
            Run(path)
            documents.append(path / "document.yaml")
        else:
            images.append(file)
    return documents, images


@app.command()
def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="End when the training has ended.")
    ] = False,
    output: Annotated[str, typer.Option(help="Folder for pictures and the run.")] = "demo-output",
) -> None:
    """Train a network on handwritten digits in napari, and watch its feature maps."""
    _need_window()
    from napari_convnet.demo import run

    summary = run(Path(output), headless)
    if summary:
        print(f"test accuracy {summary['test_accuracy']:.1%} in {summary['seconds']} s; {output}")


def _need_window() -> None:
    """Say what is missing before Qt ends the process without a word."""
    if sys.platform == "linux" and not (
        os.environ.get("DISPLAY")
        or os.environ.get("WAYLAND_DISPLAY")
        or os.environ.get("QT_QPA_PLATFORM")
    ):
        raise UserError("there is no display", "run it under a virtual one: xvfb-run -a ...")
    try:
        import qtpy  # noqa: F401
        from qtpy import QtWidgets  # noqa: F401
    except Exception as error:
        raise UserError(
            f"there is no Qt ({error})", "install it: pip install 'napari-convnet[gui]'"
        ) from None


# ---------------------------------------------------------------- reading what is named


def _draft(name: str) -> Pipeline:
    """Read a document, or else a preset; it may have mistakes."""
    from napari_convnet.document import draft, preset_text, presets, read_text

    path = Path(name)
    names = [one.name for one in presets()]
    # A folder that maps were written to must not hide the preset of its name.
    if name in names and not path.is_file():
        return draft(preset_text(name))
    if path.exists() or _is_document(path) or path.name != name:
        return draft(read_text(path), path)
    fix = did_you_mean(name, names, f"the presets are {', '.join(names)}")
    raise UserError(f"there is no file and no preset {quoted(name)}", fix)


def _is_document(path: Path) -> bool:
    return path.suffix.lower() in (".yaml", ".yml")


def _document_or_run(name: str) -> Pipeline:
    """Read a document, or that of a run with the weights that it trained."""
    if _is_run(name):
        from napari_convnet.training import Run

        return Run(Path(name)).trained
    return _draft(name).checked()


def _is_run(name: str) -> bool:
    """Whether a name means a folder, which must be a run then, rather than a document."""
    from napari_convnet.document import presets

    path = Path(name)
    known = (path / "document.yaml").is_file() or name not in [one.name for one in presets()]
    return path.is_dir() and known


def _write_json(path: Path, value: Any) -> None:
    try:
        path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None


if __name__ == "__main__":
    sys.exit(main())
