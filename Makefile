# People and CI run the same targets. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup run up down dashboard collector capture capture-example kafka screenshots sandbox freshness smoke generations rollback rollforward lifecycle settings env mwaa image image-steps test coverage e2e test-cluster test-browser drill test-dashboard test-collector test-capture test-model spark test-spark drift feed-histories change-histories lint format generate boards lock parquet-reader sbom clean outdated

# Each of the many Python processes of the targets would compile Airflow and dbt again.
unexport PYTHONDONTWRITEBYTECODE
# Of another Python or project: its modules would take the place of ours, a warning of a library would be an error, and pip
# would install there.
unexport PYTHONHOME PYTHONPATH PYTHONWARNINGS PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON

# For a shell of make's own, which has the variables that recipes do not get.
OURS = unset PYTHONHOME PYTHONPATH PYTHONWARNINGS;
# The first one that runs: a shim on the path may not work.
PYTHON ?= $(eval PYTHON := $$(shell $$(OURS) for each in python3.12 python3.11 python3.13 python3; do \
	$$$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$$$each && break; done))$(PYTHON)
VENV := .venv
SPARK := .venv-spark
DASHBOARD := .venv-dashboard
CAPTURE := .venv-capture
BIN := $(VENV)/bin
# A virtual environment names its folder and its Python: one that was moved or copied, as with the clone, or whose Python is no
# longer there, does not run or runs what it was copied from. One without `pyvenv.cfg` is left of a removal that was interrupted:
# its Python is the one that it was made with, and packages would be installed there. One of conda never has that file.
OUTDATED := $(shell $(OURS) for each in $(VENV) $(SPARK) $(DASHBOARD) $(CAPTURE); do \
	test -L $$each || test ! -e $$each || test -e $$each/conda-meta || { test -e $$each/pyvenv.cfg && $$each/bin/python -c '' && { ! grep -q '^command = ' $$each/pyvenv.cfg || \
	grep -qF " $$(pwd -P)/$$each" $$each/pyvenv.cfg; }; } 2>/dev/null || echo $$each; done)
# Before a removal, which Ctrl-C may interrupt: what is left of an environment is then made again, and not used.
DISABLE = for each in $(1); do test -L $$each || rm -f $$each/pyvenv.cfg; done
# After an editable install: Python 3.11 reads this file in the locale's encoding, and fails if that cannot spell the path,
# as with LC_ALL=C in a folder with Korean letters. Relative paths are ASCII.
RELATIVE = for each in $(1)/lib/python*/site-packages; do printf '%s\n' ../../../.. ../../../../include ../../../../plugins >"$$each/_gamelake.pth"; done
# Before a command that is silent for long: a line every SILENCE seconds, until the shell of the recipe ends, also by a kill.
SILENCE := 8
TELL = { n=0; while sleep $(SILENCE) >/dev/null 2>&1 9>&- && kill -0 $$$$ 2>/dev/null; do n=$$((n + $(SILENCE))); echo "  ... $(1), $$n s so far"; done; } & \
	trap "kill $$! 2>/dev/null" EXIT;
# For a recipe that runs it: a message that names what to do.
define FITTING_PYTHON
@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found. Name one: make PYTHON=/path/to/python3.12"; exit 1; }
@test "$$("$(PYTHON)" -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null)" = True || { \
	echo "Python 3.11 or newer is needed, and $(PYTHON) is $$("$(PYTHON)" --version 2>/dev/null | grep ^Python || echo 'no Python that runs'). Name another: make PYTHON=/path/to/python3.12"; exit 1; }
endef
# Into the environment that is named: uv alone prefers one that is active in the shell, by VIRTUAL_ENV or conda.
INTO = --python $(1)/bin/python
# A lock has the hashes of its packages' files, for every platform and Python: installers refuse any other file.
INSTALL = "$(BIN)"/uv pip install --quiet --require-hashes $(INTO)
# The project itself: with build tools from their lock.
EDITABLE = "$(BIN)"/uv pip install --quiet $(INTO) --no-deps --build-constraint requirements-build.lock --require-build-hashes -e .
COMPILE = "$(BIN)"/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header $(if $(UPGRADE),--upgrade --exclude-newer "7 days")
STAND_IN := .local/stand-in
# A worker that crashes ends the run and names its test. With a new worker in its place, `loadfile` waits without end.
# Files run in the order of their names. By default those with the fewest tests are last, which are the longest.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0
# `make test` has a third worker: its tests wait for a third of their time, and two leave cores idle.
# Its files are in memory where 4 GB are free: a lake syncs each file, so that tests on a disk take a tenth more CPU, and wait.
# Not where it is mounted noexec, as Docker and hardened machines do: tests write commands, and run them.
IN_MEMORY = $$(grep -qs ' /dev/shm .*noexec' /proc/mounts || df -Pk /dev/shm 2>/dev/null | awk '$$4 > 4000000 && NR == 2 { print "/dev/shm" }')
# The marks of tests that are neither of `make test` nor of `make test-slow`.
OTHER_TARGETS := e2e or cluster or browser or spark or drill or model or capture
MANIFEST := dbt/target/manifest.json
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
IMAGE ?= gamelake:$(VERSION)
# The first engine that answers: a client may have no server. Only the target that builds evaluates it.
ENGINE = $(shell for each in docker podman; do $$each info >/dev/null 2>&1 && echo $$each && break; done)
READY := $(VENV)/.installed $(MANIFEST)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## install the pinned dependencies into .venv and prepare dbt and Airflow

run: $(READY) ## load and transform the next day, then show the marts
	@exec "$(BIN)"/gamelake run

up: $(READY) ## start a local Airflow with its web UI and a sandbox
	@exec "$(BIN)"/gamelake up

down: ## stop what `make up` started
	@test ! -x "$(BIN)"/gamelake || test ! -x "$(BIN)"/python || "$(BIN)"/python -m gamelake.cli down

dashboard: $(DASHBOARD)/.installed ## open the dashboard on the lake of GAMELAKE_URI; PORT= chooses its port
	@exec "$(DASHBOARD)"/bin/python -m apps.dashboard $(if $(PORT),--port $(PORT))

screenshots: $(READY) $(DASHBOARD)/.dev ## take the pictures in docs, of the lake of GAMELAKE_URI, with Chromium
	"$(DASHBOARD)"/bin/python -m tools.screenshots

collector: $(VENV)/.installed ## start the event collector, in the foreground; PORT= chooses its port
	@exec "$(BIN)"/python -m apps.event_collector $(if $(PORT),--port $(PORT))

capture: $(CAPTURE)/.installed ## capture the changes of the database of GAMELAKE_CAPTURE_URI, in the foreground (needs Java 17 or newer); PORT= chooses its port
	@exec "$(CAPTURE)"/bin/python -m apps.change_capture $(if $(PORT),--port $(PORT))

capture-example: $(READY) $(CAPTURE)/.installed ## a shop in a local PostgreSQL, its sales captured and applied to the lake of GAMELAKE_URI
	@exec "$(BIN)"/python -m examples.shop

kafka: $(VENV)/.installed ## install the client of Kafka, which `gamelake feed publish` needs, into .venv
	@echo "Installing the client of Kafka into $(VENV) ..."
	@$(call TELL,installing into $(VENV)) $(call INSTALL,$(VENV)) -r requirements-kafka.lock

sandbox: $(VENV)/.installed ## start only the sandbox, a local IGDB and RAWG, in the foreground
	@exec "$(BIN)"/gamelake sandbox

freshness: $(READY) ## check how old the loads behind the published marts are (late after 30 h, stale after 54 h)
	@"$(BIN)"/gamelake marts freshness

smoke: $(VENV)/.installed ## check the deployed Airflow at URL=, as USER= (default admin) with AIRFLOW_PASSWORD
	@"$(BIN)"/gamelake smoke "$$URL" $(if $(filter command line,$(origin USER)),--user "$$USER")

generations: $(VENV)/.installed ## list the builds of the marts, and the one that readers see
	@"$(BIN)"/gamelake marts list

rollback: $(VENV)/.installed ## show readers an earlier build; TO= is its day or key, REASON= is recorded
	@"$(BIN)"/gamelake marts rollback $(if $(TO),"$$TO") $(if $(REASON),--reason "$$REASON")

rollforward: $(VENV)/.installed ## show readers the newest publication again, after a rollback
	@"$(BIN)"/gamelake marts rollforward $(if $(REASON),--reason "$$REASON")

lifecycle: $(VENV)/.installed ## apply the S3 lifecycle rules to the bucket of GAMELAKE_URI and read them back
	@"$(BIN)"/gamelake lake lifecycle --apply

settings: $(VENV)/.installed ## import airflow_settings.yaml into the local Airflow
	@"$(BIN)"/gamelake laptop prepare

env: ## write .env for docker compose, with new secrets
	$(FITTING_PYTHON)
	@"$(PYTHON)" -m deploy.compose_env

mwaa: $(READY) ## write the files of an MWAA environment to .local/mwaa
	@"$(BIN)"/python -m deploy.mwaa

image: ## build the image and those with the sandbox, the dashboard and the capture, and check them; AIRFLOW_IMAGE= names another base, IMAGE= another tag
	@test -n "$(ENGINE)" || { echo "No container engine answers: neither \`docker info\` nor \`podman info\` succeeds. Start one. Without an image registry: make image-steps"; exit 1; }
	@for target in gamelake sandbox dashboard capture; do \
		name="$(IMAGE)"; test $$target = gamelake || name="$${name%:*}-$$target:$${name##*:}"; \
		printf '\n=== %s: build\n' "$$name"; \
		$(ENGINE) build $(if $(findstring podman,$(ENGINE)),--format docker) $(if $(AIRFLOW_IMAGE),--build-arg AIRFLOW_IMAGE=$(AIRFLOW_IMAGE)) \
			--build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null || echo unknown) --target $$target --tag "$$name" . || exit; \
		test $$target != gamelake || continue; \
		printf '\n=== %s: check\n' "$$name"; \
		$(ENGINE) run --rm --interactive --network none --read-only --tmpfs /tmp --cap-drop ALL --no-healthcheck "$$name" bash -s < deploy/image/checks/$$target.sh || exit; \
	done

image-steps: $(STAND_IN)/debian.tar ## build and check the image on a stand-in for Apache's, from Debian and PyPI: Podman, as root on Debian, about 15 minutes
	CONTAINERS_CONF="$(CURDIR)/deploy/image/containers.conf" podman build --tag localhost/gamelake-base --file deploy/image/base.Dockerfile $(STAND_IN)
	CONTAINERS_CONF="$(CURDIR)/deploy/image/containers.conf" $(MAKE) image ENGINE=podman AIRFLOW_IMAGE=localhost/gamelake-base IMAGE=localhost/gamelake:stand-in

$(STAND_IN)/debian.tar:
	@for each in debootstrap podman runc; do command -v $$each >/dev/null || { echo "$$each is missing: apt-get install debootstrap podman runc"; exit 1; }; done
	rm -rf $(STAND_IN)
	mkdir -p $(STAND_IN)
	debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,adduser,dumb-init bookworm $(STAND_IN)/root http://deb.debian.org/debian >$(STAND_IN)/debootstrap.log
	tar --directory $(STAND_IN)/root --exclude './dev/*' --create --file $@.part .
	rm -r $(STAND_IN)/root
	mv $@.part $@

test: $(VENV)/.dev $(MANIFEST) ## run the tests, except those of the targets below
	TMPDIR="$${TMPDIR:-$(IN_MEMORY)}" "$(BIN)"/python -m pytest $(PARALLEL) -n 3 -m "not slow and not ($(OTHER_TARGETS))"

test-slow: $(VENV)/.dev $(MANIFEST) ## run the tests that take more than 4 seconds each and have a shorter one beside them, about 5 minutes
	"$(BIN)"/python -m pytest $(PARALLEL) -m "slow and not ($(OTHER_TARGETS))"

coverage: $(VENV)/.dev $(MANIFEST) ## run the tests of `make test` and `make test-slow`, and fail when they cover less than the floor in pyproject.toml
	"$(BIN)"/python -m pytest $(PARALLEL) -m "not ($(OTHER_TARGETS))" --cov --cov-report=term:skip-covered

e2e: $(VENV)/.dev $(MANIFEST) ## run the tests of whole days under a real scheduler, about 20 minutes; LONG=no leaves out the longest
	"$(BIN)"/python -m pytest $(PARALLEL) -m "e2e$(if $(filter no,$(LONG)), and not long)"

test-cluster: $(VENV)/.dev $(MANIFEST) ## two days on two Celery workers, each with one killed, about 10 minutes
	"$(BIN)"/python -m pytest -m cluster

drill: $(VENV)/.dev $(MANIFEST) ## plant one fault of each kind in what `make up` starts, and see who is told, about 20 minutes
	"$(BIN)"/python -m pytest -m drill --log-cli-level=INFO

test-browser: $(VENV)/.dev $(MANIFEST) $(DASHBOARD)/.dev ## the pages of the web UI and the dashboard in a real Chromium (`apt-get install chromium`), about 8 minutes
	"$(BIN)"/python -m pytest -m browser
	"$(DASHBOARD)"/bin/python -m pytest -m browser tests/apps/dashboard

spark: $(SPARK)/.installed ## install the Spark dependencies into .venv-spark (needs Java 17 or newer)

test-spark: $(VENV)/.dev $(MANIFEST) $(SPARK)/.installed ## two days of marts on a Spark master and two workers, against DuckDB's, about 6 minutes
	GAMELAKE_SPARK_PYTHON="$(CURDIR)/$(SPARK)/bin/python" "$(BIN)"/python -m pytest -m spark

test-dashboard: $(DASHBOARD)/.dev ## every page of the dashboard in every state, and its data, about 1 minute
	"$(DASHBOARD)"/bin/python -m pytest -m "not browser" tests/apps/dashboard

test-collector: $(VENV)/.dev ## the event collector with many kills, SeaweedFS, full disks and failing stores, about 3 minutes
	"$(BIN)"/python -m pytest tests/apps/event_collector

test-capture: $(VENV)/.dev $(CAPTURE)/.installed ## the capture of changes with a real PostgreSQL (`apt-get install postgresql`) and Java 17, with many kills, about 6 minutes
	"$(BIN)"/python -m pytest -n 2 --max-worker-restart 0 -m capture tests/apps/change_capture tests/examples

test-model: $(VENV)/.dev ## a brief by the language model at URL=http://host/v1 MODEL=name; its key is in LANGUAGE_MODEL_KEY
	@test -n "$(URL)" -a -n "$(MODEL)" || { echo "URL or MODEL is missing: make test-model URL=http://host/v1 MODEL=name"; exit 1; }
	LANGUAGE_MODEL_URL="$(URL)" LANGUAGE_MODEL_NAME="$(MODEL)" "$(BIN)"/python -m pytest -m model tests/gamelake/brief/test_real_model.py

drift: $(VENV)/.dev ## load from a source that changes while it is read: 200 random seeds, of which `make test` has 4
	DRIFT_SEEDS=200 "$(BIN)"/python -m pytest -n 2 --max-worker-restart 0 tests/gamelake/load/test_drift.py

feed-histories: $(VENV)/.dev ## random histories of a table, and what its change feed makes of them: 200, of which `make test` has 10
	FEED_HISTORIES=200 "$(BIN)"/python -m pytest tests/gamelake/feeds/test_histories.py

change-histories: $(VENV)/.dev ## random histories of a database's table, and what applying them makes of it: 1,000, of which `make test` has 25
	CHANGE_HISTORIES=1000 "$(BIN)"/python -m pytest tests/gamelake/load/test_change_histories.py

lint: $(VENV)/.dev $(MANIFEST) ## check style, types, imports, SQL, words and generated files
	"$(BIN)"/ruff check .
	"$(BIN)"/ruff format --check .
	"$(BIN)"/mypy plugins include dags deploy sandbox apps examples tests
	PYTHONPATH=include:plugins:. "$(BIN)"/lint-imports --no-cache
	"$(BIN)"/sqlfmt --check --no-progressbar dbt
	"$(BIN)"/hadolint Dockerfile deploy/image/base.Dockerfile
	"$(BIN)"/codespell -D - -D docs/retired-words.txt $$(git ls-files)
	"$(BIN)"/gamelake generate --check
	"$(BIN)"/python -m deploy.dashboards --check

format: $(VENV)/.dev ## format Python and SQL
	"$(BIN)"/ruff check --fix .
	"$(BIN)"/ruff format .
	"$(BIN)"/sqlfmt --no-progressbar dbt

generate: $(READY) ## write the generated files: dbt's sources, and the pages of docs/reference that follow from the code
	"$(BIN)"/gamelake generate

boards: $(VENV)/.dev ## write the dashboards of Grafana again, after a change of deploy/boards.py
	"$(BIN)"/python -m deploy.dashboards

lock: $(VENV)/bin/uv ## resolve requirements*.txt into the lock files again; UPGRADE=yes takes newer versions, at least a week old
	$(COMPILE) requirements-build.txt -o requirements-build.lock
	$(COMPILE) requirements.txt requirements-dbt.txt -o requirements.lock
	$(COMPILE) -c requirements.lock requirements-dbt.txt -o requirements-dbt.lock
	$(COMPILE) -c requirements.lock requirements-kafka.txt -o requirements-kafka.lock
	$(COMPILE) -c requirements.lock -c requirements-kafka.lock requirements.txt requirements-celery.txt requirements-kafka.txt -o requirements-image.lock
	$(COMPILE) -c requirements.lock -c requirements-image.lock requirements-dev.txt -o requirements-dev.lock
	$(COMPILE) -c requirements-dbt.lock requirements-dbt.txt requirements-spark.txt -o requirements-spark.lock
	$(COMPILE) -c requirements.lock requirements-dashboard.txt -o requirements-dashboard.lock
	$(COMPILE) -c requirements.lock requirements-capture.txt -o requirements-capture.lock
	$(COMPILE) -c requirements.lock -c requirements-dashboard.lock requirements-dashboard-dev.txt -o requirements-dashboard-dev.lock
	$(COMPILE) deploy/requirements.txt -o deploy/requirements.lock
	$(COMPILE) deploy/requirements-audit.txt -o deploy/requirements-audit.lock

parquet-reader: ## bundle the reader of Parquet for the page "Games" again, after a change of tools/parquet-reader (needs Node and npm)
	cd tools/parquet-reader && npm ci --ignore-scripts --no-audit --no-fund --silent
	cd tools/parquet-reader && npx esbuild entry.js --bundle --minify --format=esm --log-level=warning --outfile=parquet.js \
		--banner:js="/*! hyparquet and fzstd, bundled by make parquet-reader; MIT, see parquet.LICENSE.txt */"
	cd tools/parquet-reader && { echo "hyparquet"; echo; cat node_modules/hyparquet/LICENSE; echo; echo "fzstd"; echo; cat node_modules/fzstd/LICENSE; } >parquet.LICENSE.txt
	mv tools/parquet-reader/parquet.js tools/parquet-reader/parquet.LICENSE.txt plugins/gamelake_ui/static/
	rm -r tools/parquet-reader/node_modules

sbom: $(VENV)/bin/uv ## write the image's bill of materials (CycloneDX): the locked packages of both of its Python environments
	@mkdir -p .local
	cat requirements-image.lock requirements-dbt.lock | "$(BIN)"/uv tool run --quiet --isolated --with-requirements deploy/requirements-audit.lock \
		--from cyclonedx-bom cyclonedx-py requirements - --pyproject pyproject.toml --output-reproducible --output-file .local/sbom.json

clean: down ## remove everything that was generated; a lake in .local only with LAKE=yes, or after a question
	@# The lock of `make run`, which the kernel frees with its process.
	@test ! -e .local/run.lock || test -z "$(PYTHON)" || \
		"$(PYTHON)" -c 'import fcntl; fcntl.flock(open(".local/run.lock", "r+"), fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null || { \
		echo "make clean: $$(cat .local/run.lock) works in .local: wait until it has ended, or end it, and run the command again"; exit 1; }
	@holds_a_lake() { [ -d "$$1/raw" ] || [ -d "$$1/marts" ] || [ -n "$$(find "$$1" \
		\( -name _manifests -o -name _manifest.json -o -name _publications -o -name _current.json -o -name '0???????????????????.*' \) | head -n 1)" ]; }; \
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
	@$(call DISABLE,$(VENV) $(SPARK) $(DASHBOARD) $(CAPTURE))
	@rm -rf $(VENV) $(SPARK) $(DASHBOARD) $(CAPTURE) dbt/target dbt/logs .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The steps of a set-up.
$(VENV)/bin/uv: requirements-build.lock $(if $(OUTDATED),outdated)
$(VENV)/.installed: $(VENV)/bin/uv requirements.lock pyproject.toml
$(VENV)/.dev: $(VENV)/.installed requirements-dev.lock
$(SPARK)/.installed: $(VENV)/bin/uv requirements-spark.lock pyproject.toml
$(DASHBOARD)/.installed: $(VENV)/bin/uv requirements-dashboard.lock pyproject.toml
$(DASHBOARD)/.dev: $(DASHBOARD)/.installed requirements-dashboard-dev.lock
$(CAPTURE)/.installed: $(VENV)/bin/uv requirements-capture.lock pyproject.toml
# Cosmos renders the tasks from dbt's manifest, and serves dbt's docs from beside it: both are made again whenever the
# project changed.
$(MANIFEST): $(VENV)/.installed $(wildcard include/gamelake/sources/*/entities.yaml) include/gamelake/marts/dbt_project.py $(shell find dbt -type f -not -path 'dbt/target/*' -not -path 'dbt/logs/*')

# Two terminals may set up a new clone at the same time: a step of another make is waited for, and then looked at again.
ifndef ALONE
$(VENV)/bin/uv $(VENV)/.installed $(VENV)/.dev $(SPARK)/.installed $(DASHBOARD)/.installed $(DASHBOARD)/.dev $(CAPTURE)/.installed $(MANIFEST):
	$(if $(filter $(VENV)/bin/uv,$@),$(FITTING_PYTHON))
	@"$(or $(PYTHON),$(BIN)/python)" tools/one_at_a_time.py $(MAKE) -s ALONE=yes "PYTHON=$(PYTHON)" $@

outdated: ;

else
outdated:
	@echo "The clone was moved or copied, its Python was removed, or a removal was interrupted. Making $(OUTDATED) again ..."
	@$(call DISABLE,$(OUTDATED))
	@rm -rf $(OUTDATED)

$(VENV)/bin/uv:
	$(FITTING_PYTHON)
	@test ! -w . || { ln -sfn . $(VENV).link && rm $(VENV).link; } || { \
		echo "A virtual environment has symbolic links, and $(CURDIR) can have none: clone to a disk whose file system is not FAT or exFAT."; exit 1; }
	@echo "Making a virtual environment with $(PYTHON) ..."
	@$(call TELL,making $(VENV)) "$(PYTHON)" -m venv $(VENV) && test -x $(BIN)/python || { echo "$(PYTHON) made no virtual environment. Name another: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(call TELL,installing uv) "$(BIN)"/python -m pip install --no-user --quiet --disable-pip-version-check --retries 1 --require-hashes --requirement requirements-build.lock 2>$(VENV)/pip.log || { \
		grep -qE 'connection broken|ConnectTimeout|ConnectionError|NewConnection|NameResolution|ProxyError' $(VENV)/pip.log \
		&& echo "No network: pip cannot reach its package index. Connect this machine, or set HTTPS_PROXY, or PIP_INDEX_URL and UV_DEFAULT_INDEX, and run the command again." \
		|| cat $(VENV)/pip.log; exit 1; }
	@touch $@

$(VENV)/.installed:
	@echo "Installing Airflow, dbt and DuckDB into $(VENV) ..."
	@$(call TELL,installing into $(VENV)) $(call INSTALL,$(VENV)) -r requirements.lock 2>$(VENV)/uv.log && $(call EDITABLE,$(VENV)) 2>>$(VENV)/uv.log || { \
		grep -qE 'client error \(Connect\)|operation timed out' $(VENV)/uv.log \
		&& echo "No network: uv cannot reach its package index. Connect this machine, or set HTTPS_PROXY or UV_DEFAULT_INDEX (uv does not read PIP_INDEX_URL), and run the command again." \
		|| cat $(VENV)/uv.log; exit 1; }
	@$(call RELATIVE,$(VENV))
	@"$(BIN)"/gamelake laptop launcher
	@$(call TELL,installing DuckDB's extensions) "$(BIN)"/python -m gamelake.marts.duckdb_extensions .local/extensions >/dev/null
	@echo "Preparing Airflow's database ..."
	@"$(BIN)"/gamelake laptop prepare >/dev/null
	@touch $@

$(VENV)/.dev:
	@echo "Installing the tools of the tests into $(VENV) ..."
	@$(call TELL,installing into $(VENV)) $(call INSTALL,$(VENV)) -r requirements-dev.lock
	@"$(BIN)"/gamelake laptop launcher
	@touch $@

# Where builds on Spark run: dbt with both of its adapters, and no Airflow.
$(SPARK)/.installed:
	@echo "Installing Spark into $(SPARK) ..."
	$(FITTING_PYTHON)
	@"$(PYTHON)" -m venv $(SPARK)
	@$(call TELL,installing into $(SPARK)) $(call INSTALL,$(SPARK)) --build-constraint requirements-build.lock --require-build-hashes -r requirements-spark.lock
	@$(call EDITABLE,$(SPARK))
	@$(call RELATIVE,$(SPARK))
	@touch $@

# Where the dashboard runs: neither Airflow nor dbt, which need no Streamlit.
$(DASHBOARD)/.installed:
	@echo "Installing the dashboard into $(DASHBOARD) ..."
	$(FITTING_PYTHON)
	@"$(PYTHON)" -m venv $(DASHBOARD)
	@$(call TELL,installing into $(DASHBOARD)) $(call INSTALL,$(DASHBOARD)) -r requirements-dashboard.lock
	@$(call EDITABLE,$(DASHBOARD))
	@$(call RELATIVE,$(DASHBOARD))
	@touch $@

$(DASHBOARD)/.dev:
	@echo "Installing the tools of the dashboard's tests into $(DASHBOARD) ..."
	@$(call TELL,installing into $(DASHBOARD)) $(call INSTALL,$(DASHBOARD)) -r requirements-dashboard-dev.lock
	@touch $@

# Where the capture of changes runs: Debezium, whose wheel has 250 MB.
$(CAPTURE)/.installed:
	@echo "Installing Debezium into $(CAPTURE) ..."
	$(FITTING_PYTHON)
	@"$(PYTHON)" -m venv $(CAPTURE)
	@$(call TELL,installing into $(CAPTURE)) $(call INSTALL,$(CAPTURE)) -r requirements-capture.lock
	@$(call EDITABLE,$(CAPTURE))
	@$(call RELATIVE,$(CAPTURE))
	@touch $@

$(MANIFEST):
	@echo "Reading the dbt project ..."
	@$(call TELL,reading the dbt project) "$(BIN)"/python -m gamelake.marts.dbt_project >/dev/null

endif
