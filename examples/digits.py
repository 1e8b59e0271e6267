"""Train a LeNet on handwritten digits, without a window, and use it.

``python examples/digits.py`` trains the preset as it is (a quarter of a minute on two cores);
``python examples/digits.py 1`` trains for one epoch.
"""

import sys

import numpy as np

import napari_convnet as nc
from napari_convnet.data import digits, sample_from_array
from napari_convnet.document import edit
from napari_convnet.training import Run


def main(epochs: str = "") -> float:
    """Train, evaluate, predict one digit and look at its maps.

    Parameters
    ----------
    epochs : str
        How many passes; as the preset says where empty.

    Returns
    -------
    float
        Accuracy on the held-out digits.
    """
    text = nc.preset("lenet").text
    pipeline = nc.parse(edit.set_value(text, "train.epochs", epochs) if epochs else text)

    accuracy, run = 0.0, None
    for event in nc.train(pipeline):
        match type(event).__name__:
            case "Epoch":
                print(f"epoch {event.epoch}: loss {event.train_loss:.3f}")
            case "Finished":
                accuracy, run = event.test_accuracy, event.run
    print(f"{accuracy:.1%} of the held-out digits are right; the run is in {run}")

    images, labels = digits()
    answer = nc.predict(run, sample_from_array(images[3000], pipeline.input))
    print("a digit", labels[3000], "is taken for", answer.best)

    maps = nc.feature_maps(Run(run).trained, images[3000].astype(np.float32))
    print({name: one.shape for name, one in maps.items()})
    return float(accuracy)


if __name__ == "__main__":
    main(*sys.argv[1:])
