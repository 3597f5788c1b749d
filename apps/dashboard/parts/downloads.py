"""Buttons that download the rows that are shown. A file is written when its button is pressed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from apps.dashboard.data import export
from apps.dashboard.parts import html

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apps.dashboard.data.snapshot import Row
    from apps.dashboard.parts.view import View


def buttons(view: View, count: str, mart: str, key: str, rows: Sequence[Row], *, without: tuple[str, ...] = ()) -> None:
    """Draw how many rows are shown, and the buttons.

    Args:
        view: What the page shows.
        count: How many rows are shown, in words.
        mart: The mart that the rows are of.
        key: The column that tells its rows apart.
        rows: The rows that are shown.
        without: Columns that the page added.
    """
    rows = list(rows)
    name = f"{mart}_{view.snapshot.day}"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        html.hint(count)
        with st.container(horizontal=True, width="content"):
            columns = export.columns_of(rows, without=without)
            as_csv = partial(export.as_csv, rows, columns)
            as_parquet = partial(export.as_parquet, view.snapshot, mart, key, rows)
            for kind, data, mime in (
                ("csv", as_csv, "text/csv"),
                ("parquet", as_parquet, "application/vnd.apache.parquet"),
            ):
                st.download_button(
                    view.texts(f"lists.{kind}"),
                    data,
                    file_name=f"{name}.{kind}",
                    mime=mime,
                    on_click="ignore",
                    icon=":material/download:",
                    disabled=not rows,
                    key=f"download_{kind}",
                )
