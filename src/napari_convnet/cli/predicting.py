"""The command that predicts: what an image shows, or the class or value of every voxel."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_convnet.network import UserError

from . import named
from .app import Accept, AsJson, Device, DocOrRun, InputFile, app, print_json, told

if TYPE_CHECKING:
    from napari_convnet.data import Contents
    from napari_convnet.document import Pipeline
    from napari_convnet.training import Loaded, Regressed, Segmentation

UNITS: Mapping[str, int] = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}

Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        help="The file to write: .nii.gz, .tif, .npy or .zarr of labels or values, or .json.",
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Memory to compute in, such as 2GB; else what there is."),
]


@app.command()
def predict(
    run: DocOrRun,
    image: InputFile,
    output: Output = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write those too: OUT-probabilities.")
    ] = False,
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="Only the probabilities of this class.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="The right labels, a file: to measure by.")
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="A .csv file for voxels and volumes of each class.")
    ] = None,
    memory: Memory = None,
    accept: Accept = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Say what an image shows: as a whole, or voxel by voxel."""
    pipeline = named.document_or_run(run)
    if len(pipeline.network.output) > 1:
        wanted: Any = classes or probabilities
        most = None if memory is None else parse_bytes(memory)
        options = {"probabilities": wanted, "labels": labels, "most_bytes": most}
        _check_output(output, {"image itself": image, "labels": labels})
        if wanted and (output is None or output.lower().endswith(".json")):
            name = "--class: probabilities" if classes else "--probabilities"
            raise UserError(
                f"{name} are written beside -o", "add -o and a file, such as OUT.nii.gz"
            )
        found = named.image(image, named.accepted(pipeline, accept))
        _predict_voxels(pipeline, found, output, table, device, as_json, options)
        return
    given = {
        "--probabilities": probabilities,
        "--class": classes,
        "--table": table,
        "--labels": labels,
    }
    for name, value in given.items():
        if value:
            what = f"{name} is for networks that end in maps; this one gives one class per image"
            raise UserError(what, "leave it out")
    if output and Path(output).suffix.lower() not in ("", ".json"):
        what = f"{output} is for a class or value per voxel; this network gives one class per image"
        raise UserError(what, "let the name end in .json, or leave -o out")
    _predict_image(pipeline, image, named.accepted(pipeline, accept), output, device, as_json)


def _predict_image(
    pipeline: Pipeline,
    image: str,
    accept: Sequence[str],
    output: str | None,
    device: str,
    as_json: bool,
) -> None:
    from napari_convnet.data import read_sample
    from napari_convnet.training import predict as answer

    sample = read_sample(image, pipeline.input, accept=accept)
    prediction = answer(pipeline, sample, device)
    for note in sample.notes:
        told(str(note), 0)
    if output:
        named.write_json(Path(output), prediction.as_dict())
    if as_json:
        print_json(prediction.as_dict())
    else:
        print(prediction)


def _predict_voxels(
    pipeline: Pipeline,
    image: Contents,
    output: str | None,
    table: str | None,
    device: str,
    as_json: bool,
    options: dict[str, Any],
) -> None:
    from napari_convnet.training import load
    from napari_convnet.training.predicting.files import check_name, scratch

    path = None if output is None else Path(output)
    if path is not None and path.suffix.lower() == ".json":
        _check_folder(path)
    elif path is not None:
        check_name(path, len(pipeline.input) - 1)
    if table is not None:
        _check_table(table, pipeline)
    loaded = load(pipeline, device=device)
    with tempfile.TemporaryDirectory() as folder, scratch(path or Path(folder, "x")) as space:
        # In a function of its own: Windows removes no file that an array still lies in.
        _predict_and_write(loaded, image, path, table, as_json, {**options, "space": space})


def _predict_and_write(
    loaded: Loaded,
    image: Contents,
    path: Path | None,
    table: str | None,
    as_json: bool,
    options: dict[str, Any],
) -> None:
    from napari_convnet.training import Segmentation, write_table

    result = _waited(loaded, image, options, quiet=as_json)
    if table is not None:
        assert isinstance(result, Segmentation)
        write_table(result, table)
    both = bool(options["probabilities"])
    written = [] if path is None else list(_written(result, path, both))
    _tell(result, written, as_json)


def _check_output(output: str | None, read: Mapping[str, str | None]) -> None:
    """Refuse to write over what is read."""
    for what, name in read.items():
        if output and name and Path(output).resolve() == Path(name).resolve():
            raise UserError(f"-o names the {what}: {output}", "choose another file to write")


def _check_table(table: str, pipeline: Pipeline) -> None:
    """Refuse a table that cannot be written, before anything is computed."""
    if pipeline.train.task == "regress":
        raise UserError("--table is for classes; this network gives values", "leave it out")
    _check_folder(Path(table))


def _check_folder(path: Path) -> None:
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", "make it first, or choose another")


def _tell(result: Segmentation | Regressed, written: Sequence[str], as_json: bool) -> None:
    notes = [str(note) for note in result.notes]
    if as_json:
        print_json({**result.as_dict(), "files": list(written), "notes": notes})
        return
    for text in notes:
        told(text, 0)
    print(result)
    for name in written:
        print(f"wrote {name}")


def _written(result: Segmentation | Regressed, path: Path, probabilities: bool) -> Iterator[str]:
    """Write what was predicted, and give the names of the files."""
    from napari_convnet.training import save_prediction

    if path.suffix.lower() == ".json":
        named.write_json(path, result.as_dict())
        yield str(path)
        return
    second = _beside(path)
    for name, chances in ((path, False), (second, True))[: 1 + probabilities]:
        for note in save_prediction(result, name, probabilities=chances):
            told(f"{name}: {note}", 0)
        yield str(name)


def _beside(path: Path) -> Path:
    """Name the file of probabilities.

    Examples
    --------
    >>> _beside(Path("head.nii.gz")).name
    'head-probabilities.nii.gz'
    """
    stem, dot, ending = path.name.partition(".")
    if path.name.lower().endswith(".nii.gz"):
        stem, dot, ending = path.name[:-7], ".", path.name[-6:]
    elif dot:
        stem, ending = path.stem, path.suffix[1:]
    return path.with_name(f"{stem}-probabilities.{ending}")


def parse_bytes(text: str) -> int:
    """Read a size such as ``2GB``.

    Examples
    --------
    >>> parse_bytes("2GB"), parse_bytes("1.5 m"), parse_bytes("4096")
    (2147483648, 1572864, 4096)
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([kmgt]?)(?:i?b)?\s*", text.lower())
    if match is None:
        raise UserError(f'"{text}" is no size of memory', "write for example 2GB or 500MB")
    return int(float(match[1]) * UNITS[match[2]])


def _waited(
    loaded: Loaded, image: Contents, options: dict[str, Any], *, quiet: bool
) -> Segmentation | Regressed:
    """Predict, and show how far it has come."""
    from napari_convnet.training import Predicting
    from napari_convnet.training.predicting import predicting

    result: Any = None
    with _bar(image.name, quiet) as advance:
        for event in predicting(loaded, image, **options):
            if isinstance(event, Predicting):
                advance(event.fraction)
            else:
                result = event
    return result  # type: ignore[no-any-return]


@contextmanager
def _bar(name: str, quiet: bool) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    bar = Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
    with bar:
        task = bar.add_task(name, total=1.0)
        yield lambda fraction: bar.update(task, completed=fraction)
