# Two commands for a fresh machine with Python 3.11+, pip and make: `make demo` and `make test`.
# Each makes the virtual environment .venv first, and again only when pyproject.toml has changed: by uv in a third of
# pip's time, and by pip where uv cannot, since only pip knows the indexes of its own settings.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# The output of jobs that run at once, each in one piece (GNU Make 4; macOS comes with 3.81).
READABLY := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# Images of CI set it often. Hundreds of processes are started by tests: each would compile all of penstock again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test localstack test-integration test-integration-long test-ministack test-ministack-long test-docker lint types rooms unit clean

demo: $(READY)
	@$(BIN)/penstock run file-processing

# Two rows of work: LocalStack is installed and the integration tests wait for it, beside the checks and the unit tests.
test: $(READY)
	@$(MAKE) --no-print-directory --jobs 2 $(READABLY) localstack lint types rooms test-integration unit

# Without a Python for it or a package index this fails nothing: the integration tests install what is missing, or
# are skipped and say why; in CI they fail. (No shell stands between, which would keep a signal to itself.)
localstack: export PATH := $(abspath $(BIN)):$(PATH)
localstack: $(READY)
	$(if $(PENSTOCK_WITHOUT_LOCALSTACK)$(AWS_ENDPOINT_URL),,-@$(BIN)/penstock localstack install)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

rooms: $(READY)
	$(BIN)/lint-imports

# They give way to the integration tests, which have time limits. (The + lets their dots be seen as they come.)
unit: $(READY)
	+nice -n 10 $(BIN)/pytest -n auto -m "not integration and not ministack"

# Against LocalStack on this machine: installed once, below .penstock/localstack. The tests wait more than they
# work, so there are two workers, each with a LocalStack of its own.
test-integration: localstack
	$(BIN)/pytest -n 2 --dist loadfile -m "integration and not long" tests/contracts tests/integration

# Rules that each have a pipeline of their own on LocalStack, deployed for them and destroyed behind them.
test-integration-long: localstack
	$(BIN)/pytest -n 3 --dist load -m "integration and long" tests/contracts

# The contracts against MiniStack: installed once, below .penstock/ministack; each worker has one of its own.
test-ministack: $(READY)
	$(BIN)/pytest -n 4 -m "ministack and not long" tests/contracts

test-ministack-long: $(READY)
	$(BIN)/pytest -n 4 -m "ministack and long" tests/contracts

# The same against docker-compose.yml, and definitions on Step Functions Local; what was started is removed.
test-docker: export AWS_ENDPOINT_URL = http://127.0.0.1:4566
test-docker: export PENSTOCK_STEPFUNCTIONS_LOCAL = http://127.0.0.1:8083
test-docker: $(READY)
	docker compose --profile stepfunctions up --wait && \
	$(BIN)/pytest -m "integration and not long" tests/contracts tests/integration; result=$$?; \
	docker compose --profile stepfunctions down --volumes; exit $$result

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("penstock needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	{ $(BIN)/python -m pip install --quiet uv && \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --group dev --editable .; } || \
	$(BIN)/python -m pip install --quiet --no-compile --group dev --editable .
	@touch $(READY)

clean:
	rm -rf $(VENV) .penstock results
