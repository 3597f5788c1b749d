"""The plots of the benchmarks, as SVG: text that a repository can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def progress_svg(progress: Sequence[tuple[float, int]], floor: float, title: str) -> str:
    """Return an SVG of rows over time; `progress` is (seconds, rows), `floor` the fewest possible seconds."""
    width, height, left, top = 640, 300, 80, 20
    end, rows = progress[-1]
    seconds = max(end, floor) * 1.05

    def x(second: float) -> float:
        return round(left + second / seconds * width, 1)

    def y(row: float) -> float:
        return round(top + height - row / rows * height, 1)

    lines = []
    for second in range(0, int(seconds) + 1, 5):
        lines.append(f'<line x1="{x(second)}" y1="{top}" x2="{x(second)}" y2="{top + height}" class="grid"/>')
        lines.append(f'<text x="{x(second)}" y="{top + height + 18}" text-anchor="middle">{second} s</text>')
    for row in (rows * quarter // 4 for quarter in range(5)):
        lines.append(f'<line x1="{left}" y1="{y(row)}" x2="{left + width}" y2="{y(row)}" class="grid"/>')
        lines.append(f'<text x="{left - 8}" y="{y(row) + 4}" text-anchor="end">{row:,}</text>')
    points = " ".join(f"{x(second)},{y(row)}" for second, row in progress)
    lines += [
        f'<polyline points="{x(0)},{y(0)} {x(floor)},{y(rows)}" stroke="#999" stroke-dasharray="6 4"/>',
        f'<polyline points="{points}" stroke="#1f77b4"/>',
        f'<text x="{x(floor * 0.5)}" y="{y(rows * 0.6)}" text-anchor="end">floor: {floor:.1f} s</text>',
        f'<text x="{x(end * 0.62)}" y="{y(rows * 0.5)}" class="measured">measured: {end:.1f} s</text>',
        f'<text x="{left + width / 2}" y="{top + height + 40}" text-anchor="middle">{title}</text>',
    ]
    style = (
        "text { font: 12px sans-serif; fill: #555 } .measured { fill: #1f77b4 } "
        ".grid { stroke: #ddd } polyline { fill: none; stroke-width: 2.5 }"
    )
    size = f"0 0 {left + width + 20} {top + height + 50}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" role="img">'
    label = f"<title>Rows read over time: {end:.1f} s; the floor is {floor:.1f} s</title>"
    background = '<rect width="100%" height="100%" fill="#fff"/>'
    return "\n".join([head, label, f"<style>{style}</style>", background, *lines, "</svg>", ""])
