"""Words that two rooms know: the document checks them, the data room does them."""

from napari_convnet import data
from napari_convnet.document import vocabulary


def test_the_document_knows_the_words_of_the_data_room():
    assert set(vocabulary.AUGMENTATIONS) == set(data.AUGMENTATIONS)
    assert set(vocabulary.NORMALISATIONS) == set(data.NORMALISATIONS)
    assert set(vocabulary.FITS) == set(data.FITS)
