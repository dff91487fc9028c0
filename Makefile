# Everything that a machine with Python, git and make needs. `make demo` and `make test` set themselves up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint format reports docs tables wheel-test bench clean

demo: $(VENV)/.installed
	@$(BIN)/assay scan templates --env production

test: $(VENV)/.developed lint
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto --ignore tests/policies --ignore tests/judges
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/pytest -n auto tests/policies tests/judges

lint: $(VENV)/.developed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docs policies src templates tests benchmarks
	$(BIN)/assay controls --check

format: $(VENV)/.developed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The reference reports in reports/, made from templates/ with a fixed clock. CI fails if they differ.
reports: $(VENV)/.developed
	$(BIN)/python reports/regenerate.py

# The pages of docs/ that are made from the policies. CI fails if they differ.
docs: $(VENV)/.developed
	$(BIN)/python docs/generate.py

# The tables of the package that are made from Kubernetes and from custom resource definitions. CI fails if they differ.
tables: $(VENV)/.developed
	$(BIN)/python -m tests.judges.tables

# The command from the built wheel, in an environment of its own.
wheel-test: $(VENV)/.developed
	rm -rf build/wheel dist
	$(BIN)/python -m build --outdir dist
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/pip install --quiet --upgrade pip
	build/wheel/bin/pip install --quiet dist/*.whl --group dev
	cd tests && ../build/wheel/bin/python -m pytest -q -n auto -p no:cacheprovider policies/test_packs.py cli test_config_templates.py

bench: $(VENV)/.developed
	$(BIN)/python benchmarks/run
	$(BIN)/python benchmarks/facts

$(VENV)/.venv:
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --upgrade pip
	@touch $@

$(VENV)/.installed: $(VENV)/.venv pyproject.toml
	@echo "installing assay"
	@$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.developed: $(VENV)/.installed pyproject.toml
	@echo "installing the tools that check it"
	@$(BIN)/pip install --quiet --group dev
	@touch $@

clean:
	rm -rf $(VENV) build dist .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
