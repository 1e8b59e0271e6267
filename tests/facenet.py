"""The small pretrained networks of facenet-pytorch, without what the package needs beside them."""

import importlib
import importlib.util
import sys
from types import ModuleType

import pytest


def load(name: str):
    """Make PNet, RNet or ONet, with the weights that lie in the package.

    The package itself imports torchvision, of old versions, for the detector around the networks;
    the file with the networks does without.
    """
    spec = importlib.util.find_spec("facenet_pytorch")
    if spec is None:
        pytest.skip("facenet-pytorch is not installed (make setup does)")
    before = {key: sys.modules.get(key) for key in ("facenet_pytorch", *_STUBS)}
    try:
        for key in ("facenet_pytorch", *_STUBS):
            sys.modules[key] = ModuleType(key)
        package = sys.modules["facenet_pytorch"]
        package.__path__ = list(spec.submodule_search_locations)
        detect = sys.modules["facenet_pytorch.models.utils.detect_face"]
        detect.detect_face = detect.extract_face = None
        models = importlib.import_module("facenet_pytorch.models.mtcnn")
        return getattr(models, name)()
    finally:
        for key in [key for key in sys.modules if key.startswith("facenet_pytorch")]:
            del sys.modules[key]
        sys.modules.update({key: module for key, module in before.items() if module is not None})


_STUBS = ("facenet_pytorch.models.utils", "facenet_pytorch.models.utils.detect_face")
