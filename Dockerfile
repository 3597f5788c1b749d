# One image for every service: Airflow with the project, and beside it dbt with DuckDB, its extensions and the manifest.
#
#     make image                                                              on Apache's image
#     make image AIRFLOW_IMAGE=astrocrpublic.azurecr.io/runtime:3.3-8-base    on Astronomer's
#
# dbt has its own environment, because the constraints that either base is built with (pathspec 1.1.1) exclude it.
# The DAG runs the command `dbt`; docs/decisions/0012-install-dbt-beside-airflow-in-the-image.md has more.

# Another image, or the stage below.
ARG AIRFLOW_IMAGE=apache


# The digest selects the image, an index of several platforms; the tag is for readers. It is here and not in the argument,
# because Dependabot updates images only where FROM names them (dependabot-core#2057).
FROM apache/airflow:3.3.2-python3.12@sha256:9df9c8be4096b9cc626bd7cb1f2b8c712eef66c59c615f8c7e6200871ca10bd1 AS apache


FROM ${AIRFLOW_IMAGE} AS build

# Later stages copy only files from this one.
# hadolint ignore=DL3002
USER 0

# In its own environment: the bases have a uv of some version, and Apache's refuses pip to root.
COPY requirements-build.lock /tmp/
RUN python -m venv /opt/uv \
    && /opt/uv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement /tmp/requirements-build.lock

# The .pth file is for the project's plugin of dbt (include/gamelake/marts/dbt_plugin.py).
COPY requirements-dbt.lock /tmp/
RUN --mount=type=cache,target=/root/.cache/uv \
    export UV_CACHE_DIR=/root/.cache/uv UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \
    && /opt/uv/bin/uv venv --python "$(command -v python)" /opt/dbt \
    && /opt/uv/bin/uv pip sync --require-hashes --python /opt/dbt/bin/python --compile-bytecode /tmp/requirements-dbt.lock \
    && echo "${AIRFLOW_HOME}/include" > "$(/opt/dbt/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/gamelake.pth"


FROM ${AIRFLOW_IMAGE} AS gamelake

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="gamelake" \
      org.opencontainers.image.description="The IGDB video-game database as a lakehouse: Airflow 3, dbt, DuckDB" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

USER 0

# /opt/airflow on Apache's image, /usr/local/airflow on Astronomer's.
WORKDIR ${AIRFLOW_HOME}

# The Airflow side. Packages of the base keep the versions that its Airflow was tested with, unless requirements.txt excludes
# them. All others come from the lock, with its hashes. `gamelake` and `igdb` are installed in place: a .pth file, and the
# entry point through which Airflow finds the connection type `igdb`.
#
# The bases carry no bytecode, and where the image runs none can be written: a process would take ten times as long to
# start. Not compiled are tests, the clouds that nothing here talks to (the larger half), and what is not for this Python.
COPY pyproject.toml README.md LICENSE requirements.txt requirements-celery.txt requirements-kafka.txt requirements-image.lock requirements-build.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,from=build,source=/opt/uv,target=/opt/uv \
    --mount=type=bind,source=deploy/image/lacked.py,target=/opt/lacked.py \
    UV_PYTHON="$(command -v python)" \
    && export UV_PYTHON UV_CACHE_DIR=/root/.cache/uv UV_LINK_MODE=copy PATH="/opt/uv/bin:${PATH}" \
    && mkdir -p include plugins /tmp/build \
    && /opt/uv/bin/python /opt/lacked.py requirements-image.lock requirements.txt requirements-celery.txt requirements-kafka.txt > /tmp/build/lacked.lock \
    && uv pip install --no-deps --require-hashes -r /tmp/build/lacked.lock \
    && uv pip install --no-deps --build-constraint requirements-build.lock --require-build-hashes --editable . \
    && uv pip check \
    && "${UV_PYTHON}" -c 'import compileall, re, sysconfig; compileall.compile_dir(sysconfig.get_path("purelib"), quiet=2, workers=0, rx=re.compile("/(azure|google|kiota.*|msgraph|snowflake|tests?)/"))' \
    && rm -r /tmp/build

COPY --from=build /opt/dbt /opt/dbt
COPY airflow_settings.yaml airflow_local_settings.py ./
COPY plugins plugins
COPY include include
COPY dbt dbt
COPY dags dags
# The event collector needs nothing that Airflow does not need: no image of its own.
COPY apps/__init__.py apps/answers.py apps/arguments.py apps/folder_lock.py apps/serving.py apps/
COPY apps/event_collector apps/event_collector

# No check of the database before each command: compose and the Helm chart have their own order of start, and the sandbox
# has no database. The settings of OpenLineage hold once a transport is set. Caches go where a read-only container may write. The scheduler answers the health check below.
ENV PYTHONUNBUFFERED=1 \
    CONNECTION_CHECK_MAX_COUNT=0 \
    XDG_CACHE_HOME=/tmp/.cache \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK=True \
    AIRFLOW__COSMOS__ENABLE_TELEMETRY=False \
    AIRFLOW__OPENLINEAGE__NAMESPACE=gamelake \
    AIRFLOW__OPENLINEAGE__EXECUTE_IN_THREAD=True \
    AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT=5 \
    AIRFLOW__OPENLINEAGE__DISABLED_FOR_OPERATORS=gamelake.airflow.dbt_build.ModelState \
    DO_NOT_TRACK=1 \
    GAMELAKE_DUCKDB_EXTENSIONS=/opt/duckdb

# Root owns what the processes read. They write to two folders, which are volumes where it has to last. Without the empty
# airflow.cfg every container would write one, with another Fernet key.
RUN ln -s /opt/dbt/bin/dbt /usr/local/bin/dbt \
    && python -m compileall -q airflow_local_settings.py apps dags plugins include \
    && /opt/dbt/bin/python -m gamelake.marts.duckdb_extensions "${GAMELAKE_DUCKDB_EXTENSIONS}" \
    && /opt/dbt/bin/python -m gamelake.marts.dbt_project \
    && touch airflow.cfg \
    && rm -rf dbt/logs .local logs \
    && install -d -o 0 -g 0 -m 0755 dags plugins \
    && install -d -o 50000 -g 0 -m 0775 logs .local .local/scratch

USER 50000:0

EXPOSE 8080

# Checks the service that process 1 runs.
HEALTHCHECK --interval=60s --timeout=30s --start-period=120s --retries=3 CMD ["gamelake", "health"]

# The entry point is the base's: it forwards signals and gives an arbitrary user id a name. It accepts `airflow ...`,
# `python ...` and `bash ...`; `bash -c "exec gamelake ..."` is how a container runs our own command.
CMD ["airflow", "--help"]


# The same image with the sandbox, a local IGDB: for docker-compose.yaml, and for the checks of `make image`.
FROM gamelake AS sandbox

COPY sandbox sandbox

CMD ["bash", "-c", "exec gamelake sandbox --host=0.0.0.0"]


# The dashboard has an environment of its own, as dbt has.
FROM build AS dashboard-packages

COPY requirements-dashboard.lock /tmp/
RUN --mount=type=cache,target=/root/.cache/uv \
    export UV_CACHE_DIR=/root/.cache/uv UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \
    && /opt/uv/bin/uv venv --python "$(command -v python)" /opt/dashboard \
    && /opt/uv/bin/uv pip sync --require-hashes --python /opt/dashboard/bin/python --compile-bytecode /tmp/requirements-dashboard.lock \
    && printf '%s\n' "${AIRFLOW_HOME}" "${AIRFLOW_HOME}/include" > "$(/opt/dashboard/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/gamelake.pth"


# The same image with the dashboard: for docker-compose.yaml, or any place that runs containers.
FROM gamelake AS dashboard

COPY --from=dashboard-packages /opt/dashboard /opt/dashboard
COPY apps apps

ENV STREAMLIT_SERVER_HEADLESS=true \
    STREAMLIT_SERVER_PORT=8501

EXPOSE 8501

CMD ["bash", "-c", "exec /opt/dashboard/bin/python -m apps.dashboard --address=0.0.0.0"]


# The capture of changes: Debezium in an environment of its own.
FROM build AS capture-packages

COPY requirements-capture.lock /tmp/
RUN --mount=type=cache,target=/root/.cache/uv \
    export UV_CACHE_DIR=/root/.cache/uv UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \
    && /opt/uv/bin/uv venv --python "$(command -v python)" /opt/capture \
    && /opt/uv/bin/uv pip sync --require-hashes --python /opt/capture/bin/python --compile-bytecode /tmp/requirements-capture.lock \
    && printf '%s\n' "${AIRFLOW_HOME}" "${AIRFLOW_HOME}/include" > "$(/opt/capture/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/gamelake.pth"


# The same image with the capture of changes, and Java 17 of the base's Debian, which gets security updates with the base.
FROM gamelake AS capture

USER 0
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/*

COPY --from=capture-packages /opt/capture /opt/capture
COPY apps/change_capture apps/change_capture
RUN /opt/capture/bin/python -m compileall -q apps

USER 50000:0

EXPOSE 8710

CMD ["bash", "-c", "exec /opt/capture/bin/python -m apps.change_capture --address=0.0.0.0"]


# The default target: the image for production.
FROM gamelake
