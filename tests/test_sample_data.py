"""File > Open Sample, as napari opens it."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_convnet import _sample_data


def test_digits_show_one_of_each_in_turn_with_its_label():
    viewer = ViewerModel()
    labels, image = (viewer._add_layer_from_data(*each)[0] for each in _sample_data.digits())
    assert image.data.shape == (5000, 28, 28)
    assert image.data.dtype == np.uint8
    assert image.metadata["labels"][:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert labels.text.values[:3].tolist() == ["0", "1", "2"]
    assert labels.data[7].tolist()[0] == 7
    assert viewer.layers.selection.active is image


def test_digits_keep_their_labels_when_reordered():
    from napari_convnet.data import digits

    stored, of_stored = digits()
    data, options, _ = _sample_data.digits()[-1]
    threes = data[options["metadata"]["labels"] == 3]
    np.testing.assert_array_equal(threes, stored[of_stored == 3])


def test_bump_and_line_are_the_textbook_ones():
    viewer = ViewerModel()
    (bump,) = (viewer._add_layer_from_data(*each)[0] for each in _sample_data.bump())
    (line,) = (viewer._add_layer_from_data(*each)[0] for each in _sample_data.line())
    assert bump.data.tolist() == [[0, 0, 0, 1, 1, 0, 0, 0]]
    assert line.data.tolist() == [[0, 0, 0, 1, 1, 0, 0, 0]] * 8


def test_a_stroke_is_heard_from_three_sides():
    pytest.importorskip("soundfile")
    viewer = ViewerModel()
    for each in _sample_data.direction():
        viewer._add_layer_from_data(*each)
    left, centre, right = viewer.layers
    assert left.name == "tabla_na from 60\N{DEGREE SIGN} left"
    assert left.data.shape == centre.data.shape == right.data.shape
    np.testing.assert_allclose(left.data, right.data[::-1], atol=1e-5)
    np.testing.assert_allclose(*centre.data, atol=1e-5)
    assert np.abs(left.data[0]).max() > 1.5 * np.abs(left.data[1]).max()
    assert [layer.affine.translate[0] for layer in viewer.layers] == sorted(
        layer.affine.translate[0] for layer in viewer.layers
    )
