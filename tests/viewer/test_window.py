"""A whole window in a process of its own: what it never imports, and what it leaves behind."""

import os
import signal
import subprocess
import sys

import psutil

WINDOW = """
import sys, time
import napari
from qtpy.QtWidgets import QApplication
from napari_convnet.demo import add_digits, add_docks
from napari_convnet.document import edit, preset_text
from napari_convnet.viewer import attach

def wait(condition, seconds=100):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        QApplication.processEvents()
        time.sleep(0.005)

viewer = napari.Viewer(show=False)
add_digits(viewer)
session = attach(viewer)
text = edit.set_value(preset_text("lenet"), "train.epochs", EPOCHS)
session.set_text(edit.set_value(text, "data.split", "10/0/90"))
add_docks(viewer)
session.show_both()
wait(lambda: session.shown and not session.busy)
"""

JOURNEY = """
session.set_row((0,), "c1: conv 4 k3 relu")
wait(lambda: not session.busy)
session.train()
wait(lambda: session.training.state == "finished")
session.predict()
wait(lambda: session.prediction is not None)
viewer.close()
wait(lambda: session.closed)
print("torch" in sys.modules)
"""

TRAINING = """
session.train()
wait(lambda: session.training.step > 3)
print(session._eye.pid, session._trainer.pid, flush=True)
wait(lambda: False)
"""


def window(script, folder, epochs):
    code = WINDOW.replace("EPOCHS", repr(epochs)) + script
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "NAPARI_STRICT_QT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_full_session_never_imports_torch(tmp_path, qapp):
    with window(JOURNEY, tmp_path, "1") as process:
        out, err = process.communicate(timeout=170)
    assert process.returncode == 0, err
    assert out.strip() == "False"


def test_a_killed_window_leaves_no_worker(tmp_path, qapp):
    with window(TRAINING, tmp_path, "5000") as process:
        line = process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        error = process.stderr.read()
    assert line, error
    workers = [psutil.Process(int(pid)) for pid in line.split() if psutil.pid_exists(int(pid))]
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
