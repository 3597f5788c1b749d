# syntax=docker/dockerfile:1
#
# One image for every service: Airflow, dbt, DuckDB with its extensions, the DAGs and the parsed dbt project.
#
# Why not Airflow's own image: its constraints (pathspec 1.1.1) exclude dbt, so dbt would need a second environment beside
# it. Resolved together, as requirements.lock has them, they agree; a slim Python and that lock are the whole recipe.

# The tag is for the reader, the digest is what is taken: an index of several platforms.
ARG PYTHON_IMAGE=python:3.12.14-slim-bookworm@sha256:782412e85d0f0984994c290652577d4018aff08145c85b262bb63dc0c7522254


FROM ${PYTHON_IMAGE} AS build

ARG UV_VERSION=0.13.9
RUN pip install --no-cache-dir --disable-pip-version-check "uv==${UV_VERSION}"

ENV UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    VIRTUAL_ENV=/opt/venv

# The dependencies alone: this layer is built again only when the lock changes. Bytecode is compiled here, because a
# process without it takes ten times as long to start, and the image is read-only where it runs.
COPY requirements.lock /tmp/
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv "${VIRTUAL_ENV}" \
    && uv pip sync --compile-bytecode /tmp/requirements.lock

# The project itself, installed in place: a .pth file, so that `include` and `igdb` import everywhere, and the entry point
# through which Airflow finds the connection type `igdb`. The build backend is held to the development lock.
WORKDIR /opt/airflow
COPY pyproject.toml README.md LICENSE requirements-dev.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    mkdir include plugins \
    && uv pip install --no-deps --build-constraint requirements-dev.lock --editable .


FROM ${PYTHON_IMAGE}

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="gamelake" \
      org.opencontainers.image.description="The IGDB video-game database as a lakehouse: Airflow 3, dbt, DuckDB" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/python:3.12.14-slim-bookworm"

# The user and group of Airflow's own image: charts and volumes expect them.
RUN useradd --uid 50000 --gid 0 --create-home airflow

ENV PATH=/opt/venv/bin:${PATH} \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/airflow/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/airflow/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__COSMOS__ENABLE_TELEMETRY=False \
    DO_NOT_TRACK=1 \
    GAMELAKE_DUCKDB_EXTENSIONS=/opt/duckdb

WORKDIR /opt/airflow
COPY --from=build /opt/venv /opt/venv
COPY pyproject.toml README.md LICENSE airflow_settings.yaml airflow_local_settings.py ./
COPY plugins plugins
COPY include include
COPY dbt dbt
COPY dags dags

# What the processes read is root's; what they write is in three folders, which are volumes where it has to last. The empty
# airflow.cfg is there because Airflow otherwise writes one, with a Fernet key of its own in every container. dbt's manifest
# is parsed for the target that deployments use (s3): with another one dbt would parse the project again in every run.
RUN python -m compileall -q airflow_local_settings.py dags plugins include \
    && python -m include.duckdb_extensions "${GAMELAKE_DUCKDB_EXTENSIONS}" \
    && touch airflow.cfg \
    && GAMELAKE_URI=s3://gamelake/lake python -m include.transform.dbt_project \
    && rm -rf dbt/logs .local logs \
    && install -d -o airflow -g 0 -m 0775 logs .local .local/scratch \
    && install -d -o airflow -g 0 -m 0700 keys

USER 50000:0

EXPOSE 8080

# No entry point: compose, the Helm chart (`bash -c …`) and `docker run IMAGE airflow …` each give a whole command. Signals
# reach it as process 1; `docker run --init`, or `init: true` in compose, adds the one who buries orphans.
CMD ["airflow", "--help"]
