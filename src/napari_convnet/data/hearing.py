"""What packages print about a damaged file, heard instead, to be told in notes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class _Ear(logging.Handler):
    """Collects what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


@contextmanager
def listening(logger: logging.Logger) -> Iterator[list[str]]:
    """Hear what a package logs and warns of while it reads, which it would print otherwise."""
    ear = _Ear()
    before, passed = logger.handlers, logger.propagate
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        logger.handlers, logger.propagate = [ear], False
        try:
            yield ear.heard
        finally:
            logger.handlers, logger.propagate = before, passed
            ear.heard += [str(each.message) for each in warned]
