# Both `make demo` and `make test` do all their own set-up in .venv. PYTHON may name another interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: bench-service demo test test-slow soak soak-service lint types lock bench clean
.PHONY: bench-sandbox bench-typescript bench-checking bench-generation bench-shapes bench-serve bench-workspace bench-privacy bench-sessions bench-metrics

demo: $(VENV)/.runtime
	$(BIN)/underpass demo

# Thousands of tests start real processes side by side. One that fails there is made once more, alone and
# by name: what fails twice is a defect, what fails once is a test (or a machine) to look at.
AGAIN := --last-failed --last-failed-no-failures none -v

test: $(VENV)/.dev
	sh scripts/debian-packages.sh
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(MAKE) types
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "not slow" -n auto --maxprocesses 4 || $(BIN)/coverage run -m pytest $(AGAIN)
	$(BIN)/coverage combine -q && $(BIN)/coverage report

# The suites that take minutes: soaks, fuzzing, the whole corpus through a type checker.
test-slow: $(VENV)/.dev
	$(BIN)/pytest -m slow -n auto --maxprocesses 2 || $(BIN)/pytest $(AGAIN)

# Ten thousand runs of every kind, and then a look at what they left: about a minute.
soak: $(VENV)/.dev
	$(BIN)/pytest -m slow -s tests/soak

# Ten minutes of the HTTP service while its servers die and return. It ends by itself.
soak-service: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.service_soak

lint: $(VENV)/.dev
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

types: $(VENV)/.dev
	node_modules/.bin/pyright

bench: bench-sandbox bench-typescript bench-checking bench-generation bench-shapes bench-serve bench-workspace bench-privacy bench-sessions bench-metrics

# The service over HTTP, each with its own process.
bench-service: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.service

# Each prints its table, as docs/benchmarks.md has it.
bench-sandbox bench-typescript bench-checking bench-generation bench-shapes bench-serve bench-workspace bench-privacy bench-sessions bench-metrics: bench-%: $(VENV)/.dev
	@printf '\n## %s\n\n' '$*'
	@$(BIN)/python -m benchmarks.$*

# Hashes, and no registry address: a pin must hold wherever the packages come from.
LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header
lock: $(VENV)/.dev
	$(BIN)/python -m pip install -q uv
	$(BIN)/$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(BIN)/$(LOCK) pyproject.toml --extra agent --extra fastmcp --extra keyring --extra langgraph --extra openai-agents --extra privacy --extra semantic --extra smolagents --extra telemetry --extra typescript --group dev -o requirements/dev.txt
	$(BIN)/$(LOCK) requirements/build.in -o requirements/build.txt

clean:
	rm -rf $(VENV) node_modules .coverage* .pytest_cache .ruff_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python requirements/runtime.txt requirements/build.txt pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt package-lock.json
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	npm ci --silent --no-audit --no-fund
	touch $@
