"""What tests of damaged files share."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest


@pytest.fixture
def never_mislead(tmp_path: Path) -> Callable[[Path, int, int, Sequence[Path]], None]:
    """Damage files by a script in a process that may die, and demand that every case is right."""

    def run(script: Path, seed: int, cases: int, sources: Sequence[Path]) -> None:
        (tmp_path / "damaged").mkdir()
        given = [str(seed), str(cases), str(tmp_path / "damaged"), *map(str, sources)]
        done = subprocess.run(
            [sys.executable, str(script), *given], capture_output=True, text=True, timeout=170
        )
        lines = done.stdout.splitlines()
        assert done.returncode == 0, f"died at case {lines[-1:]}: {done.stderr[-2000:]}"
        assert done.stderr == ""
        assert [line for line in lines if not line.endswith(" ok")] == []
        assert len(lines) == cases

    return run
