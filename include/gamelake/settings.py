"""The environment variables of the product: one attribute each, with its type, default, constraint and description.

`read_settings` reads them again when one has changed. docs/reference/configuration.md is generated from here.
"""

from __future__ import annotations

import difflib
import os
import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gamelake.paths import REPOSITORY, file_in_place_of
from gamelake.urls import without_secrets

LOCAL = REPOSITORY / ".local"
_KUBERNETES = re.compile(r"_SERVICE_(HOST|PORT)|_PORT(_\d|$)")
"""The variables that Kubernetes sets in every pod, named after the services of its namespace."""
_LINK = re.compile("(tcp|udp|sctp)://")
"""Their values: one may have the name of a variable of ours, such as that of a service `gamelake-sandbox`."""


def _folder(path: Path) -> Path:
    """Return the absolute path of a folder, which may be missing. Raises: ValueError."""
    try:
        folder = path.expanduser().absolute()
    except RuntimeError:
        raise ValueError("a folder; ~ stands for the home of a user, and there is no such user") from None
    if there := file_in_place_of(folder):
        raise ValueError(f"a folder; {there} is none")
    return folder


def _memory(text: str) -> str:
    """Return a size as DuckDB reads it, which takes other texts for no limit. Raises: ValueError."""
    if not re.fullmatch(r"(?=.*[1-9])\d+(\.\d+)? ?[KMGT]i?B", text, re.IGNORECASE):
        raise ValueError("a size with its unit, such as 500MB or 2GiB")
    return text


def _whole(low: int, high: int) -> BeforeValidator:
    """Return what reads a whole number, and refuses another text in words of ours."""

    def read(found: object) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", str(found)) or not low <= int(str(found)) <= high:
            raise ValueError(f"a whole number from {low:,} to {high:,}")
        return int(str(found))

    return BeforeValidator(read)


def _url(text: str) -> str:
    """Return the URL of a server. Raises: ValueError."""
    if not re.match(r"https?://[^/?#\s]", text, re.IGNORECASE):
        raise ValueError("a URL that begins with https:// or http:// and a host")
    return text


Port = Annotated[int, _whole(1, 65535)]
Url = Annotated[str, AfterValidator(_url)]
Folder = Annotated[Path, AfterValidator(_folder)]


class SettingsError(ValueError):
    """A variable is unknown, or has a value that is not allowed; the message has its name and what was expected."""


class Settings(BaseSettings):
    """The environment variables. An empty one counts as absent."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    gamelake_uri: str = (LOCAL / "lake").as_uri()
    """Where the lake is: `s3://bucket/prefix`, or `file:///folder` with any name, percent-encoded or not."""

    gamelake_cdn_url: str | None = None
    """The CDN through which the lake is read, as `https://host/prefix`; see
    [its runbook](../guides/runbooks/read-through-a-cdn.md)."""

    gamelake_duckdb: Annotated[Path, AfterValidator(lambda path: REPOSITORY / path)] = (
        LOCAL / "scratch" / "gamelake.duckdb"
    )
    """The build's database file, which is scratch. Only the dbt process opens it, so each worker may have its own. A
    relative path begins at the repository. `make run` and `make up` have theirs in `GAMELAKE_LOCAL`."""

    gamelake_duckdb_memory: Annotated[str, AfterValidator(_memory)] = "500MB"
    """The memory that DuckDB uses before it spills to disk."""

    gamelake_duckdb_extensions: Folder = LOCAL / "extensions"
    """The folder of DuckDB's extensions; `python -m gamelake.marts.duckdb_extensions` fills it. The image has one."""

    gamelake_generation: str | None = None
    """The generation that a dbt process builds. The DAG sets it for each build; without it dbt opens one of the day
    `as_of`."""

    gamelake_transform: Literal["one_process", "spark"] = "one_process"
    """`one_process`: one dbt builds all models. `spark`: a Spark cluster; see
    [its runbook](../guides/runbooks/spark.md)."""

    gamelake_spark_master: str = "local[2]"
    """The Spark master of dbt's target `spark`, such as `spark://host:7077`; `local[2]` is two threads of dbt's own
    process."""

    gamelake_spark_python: Path = REPOSITORY / ".venv-spark" / "bin" / "python"
    """The Python that has dbt-spark, for the DAG `transform` where `GAMELAKE_TRANSFORM` is `spark`."""

    gamelake_spark_warehouse: str = str(LOCAL / "scratch" / "spark")
    """The folder or s3:// prefix of the tables of one build on Spark. `gamelake marts build-on-spark` sets it; the
    default serves `dbt compile` and the like."""

    gamelake_optional_sources: str = ""
    """The optional sources to load, separated by commas, such as `rawg`. Without it they have no DAGs; `shop` has none
    in any case: its changes are [captured](../guides/change-capture.md), and `apply_events` applies them. On a laptop
    `make run` and `make up` set it by what they can reach."""

    gamelake_full_refresh_weekday: Literal["0", "1", "2", "3", "4", "5", "6", "never"] = "0"
    """The weekday on which scheduled runs read the incremental entities whole: `0` is Monday, `6` Sunday, `never` no
    day."""

    gamelake_pod_templates: str | None = None
    """The folder of pod templates, one for each kind of task, as the scheduler sees it; see
    [its page](../guides/deploy/kubernetes.md). Without it every task gets the same pod."""

    gamelake_metrics_token: Annotated[str | None, Field(repr=False)] = None
    """The token that Prometheus sends to the API server for [the metrics](prometheus.md). Without it they are switched
    off."""

    airflow_password: Annotated[str | None, Field(repr=False)] = None
    """For `gamelake smoke`: the password of the user of a deployed Airflow."""

    airflow_token: Annotated[str | None, Field(repr=False)] = None
    """For `gamelake smoke`: a token of Airflow's API, in place of user and password."""

    gamelake_notify: str = ""
    """The ids of the connections that get a message when a night fails, separated by commas. Their types are
    `slackwebhook`, `http` or `smtp`; see [its page](../guides/notifications.md)."""

    gamelake_notify_language: Literal["en", "ko"] = "en"
    """The language of these messages."""

    gamelake_webhook_secret: Annotated[str | None, Field(repr=False)] = None
    """The secret that IGDB's webhooks send to [the event collector](../guides/events.md), at least 16 characters.
    During a rotation two, separated by a comma: webhooks are registered with the first, and both are accepted."""

    gamelake_event_senders: Annotated[str, Field(repr=False)] = ""
    """Other senders of the event collector, each with its secret: `shop=SECRET,crm=SECRET`."""

    gamelake_event_schemas: Folder | None = None
    """The folder of their JSON Schemas, `<sender>/<type>.json`. A type without one is refused."""

    gamelake_event_spool: Folder = LOCAL / "events"
    """The folder of the event collector's write-ahead files. Each collector needs its own, on a disk that outlives its
    container."""

    gamelake_apply_events: bool = False
    """`true`: the DAG `apply_events` applies [the events of the collector](../guides/events.md) to the tables every 15
    minutes. Without it the DAG has no schedule, unless a source of the kind `debezium` is switched on."""

    gamelake_capture_uri: Annotated[str | None, Field(repr=False)] = None
    """The PostgreSQL database whose changes [the capture](../guides/change-capture.md) reads, such as
    `postgresql://capture@host:5432/shop`; the password is in it, or in `PGPASSWORD`."""

    gamelake_capture_folder: Folder = LOCAL / "capture"
    """The folder where the capture keeps its position in the database's log. It needs a disk that outlives its
    container; without it all tables are read again."""

    gamelake_kafka: str = ""
    """The id of a connection to a broker that speaks Kafka's protocol, to which `gamelake feed publish` sends changes
    and events; see [its page](../guides/kafka.md)."""

    gamelake_heartbeat: str = ""
    """The id of a connection of type `http`. The checks send it a GET while readers have the marts of the newest night,
    so that a service outside can tell that Airflow is down; see
    [its page](../guides/notifications.md#when-airflow-itself-is-down)."""

    gamelake_language_model: str = ""
    """The id of a connection of type `http` to a language model, which then words the opening of the daily brief; see
    [its page](../guides/daily-brief.md#text-by-a-language-model). Without it a template does."""

    igdb_client_id: str | None = None
    """An account of IGDB, where connections are imported: with it `igdb_default` leads to the real API. Without it an
    account that is stored there is kept; otherwise it leads to the sandbox."""

    igdb_client_secret: Annotated[str | None, Field(repr=False)] = None
    """The secret of that account."""

    igdb_base_url: Url | None = None
    """Another server than the account's or the sandbox's."""

    igdb_token_url: Url | None = None
    """Its token endpoint, on the scheme, host and port of `IGDB_BASE_URL`, or Twitch's. The client secret is sent to no
    other."""

    rawg_api_key: Annotated[str | None, Field(repr=False)] = None
    """The key of an account of RAWG, where connections are imported: with it `rawg_default` leads to the real API."""

    rawg_base_url: Url | None = None
    """Another server of RAWG's API than the account's or the sandbox's."""

    igdb_recorded: Folder | None = None
    """A folder of recorded rows, which the sandbox serves instead of made-up ones."""

    gamelake_sandbox_port: Port | None = None
    """The port of the sandbox of `make up`. Without it: the last of this clone, first 8900, or the next free one."""

    gamelake_sandbox_games: Annotated[int, _whole(1, 1_000_000)] = 5000
    """The number of games that the sandbox makes up."""

    gamelake_local: Annotated[Folder, AfterValidator(Path.resolve)] = LOCAL
    """The folder of the laptop's Airflow: its database, logs and keys."""

    airflow__api__port: Port | None = None
    """The port of the web UI of `make up`. Without it: the last one of this clone, first 8080, or the next free one."""

    allow_shrink: str = ""
    """For `make run`: tables such as `igdb.games`, separated by commas, or `all`, that may lose more rows than one load
    may remove."""

    allow_unproven: str = ""
    """For `make run`: tables such as `igdb.games`, or `all`, whose rows may differ from IGDB's count by more than one
    load may leave unproven."""

    aws_region: str | None = None
    """The region of the bucket, where neither `AWS_DEFAULT_REGION` nor a profile names one. boto3 reads the other
    `AWS_*` variables, see [its page](../guides/deploy/aws.md#credentials); DuckDB gets the same."""

    aws_endpoint_url: Url | None = None
    """An S3 server other than AWS, such as `http://objects:8333`."""

    aws_endpoint_url_s3: Url | None = None
    """The same for S3 alone; it goes before `AWS_ENDPOINT_URL`."""

    aws_ca_bundle: str | None = None
    """The file of a private network's CAs, for boto3, DuckDB and the CDN."""

    requests_ca_bundle: str | None = None
    """The same, where `AWS_CA_BUNDLE` is not set."""

    @property
    def optional_sources(self) -> frozenset[str]:
        """The names in GAMELAKE_OPTIONAL_SOURCES."""
        return frozenset(name.strip() for name in self.gamelake_optional_sources.split(",") if name.strip())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments and the environment only: `.env` is for compose."""
        return init_settings, env_settings

    @model_validator(mode="before")
    @classmethod
    def _drop_blank(cls, values: dict[str, Any]) -> dict[str, Any]:
        stripped = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
        return {
            name: value for name, value in stripped.items() if value not in {"", None} and not _LINK.match(str(value))
        }


def read_settings() -> Settings:
    """Return what the environment sets now.

    Raises:
        SettingsError: A variable has a wrong value, or its name begins with GAMELAKE_ and is unknown.
    """
    with suppress(FileNotFoundError):  # the working directory was removed
        return _settings_of(tuple(os.environ.items()), Path.cwd())
    return _settings_of(tuple(os.environ.items()), None)


@lru_cache(maxsize=1)  # the file of the loads asks a hundred times, and each task reads it
def _settings_of(_environment: tuple[tuple[str, str], ...], _folder: Path | None) -> Settings:
    """Return what the environment sets; arguments are what the answer depends on."""
    known = [name.upper() for name in Settings.model_fields]
    for name in os.environ:
        if name.startswith("GAMELAKE_") and name not in known and not _KUBERNETES.search(name):
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
            raise SettingsError(f"{name}: there is no such variable, expected {nearest} or another GAMELAKE_ variable")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name, found = str(first["loc"][0]), first["input"]
        if "_url" in name:
            found = without_secrets(str(found))
        told = "true or false" if first["type"] == "bool_parsing" else first["msg"]
        expected = re.sub("^((Input should be|Value error,) )?", "expected ", told)
        raise SettingsError(f"{name.upper()}: found {found!r}, {expected}") from None
