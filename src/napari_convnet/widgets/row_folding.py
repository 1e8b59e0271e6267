"""What the keys Left and Right do in a list of rows that fold."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt

from .rows import RowView


def folded_by_key(views: Sequence[RowView], view: RowView, key: int) -> RowView | None:
    """Row that a key folds or unfolds (the row itself), or goes to; None where it does nothing.

    Right unfolds a row, or goes to the first in it; Left folds it, or goes to the row it lies in.
    """
    if key not in (Qt.Key.Key_Left, Qt.Key.Key_Right):
        return None
    at = next((i for i, one in enumerate(views) if one.path == view.path), 0)
    if key == Qt.Key.Key_Right:
        if view.open is False:
            return view
        after = views[at + 1] if view.open and at + 1 < len(views) else None
        return after if after is not None and after.depth > view.depth else None
    if view.open:
        return view
    return next((one for one in reversed(views[:at]) if one.depth < view.depth), None)
