"""OpenLineage events: what a load, a build and a publication read and write.

They are sent only where Airflow's setting `[openlineage] transport` is set; without it nothing of OpenLineage is
imported. Datasets are named by the lake's URIs (S3: `s3://bucket` and the key; a disk: `file` and the path), so the
output of a task is the input of the next one:

    https://api.igdb.com/v4/games -> raw/igdb/games -> staging/stg_igdb__games -> marts/dim_games
        -> marts/dim_games.parquet

`gamelake.marts.model_graph` explains the paths between raw tables and marts.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec
from urllib.parse import urlsplit

from gamelake.feeds.documents import FEEDS
from gamelake.lake.factory import lake_location
from gamelake.lake.location import BucketLocation
from gamelake.marts.model_graph import INPUTS, MARTS, RAW, model_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from openlineage.client.event_v2 import InputDataset, OutputDataset

    from gamelake.feeds.documents import Step
    from gamelake.lake.store import Store
    from gamelake.load.report import LoadReport
    from gamelake.marts.documents import Generation
    from gamelake.registry import Entity

log = logging.getLogger(__name__)

Given = ParamSpec("Given")

PRODUCER = "gamelake"
FROM_NO_TABLE = {
    f"{INPUTS}/{name}" for name in ("run", "previous", "previous_ranks", "model_runs", "previous_model_runs")
}
"""The day that is built, the marts of an earlier day, and what builds cost: no raw table is their origin."""
ENDED = {"success": "COMPLETE", "error": "FAIL"}
"""OpenLineage's states, by dbt's statuses of models that it has tried to build."""


def is_on() -> bool:
    """Return whether events are sent. It costs next to nothing where they are not."""
    from airflow.providers.openlineage import conf

    return not conf.is_disabled()


def _sent(send: Callable[Given, None]) -> Callable[Given, None]:
    """Make a function do nothing while no events are sent, and log what fails: lineage fails no task."""

    @wraps(send)
    def send_if_on(*given: Given.args, **options: Given.kwargs) -> None:
        if not is_on():
            return
        try:
            send(*given, **options)
        except Exception:
            log.warning("the lineage of this task is not sent", exc_info=True)

    return send_if_on


def dataset_name(path: str) -> tuple[str, str]:
    """Return the namespace and name of something in the lake.

    Args:
        path: Below the lake, such as `raw/igdb/games`.
    """
    place = lake_location()
    if isinstance(place, BucketLocation):
        return f"s3://{place.bucket}", f"{place.prefix}/{path}".lstrip("/")
    return "file", (place.folder / path).as_posix()


@_sent
def load_done(address: str, entity: Entity, report: LoadReport) -> None:
    """Send that a load has read an address of the source and written a table."""
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    url = urlsplit(address)
    host = f"{url.scheme}://{url.hostname}" + (f":{url.port}" if url.port else "")
    columns = {name: kind.value for name, kind in entity.fields.items()}
    output = OutputDataset(
        *dataset_name(f"{RAW}/{entity.source}/{entity.name}"),
        facets={"schema": _schema(columns), **_version(str(report.version)), **_text(entity.description)},
        outputFacets=_statistics(rows=report.rows, size=report.bytes, files=report.files),
    )
    _send([InputDataset(host, url.path)], [output])


@_sent
def feeds_made(steps: Sequence[Step]) -> None:
    """Send that change feeds were made from the commits of their tables."""
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    tables = sorted({f"{step.source}/{step.entity}" for step in steps})
    if tables:
        _send(
            [InputDataset(*dataset_name(f"{RAW}/{table}")) for table in tables],
            [OutputDataset(*dataset_name(f"{FEEDS}{table}")) for table in tables],
        )


@_sent
def inputs_chosen(store: Store, generation: str) -> None:
    """Send that a build's list of inputs was made from the commits of the raw tables that it reads."""
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    from gamelake.marts.build_inputs import Inputs
    from gamelake.marts.documents import INPUTS as DOCUMENT
    from gamelake.marts.documents import read

    lists = [path for path in model_graph() if path.startswith(f"{INPUTS}/") and path not in FROM_NO_TABLE]
    chosen = read(store, f"{generation}/{DOCUMENT}", Inputs).sources
    tables = [f"{RAW}/{table.source}/{table.entity}" for table in chosen]
    _send(
        [InputDataset(*dataset_name(path)) for path in tables], [OutputDataset(*dataset_name(path)) for path in lists]
    )


@_sent
def models_done(results: Sequence[Mapping[str, Any]], target: Path) -> None:
    """Send an event for each model that dbt has built: the tables that it read, and itself.

    Args:
        results: Those of dbt's `run_results.json`.
        target: dbt's target folder, which has the manifest.
    """
    from openlineage.client.facet_v2 import sql_job

    graph = {table.name: table for table in model_graph(target / "manifest.json").values() if table.reads}
    parts = []
    for result in results:
        kind, _, name = str(result["unique_id"]).split(".")[:3]
        table, state = graph.get(name), ENDED.get(str(result["status"]))
        if kind != "model" or table is None or state is None:
            continue
        sql = result.get("compiled_code")
        parts.append(
            Part(
                name,
                inputs=table.reads,
                output=table.path,
                state=state,
                ended=max(
                    (each["completed_at"] for each in result.get("timing") or () if each["completed_at"]), default=None
                ),
                job={"sql": sql_job.SQLJobFacet(query=sql)} if sql else {},
                facets={"schema": _schema(table.columns), **_text(table.description)},
            )
        )
    _send_parts("DBT", parts)


@_sent
def publication_done(generation: Generation) -> None:
    """Send that readers have the marts of a generation: each file at a fixed path is a copy of its model's."""
    _send_parts(
        "GAMELAKE",
        [
            Part(
                mart.name,
                inputs=(f"{MARTS}/{mart.name}",),
                output=mart.copy,
                facets=_version(generation.generation),
                statistics=_statistics(rows=mart.rows, size=mart.bytes, files=1),
            )
            for mart in generation.marts
        ],
    )


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a task that has inputs of its own: an event of the task would connect each input with each output.

    `inputs` and `output` are paths below the lake, `ended` is a time in ISO format, None for now. The others are
    OpenLineage's facets.
    """

    name: str
    inputs: tuple[str, ...]
    output: str
    state: str = "COMPLETE"
    ended: str | None = None
    job: Mapping[str, Any] = field(default_factory=dict)
    facets: Mapping[str, Any] = field(default_factory=dict)
    statistics: Mapping[str, Any] = field(default_factory=dict)


def _send_parts(integration: str, parts: Iterable[Part]) -> None:
    """Send an event for each part of the running task, which is their parent."""
    from airflow.providers.openlineage.api import emit
    from airflow.providers.openlineage.plugins import macros
    from airflow.providers.openlineage.utils.utils import get_task_instance_from_context
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import job_type_job, parent_run
    from openlineage.client.uuid import generate_new_uuid

    from gamelake.airflow.lineage_transport import one_object

    ti = get_task_instance_from_context()  # type: ignore[no-untyped-call]  # the provider's
    namespace = macros.lineage_job_namespace()  # type: ignore[no-untyped-call]
    task = macros.lineage_job_name(ti)
    parent = parent_run.ParentRunFacet(
        run=parent_run.Run(runId=macros.lineage_run_id(ti)), job=parent_run.Job(namespace=namespace, name=task)
    )
    kind = job_type_job.JobTypeJobFacet(processingType="BATCH", integration=integration, jobType="MODEL")
    with one_object():
        for part in parts:
            output = OutputDataset(
                *dataset_name(part.output), facets=dict(part.facets), outputFacets=dict(part.statistics)
            )
            emit(
                RunEvent(
                    eventType=RunState[part.state],
                    eventTime=part.ended or datetime.now(UTC).isoformat(),
                    run=Run(runId=str(generate_new_uuid()), facets={"parent": parent}),
                    job=Job(namespace, f"{task}.{part.name}", facets={"jobType": kind, **part.job}),
                    inputs=[InputDataset(*dataset_name(path)) for path in part.inputs],
                    outputs=[output],
                    producer=PRODUCER,
                )
            )


def _send(inputs: Sequence[InputDataset], outputs: Sequence[OutputDataset]) -> None:
    """Send what the running task as a whole reads and writes."""
    from airflow.providers.openlineage.api import emit_dataset_lineage

    emit_dataset_lineage(inputs=list(inputs), outputs=list(outputs))


def _version(version: str) -> dict[str, Any]:
    from openlineage.client.facet_v2 import dataset_version_dataset

    return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version)}


def _statistics(*, rows: int, size: int, files: int) -> dict[str, Any]:
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    found = statistics.OutputStatisticsOutputDatasetFacet(rowCount=rows, size=size, fileCount=files)
    return {"outputStatistics": found}


def _schema(columns: Mapping[str, str]) -> Any:
    from openlineage.client.facet_v2 import schema_dataset

    fields = [schema_dataset.SchemaDatasetFacetFields(name=name, type=kind) for name, kind in columns.items()]
    return schema_dataset.SchemaDatasetFacet(fields=fields)


def _text(description: str) -> dict[str, Any]:
    from openlineage.client.facet_v2 import documentation_dataset

    return {"documentation": documentation_dataset.DocumentationDatasetFacet(description)} if description else {}
