# `make demo` and `make test` need Python 3.10-3.13 and make, nothing else.
PYTHON ?= python3
# processes that share the test files; each needs 2 GB
TESTERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TYPED := build/typed

.PHONY: demo test bench lint typecheck clean

demo: $(READY)
	$(BIN)/python examples/demo.py

test: $(READY)
	$(BIN)/pytest -n $(TESTERS) --dist loadfile

bench: $(READY)
	@for script in benchmarks/bench_*.py; do echo "== $$script"; PYTHONPATH=tests $(BIN)/python $$script || exit 1; done

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Types are checked on the wheel: an editable install hides semore_gym.wrappers and semore_gym.policies.
typecheck: $(READY)
	rm -rf build
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	$(BIN)/python -m pip install --quiet --no-deps --target $(TYPED) build/wheel/*.whl
	cd $(TYPED) && MYPYPATH=../../tests ../../$(BIN)/mypy --config-file ../../pyproject.toml -p semore_gym -p helpers

$(READY): pyproject.toml constraints.txt
	@if command -v uv >/dev/null; then \
		uv venv --quiet --allow-existing --seed --python $(PYTHON) $(VENV) && \
		uv pip install --quiet --python $(BIN)/python -c constraints.txt -e ".[dev]"; \
	else \
		$(PYTHON) -m venv $(VENV) && \
		$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"; \
	fi
	@touch $@

clean:
	rm -rf build $(VENV)
