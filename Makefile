# Two commands for a fresh machine with Python 3.11+, pip and make: `make demo` and `make test`.
# Each makes the virtual environment .venv first, and again only when pyproject.toml has changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-integration test-ministack test-docker lint types rooms unit clean

demo: $(READY)
	@$(BIN)/penstock run file-processing

test: lint types rooms unit test-integration

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

rooms: $(READY)
	$(BIN)/lint-imports

unit: $(READY)
	$(BIN)/pytest -n auto -m "not integration and not ministack"

# Against LocalStack on this machine: installed once, below .penstock/localstack. The tests wait more than they
# work, so there are three workers, each with a LocalStack of its own.
test-integration: $(READY)
	$(BIN)/pytest -n 3 --dist loadfile -m integration tests/contracts tests/integration

# The contracts against MiniStack: installed once, below .penstock/ministack; each worker has one of its own.
test-ministack: $(READY)
	$(BIN)/pytest -n 4 -m ministack tests/contracts

# The same against docker-compose.yml, and definitions on Step Functions Local; what was started is removed.
test-docker: export AWS_ENDPOINT_URL = http://127.0.0.1:4566
test-docker: export PENSTOCK_STEPFUNCTIONS_LOCAL = http://127.0.0.1:8083
test-docker: $(READY)
	docker compose --profile stepfunctions up --wait && \
	$(BIN)/pytest -m integration tests/contracts tests/integration; result=$$?; \
	docker compose --profile stepfunctions down --volumes; exit $$result

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("penstock needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --group dev --editable .
	@touch $(READY)

clean:
	rm -rf $(VENV) .penstock results
