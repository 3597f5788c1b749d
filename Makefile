# People and CI run the same targets. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup run up down dashboard screenshots sandbox freshness generations rollback rollforward lifecycle settings env image image-steps test coverage e2e test-cluster test-browser test-dashboard spark test-spark drift lint format generate lock parquet-reader sbom clean

# The first one that runs: a shim on the path may not work.
PYTHON ?= $(shell for each in python3.12 python3.11 python3; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
VENV := .venv
SPARK := .venv-spark
DASHBOARD := .venv-dashboard
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
COMPILE = "$(BIN)"/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-header
CYCLONEDX_VERSION := 7.5.0
STAND_IN := .local/stand-in
# A worker that crashes ends the run and names its test. With a new worker in its place, `loadfile` waits without end.
PARALLEL := -n 2 --dist loadfile --max-worker-restart 0
MANIFEST := dbt/target/manifest.json
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
IMAGE ?= gamelake:$(VERSION)
SANDBOX_IMAGE ?= gamelake-sandbox:$(VERSION)
# The first engine that answers: a client may have no server. Only the target that builds evaluates it.
ENGINE = $(shell for each in docker podman; do $$each info >/dev/null 2>&1 && echo $$each && break; done)
READY := $(VENV)/.installed $(MANIFEST)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## install the pinned dependencies into .venv and prepare dbt and Airflow

run: $(READY) ## load and transform the next day, then show the marts
	@"$(BIN)"/gamelake run

up: $(READY) ## start a local Airflow with its web UI and a sandbox
	@"$(BIN)"/gamelake up

down: ## stop what `make up` started
	@test ! -x "$(BIN)"/gamelake || "$(BIN)"/gamelake down

dashboard: $(DASHBOARD)/.installed ## open the dashboard on the lake of GAMELAKE_URI; PORT= chooses its port
	@"$(DASHBOARD)"/bin/python -m apps.dashboard $(if $(PORT),--port $(PORT))

screenshots: $(DASHBOARD)/.dev ## take the dashboard's pictures in docs, of the lake of GAMELAKE_URI, with Chromium
	"$(DASHBOARD)"/bin/python -m tools.screenshots

sandbox: $(VENV)/.installed ## start only the sandbox IGDB, in the foreground
	@"$(BIN)"/gamelake sandbox

freshness: $(READY) ## check how old the loads behind the published marts are (late after 30 h, stale after 54 h)
	@"$(BIN)"/gamelake marts freshness

generations: $(VENV)/.installed ## list the builds of the marts, and the one that readers see
	@"$(BIN)"/gamelake marts list

rollback: $(VENV)/.installed ## show readers an earlier build; TO= is its day or key, REASON= is recorded
	@"$(BIN)"/gamelake marts rollback $(if $(TO),"$$TO") $(if $(REASON),--reason "$$REASON")

rollforward: $(VENV)/.installed ## show readers the newest publication again, after a rollback
	@"$(BIN)"/gamelake marts rollforward $(if $(REASON),--reason "$$REASON")

lifecycle: $(VENV)/.installed ## apply the S3 lifecycle rules to the bucket of GAMELAKE_URI and read them back
	@"$(BIN)"/gamelake lake lifecycle --apply

settings: $(VENV)/.installed ## import airflow_settings.yaml into the local Airflow
	@"$(BIN)"/gamelake laptop prepare && echo "The local Airflow has the connections and the pool of airflow_settings.yaml."

env: ## write .env for docker compose, with new secrets
	@"$(PYTHON)" -m deploy.compose_env

image: ## build the image and the one with the sandbox, and check them; AIRFLOW_IMAGE= names another base, IMAGE= another tag
	@test -n "$(ENGINE)" || { echo "No container engine answers: neither \`docker info\` nor \`podman info\` succeeds. Start one. Without an image registry: make image-steps"; exit 1; }
	$(ENGINE) build $(if $(findstring podman,$(ENGINE)),--format docker) $(if $(AIRFLOW_IMAGE),--build-arg AIRFLOW_IMAGE=$(AIRFLOW_IMAGE)) \
		--build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null || echo unknown) --tag $(IMAGE) .
	$(ENGINE) build $(if $(findstring podman,$(ENGINE)),--format docker) $(if $(AIRFLOW_IMAGE),--build-arg AIRFLOW_IMAGE=$(AIRFLOW_IMAGE)) \
		--target sandbox --tag $(SANDBOX_IMAGE) .
	$(ENGINE) run --rm --interactive --network none --read-only --tmpfs /tmp --cap-drop ALL --no-healthcheck $(SANDBOX_IMAGE) bash -s < deploy/image/check.sh

image-steps: $(STAND_IN)/debian.tar ## build and check the image on a stand-in for Apache's, from Debian and PyPI: Podman, as root on Debian, about 10 minutes
	CONTAINERS_CONF="$(CURDIR)/deploy/image/containers.conf" podman build --tag localhost/gamelake-base --file deploy/image/base.Dockerfile $(STAND_IN)
	CONTAINERS_CONF="$(CURDIR)/deploy/image/containers.conf" $(MAKE) image ENGINE=podman AIRFLOW_IMAGE=localhost/gamelake-base IMAGE=localhost/gamelake:stand-in SANDBOX_IMAGE=localhost/gamelake-sandbox:stand-in

$(STAND_IN)/debian.tar:
	@for each in debootstrap podman runc; do command -v $$each >/dev/null || { echo "$$each is missing: apt-get install debootstrap podman runc"; exit 1; }; done
	rm -rf $(STAND_IN)
	mkdir -p $(STAND_IN)
	debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,adduser,dumb-init bookworm $(STAND_IN)/root http://deb.debian.org/debian >$(STAND_IN)/debootstrap.log
	tar --directory $(STAND_IN)/root --exclude './dev/*' --create --file $@.part .
	rm -r $(STAND_IN)/root
	mv $@.part $@

test: $(VENV)/.dev $(MANIFEST) ## run the tests, except `make e2e`, `make test-browser`, `make test-cluster` and `make test-spark`
	"$(BIN)"/python -m pytest $(PARALLEL) -m "not e2e and not cluster and not browser and not spark"

coverage: $(VENV)/.dev $(MANIFEST) ## run the tests of `make test`, and fail when they cover less than the floor in pyproject.toml
	"$(BIN)"/python -m pytest $(PARALLEL) -m "not e2e and not cluster and not browser and not spark" --cov --cov-report=term:skip-covered

e2e: $(VENV)/.dev $(MANIFEST) ## run the tests of whole days under a real scheduler, about 20 minutes; LONG=no leaves out the longest
	"$(BIN)"/python -m pytest $(PARALLEL) -m "e2e$(if $(filter no,$(LONG)), and not long)"

test-cluster: $(VENV)/.dev $(MANIFEST) ## two days on two Celery workers, each with one killed, about 10 minutes
	"$(BIN)"/python -m pytest -m cluster

test-browser: $(VENV)/.dev $(MANIFEST) $(DASHBOARD)/.dev ## the pages of the web UI and the dashboard in a real Chromium (`apt-get install chromium`), about 8 minutes
	"$(BIN)"/python -m pytest -m browser
	"$(DASHBOARD)"/bin/python -m pytest -m browser tests/apps/dashboard

spark: $(SPARK)/.installed ## install the Spark dependencies into .venv-spark (needs Java 17 or newer)

test-spark: $(VENV)/.dev $(MANIFEST) $(SPARK)/.installed ## two days of marts on a Spark master and two workers, against DuckDB's, about 6 minutes
	GAMELAKE_SPARK_PYTHON="$(CURDIR)/$(SPARK)/bin/python" "$(BIN)"/python -m pytest -m spark

test-dashboard: $(DASHBOARD)/.dev ## every page of the dashboard in every state, and its data, about 1 minute
	"$(DASHBOARD)"/bin/python -m pytest -m "not browser" tests/apps/dashboard

drift: $(VENV)/.dev ## load from a source that changes while it is read: 200 random seeds, of which `make test` has 10
	DRIFT_SEEDS=200 "$(BIN)"/python -m pytest -n 2 --max-worker-restart 0 tests/gamelake/load/test_drift.py

lint: $(VENV)/.dev ## check style, types, imports, SQL, words and generated files
	"$(BIN)"/ruff check .
	"$(BIN)"/ruff format --check .
	"$(BIN)"/mypy plugins include dags deploy sandbox apps tests
	PYTHONPATH=include:plugins:. "$(BIN)"/lint-imports --no-cache
	"$(BIN)"/sqlfmt --check --no-progressbar dbt
	"$(BIN)"/hadolint Dockerfile deploy/image/base.Dockerfile
	"$(BIN)"/codespell -D - -D docs/retired-words.txt $$(git ls-files)
	"$(BIN)"/gamelake generate --check

format: $(VENV)/.dev ## format Python and SQL
	"$(BIN)"/ruff check --fix .
	"$(BIN)"/ruff format .
	"$(BIN)"/sqlfmt --no-progressbar dbt

generate: $(VENV)/.installed ## write the generated files: dbt's sources, and the pages of entities, environment variables and costs
	"$(BIN)"/gamelake generate

lock: $(VENV)/.installed ## resolve requirements*.txt into the lock files again
	$(COMPILE) requirements.txt requirements-dbt.txt -o requirements.lock
	$(COMPILE) -c requirements.lock requirements-dbt.txt -o requirements-dbt.lock
	$(COMPILE) -c requirements.lock requirements-dev.txt -o requirements-dev.lock
	$(COMPILE) -c requirements.lock requirements-dashboard.txt -o requirements-dashboard.lock
	$(COMPILE) -c requirements.lock -c requirements-dashboard.lock requirements-dashboard-dev.txt -o requirements-dashboard-dev.lock

parquet-reader: ## bundle the reader of Parquet for the page "Games" again, after a change of tools/parquet-reader (needs Node and npm)
	cd tools/parquet-reader && npm ci --ignore-scripts --no-audit --no-fund --silent
	cd tools/parquet-reader && npx esbuild entry.js --bundle --minify --format=esm --log-level=warning --outfile=parquet.js \
		--banner:js="/*! hyparquet and fzstd, bundled by make parquet-reader; MIT, see parquet.LICENSE.txt */"
	cd tools/parquet-reader && { echo "hyparquet"; echo; cat node_modules/hyparquet/LICENSE; echo; echo "fzstd"; echo; cat node_modules/fzstd/LICENSE; } >parquet.LICENSE.txt
	mv tools/parquet-reader/parquet.js tools/parquet-reader/parquet.LICENSE.txt plugins/gamelake_ui/static/
	rm -r tools/parquet-reader/node_modules

sbom: $(VENV)/bin/uv ## write the image's bill of materials (CycloneDX): the locked Python packages
	@mkdir -p .local
	"$(BIN)"/uv tool run --quiet --from cyclonedx-bom==$(CYCLONEDX_VERSION) cyclonedx-py requirements requirements.lock \
		--pyproject pyproject.toml --output-reproducible --output-file .local/sbom.json

clean: down ## remove everything that was generated; a lake in .local only with LAKE=yes, or after a question
	@holds_a_lake() { [ -d "$$1/raw" ] || [ -d "$$1/marts" ] || [ -n "$$(find "$$1" \
		\( -name _manifests -o -name _manifest.json -o -name _publications -o -name _current.json \) | head -n 1)" ]; }; \
	answer=$$LAKE; lakes=; \
	for each in .local/*; do if holds_a_lake "$$each" 2>/dev/null; then lakes="$$lakes $$each"; fi; done; \
	if [ -n "$$lakes" ] && [ -z "$$answer" ] && [ -t 0 ]; then \
		printf 'Remove the lake too (%s)? IGDB cannot send the popularity of past days again. [y/N] ' "$${lakes# }"; \
		read answer || echo; \
	fi; \
	case "$$answer" in y|Y|yes|YES) rm -rf .local ;; esac; \
	for each in .local/*; do \
		if [ -n "$$lakes" ] && holds_a_lake "$$each" 2>/dev/null; then \
			echo "Kept the lake in $$each. To remove it too: make clean LAKE=yes"; \
		elif [ -z "$$lakes" ] || [ "$$each" != .local/sandbox.json ]; then rm -rf "$$each"; fi; \
	done; \
	rmdir .local 2>/dev/null || true
	@rm -rf $(VENV) $(SPARK) $(DASHBOARD) dbt/target dbt/logs .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/uv:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found. Name one: make PYTHON=/path/to/python3.12"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed, and $(PYTHON) is $$("$(PYTHON)" --version 2>/dev/null || echo 'no Python that runs'). Name another: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Making a virtual environment with $(PYTHON) ..."
	@"$(PYTHON)" -m venv $(VENV) && test -x $(BIN)/python || { echo "$(PYTHON) made no virtual environment. Name another: make PYTHON=/path/to/python3.12"; exit 1; }
	@"$(BIN)"/python -m pip install --quiet --disable-pip-version-check --retries 1 uv==$(UV_VERSION) 2>$(VENV)/pip.log || { \
		grep -qE 'connection broken|ConnectTimeout|ConnectionError|NewConnection|NameResolution|ProxyError' $(VENV)/pip.log \
		&& echo "No network: pip cannot reach its package index. Connect this machine, or set HTTPS_PROXY, or PIP_INDEX_URL and UV_DEFAULT_INDEX, and run the command again." \
		|| cat $(VENV)/pip.log; exit 1; }

$(VENV)/.installed: $(VENV)/bin/uv requirements.lock pyproject.toml
	@echo "Installing Airflow, dbt and DuckDB into $(VENV) ..."
	@"$(BIN)"/uv pip install --quiet -r requirements.lock 2>$(VENV)/uv.log && "$(BIN)"/uv pip install --quiet --no-deps -e . 2>>$(VENV)/uv.log || { \
		grep -qE 'client error \(Connect\)|operation timed out' $(VENV)/uv.log \
		&& echo "No network: uv cannot reach its package index. Connect this machine, or set HTTPS_PROXY or UV_DEFAULT_INDEX (uv does not read PIP_INDEX_URL), and run the command again." \
		|| cat $(VENV)/uv.log; exit 1; }
	@"$(BIN)"/gamelake laptop launcher
	@"$(BIN)"/python -m gamelake.marts.duckdb_extensions .local/extensions >/dev/null
	@echo "Preparing Airflow's database ..."
	@"$(BIN)"/gamelake laptop prepare
	@touch $@

$(VENV)/.dev: $(VENV)/.installed requirements-dev.lock
	"$(BIN)"/uv pip install --quiet -r requirements-dev.lock
	@"$(BIN)"/gamelake laptop launcher
	@touch $@

# Where builds on Spark run: dbt with both of its adapters, and no Airflow.
$(SPARK)/.installed: $(VENV)/bin/uv requirements-dbt.lock requirements-spark.txt pyproject.toml
	"$(PYTHON)" -m venv $(SPARK)
	"$(BIN)"/uv pip install --quiet --python $(SPARK)/bin/python -r requirements-dbt.lock -r requirements-spark.txt
	"$(BIN)"/uv pip install --quiet --python $(SPARK)/bin/python --no-deps -e .
	@touch $@

# Where the dashboard runs: neither Airflow nor dbt, which need no Streamlit.
$(DASHBOARD)/.installed: $(VENV)/bin/uv requirements-dashboard.lock pyproject.toml
	@echo "Installing the dashboard into $(DASHBOARD) ..."
	@"$(PYTHON)" -m venv $(DASHBOARD)
	@"$(BIN)"/uv pip install --quiet --python $(DASHBOARD)/bin/python -r requirements-dashboard.lock
	@"$(BIN)"/uv pip install --quiet --python $(DASHBOARD)/bin/python --no-deps -e .
	@touch $@

$(DASHBOARD)/.dev: $(DASHBOARD)/.installed requirements-dashboard-dev.lock
	"$(BIN)"/uv pip install --quiet --python $(DASHBOARD)/bin/python -r requirements-dashboard-dev.lock
	@touch $@

# Cosmos renders the tasks from dbt's manifest, and serves dbt's docs from beside it: both are made again whenever the
# project changed.
$(MANIFEST): $(VENV)/.installed $(wildcard include/gamelake/sources/*/entities.yaml) include/gamelake/marts/dbt_project.py $(shell find dbt -type f -not -path 'dbt/target/*' -not -path 'dbt/logs/*')
	@echo "Reading the dbt project ..."
	@"$(BIN)"/python -m gamelake.marts.dbt_project >/dev/null
