"""The catalogue of wrong documents: what each is told, where, and what would be right.

`catalogue/*.txt` hold documents parted by ``=== what is wrong``. A document stands there with its
messages, below the line that each is about::

    - conv 8 rellu
             ^^^^^ unknown op "rellu"
             = did you mean relu?

The carets mark the place, ``|`` one without characters, ``(to 5:3)`` one that ends in a later line,
``~`` that of a warning. Run this file as a program to write all messages anew, then read them.
"""

import re
from pathlib import Path

import pytest

from napari_convnet.document import draft

FOLDER = Path(__file__).parent / "catalogue"
MESSAGE = re.compile(r" *(?:[\^~]+|\|)(?: \(to \d+:\d+\))? \S|^ *= ")


def entries(path):
    """Titles and texts of a file, messages included."""
    parts = re.split(r"^=== (.*)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def plain(entry):
    """Take the document out of an entry."""
    return "".join(line for line in entry.splitlines(True) if not MESSAGE.match(line))


def told(pipeline):
    """Put a document's messages below its lines."""
    lines = pipeline.text.splitlines() or [""]
    below = [[line] for line in lines]
    for mark, problems in (("^", pipeline.problems), ("~", getattr(pipeline, "warnings", ()))):
        for problem in problems:
            below[problem.place.line - 1] += marked(problem, mark, lines)
    return "".join(f"{line}\n" for group in below for line in group)


def marked(problem, mark, lines):
    """One message, its mark below its place."""
    at = problem.place
    indent = " " * (at.column - 1)
    end = at.end_column if at.end_line == at.line else len(lines[at.line - 1]) + 1
    until = f" (to {at.end_line}:{at.end_column})" if at.end_line > at.line else ""
    layer = f"layer {problem.layer}: " if problem.layer else ""
    told = [f"{indent}{mark * (end - at.column) or '|'}{until} {layer}{problem.what}"]
    return told + ([f"{indent}= {problem.fix}"] if problem.fix else [])


ALL = {
    f"{path.stem}: {title}": (path, title, entry)
    for path in sorted(FOLDER.glob("*.txt"))
    for title, entry in entries(path).items()
}


@pytest.mark.parametrize("name", ALL)
def test_a_wrong_document_is_told_what_where_and_how(name):
    _, _, entry = ALL[name]
    pipeline = draft(plain(entry))
    assert told(pipeline) == entry
    assert pipeline.problems or pipeline.warnings
    for problem in (*pipeline.problems, *pipeline.warnings):
        assert problem.what
        assert problem.fix, "say what would be right"
        assert len(str(problem)) < 400


def test_the_catalogue_is_large():
    assert len(ALL) >= 60


def rewrite():
    """Write all messages anew."""
    for path in sorted(FOLDER.glob("*.txt")):
        head = path.read_text(encoding="utf-8").partition("=== ")[0]
        parts = [
            f"=== {title}\n{told(draft(plain(entry)))}" for title, entry in entries(path).items()
        ]
        path.write_text(head + "".join(parts), encoding="utf-8")


if __name__ == "__main__":
    rewrite()
