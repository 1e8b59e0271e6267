"""The page about the window names what is there."""

import re
from pathlib import Path

from napari_convnet.viewer import Session

DOCS = Path(__file__).parents[2] / "docs"


def test_methods_and_pictures_of_the_page_exist():
    page = (DOCS / "window.md").read_text(encoding="utf-8")
    named = set(re.findall(r"session\.(\w+)", page))
    assert {"learn_from_layers", "set_view", "predict"} <= named
    # What is set on an instance is said by its class too: they are properties.
    assert not [name for name in named if not hasattr(Session, name)]
    for path in re.findall(r"!\[.*?\]\((.*?)\)", page):
        assert (DOCS / path).is_file()
