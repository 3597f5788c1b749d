"""Charts: Altair with the colours of the theme, which are told apart with any colour vision, and titles for people."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import altair as alt
import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from apps.dashboard.data.snapshot import Row

HEIGHT = 280
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4]]
LEGEND_LINE = 18
LONGEST = 40
ROOM = 1.25
"""The longest bar leaves a fifth of the width for its figure: on a phone 286 would else be cut to 28."""
MOST_TICKS = 15
"""Days that each get a label. More of them get Altair's own, which for fewer are half days: each label twice."""


def _data(rows: Sequence[Row], columns: Sequence[str]) -> alt.Data:
    return alt.Data(values=[{name: _plain(row[name]) for name in columns} for row in rows])


def labels(names: Mapping[int, str]) -> dict[int, str]:
    """Return the label of each line: its name, with its number where another one would look the same.

    Lines are told apart by their labels, and long names are cut.
    """
    found = {number: str(_plain(name)) for number, name in names.items()}
    alike = Counter(found.values())
    return {number: label if alike[label] == 1 else _numbered(label, f" #{number}") for number, label in found.items()}


def _numbered(label: str, end: str) -> str:
    room = LONGEST - len(end) - 1
    return f"{label[:room]}…{end}" if len(label) > room else f"{label}{end}"


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return f"{value[:LONGEST]}…" if len(value) > LONGEST else value
    return value.isoformat() if hasattr(value, "isoformat") else value


def lines(
    rows: Sequence[Row],
    *,
    x: tuple[str, str],
    y: tuple[str, str],
    color: tuple[str, str] | None = None,
    is_rank: bool = False,
) -> None:
    """Draw lines over time. A day without a value is a gap; lines differ by dashes too.

    Args:
        rows: The values.
        x: The column of the days or years, and its title.
        y: The column of the figures, and its title.
        color: The column that tells lines apart, and its title.
        is_rank: Whether the figure is a rank: 1 is at the top.
    """
    is_year = isinstance(rows[0][x[0]], int)
    ticks = sorted({_plain(row[x[0]]) for row in rows})
    axis = (
        alt.Axis(format="d", title=None)
        if is_year
        else alt.Axis(
            title=None,
            format="%m-%d",
            labelOverlap=True,
            grid=False,
            **({"values": ticks} if len(ticks) <= MOST_TICKS else {}),
        )
    )
    kind = "Q" if is_year else "T"
    scale = alt.Scale(reverse=is_rank, zero=not is_rank, nice=not is_rank)
    encoding: dict[str, Any] = {
        "x": alt.X(f"{x[0]}:{kind}", axis=axis, scale=alt.Scale(nice=False, zero=False)),
        "y": alt.Y(f"{y[0]}:Q", title=y[1], scale=scale, axis=alt.Axis(format="~s", tickMinStep=1)),
        "tooltip": [
            *([alt.Tooltip(f"{color[0]}:N", title=color[1])] if color else []),
            alt.Tooltip(f"{x[0]}:{kind}", title=x[1], format="d" if is_year else "%Y-%m-%d"),
            alt.Tooltip(f"{y[0]}:Q", title=y[1], format=","),
        ],
    }
    if color:
        # One below the other: beside each other the last ones are cut off on a phone, without a sign of it.
        legend = alt.Legend(orient="bottom", columns=1, labelLimit=240, title=None, symbolType="stroke", symbolSize=300)
        encoding["color"] = alt.Color(f"{color[0]}:N", legend=legend)
        encoding["strokeDash"] = alt.StrokeDash(f"{color[0]}:N", scale=alt.Scale(range=DASHES), legend=None)
    columns = [x[0], y[0], *([color[0]] if color else [])]
    # A point for each day: a day between two gaps is no line.
    mark = {"point": {"size": 28, "filled": True} if len(ticks) <= 45 else False, "strokeWidth": 2}
    height = HEIGHT + (LEGEND_LINE * len({row[color[0]] for row in rows}) + 20 if color else 0)
    _draw(alt.Chart(_data(rows, columns), height=height).mark_line(**mark).encode(**encoding))


def bars(rows: Sequence[Row], *, name: tuple[str, str], value: tuple[str, str]) -> None:
    """Draw a bar for each row, the longest first, with its figure at the end."""
    y = alt.Y(f"{name[0]}:N", sort=None, title=None, axis=alt.Axis(labelLimit=180, ticks=False, domain=False))
    tooltip = [alt.Tooltip(f"{name[0]}:N", title=name[1]), alt.Tooltip(f"{value[0]}:Q", title=value[1], format=",")]
    base = alt.Chart(_data(rows, [name[0], value[0]]), height=24 * len(rows) + 20).encode(y=y, tooltip=tooltip)
    scale = alt.Scale(domain=[0, ROOM * max((row[value[0]] or 0 for row in rows), default=0)], nice=False)
    x = alt.X(f"{value[0]}:Q", title=value[1], scale=scale, axis=alt.Axis(format="~s", grid=False, tickCount=5))
    bar = base.mark_bar(cornerRadiusEnd=3, height=14).encode(x=x)
    # Streamlit's theme has no colour for texts on a chart.
    ink = "#e8ecf2" if st.context.theme.type == "dark" else "#1a202c"
    label = base.mark_text(align="left", dx=5, color=ink).encode(x=x, text=alt.Text(f"{value[0]}:Q", format=","))
    _draw(bar + label)


def _draw(chart: alt.Chart | alt.LayerChart) -> None:
    st.altair_chart(chart)
