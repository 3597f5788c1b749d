"""Write the dashboards of Grafana: deploy/observability/grafana/dashboards.

    python -m deploy.dashboards            writes them
    python -m deploy.dashboards --check    writes nothing; exit status 1 if one is stale

boards.py has what they show.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueColorMode, BigValueGraphMode, LegendDisplayMode
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, DataSourceRef, Threshold, ThresholdsMode

from deploy.boards import BOARDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.boards import Board, Question

FOLDER = Path(__file__).resolve().parent / "observability" / "grafana" / "dashboards"
SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")


def panel(question: Question) -> stat.Panel | timeseries.Panel:
    """Return the panel of a question."""
    made: stat.Panel | timeseries.Panel
    if question.bad_from is None:
        legend = common.VizLegendOptions().display_mode(LegendDisplayMode.TABLE).calcs(["lastNotNull", "max"])
        made = timeseries.Panel().legend(legend).fill_opacity(8).span(12).height(8)
    else:
        steps = [Threshold(None, "green"), Threshold(question.bad_from, "red")]
        levels = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
        made = stat.Panel().thresholds(levels).color_mode(BigValueColorMode.BACKGROUND).span(6).height(4)
        made = made.graph_mode(BigValueGraphMode.NONE)
    made = made.title(question.title).description(question.help).unit(question.unit).datasource(SOURCE)
    for name, (expression, series) in zip("ABCDEF", question.queries, strict=False):
        made = made.with_target(prometheus.Dataquery().expr(expression).legend_format(series).ref_id(name))
    return made


def text_of(board: Board) -> str:
    """Return a dashboard as JSON."""
    made = dashboard.Dashboard(board.title).uid(f"gamelake-{board.name}").tags(["gamelake"]).editable()
    made = made.refresh("1m").time("now-7d", "now").timezone("Asia/Seoul")
    made = made.link(
        dashboard.DashboardLink("gamelake").type(DashboardLinkType.DASHBOARDS).tags(["gamelake"]).keep_time(True)
    )
    for question in board.questions:
        made = made.with_panel(panel(question))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the dashboards, or compare them. Returns: the exit status."""
    is_check, status = list(arguments) == ["--check"], 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for board in BOARDS:
        path, text = FOLDER / f"{board.name}.json", text_of(board)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if is_check:
            sys.stderr.write(f"{path}: stale; run `make boards`\n")
            status = 1
        else:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
