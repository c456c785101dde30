# Paydesk's commands; `make help` lists them. They need make and Python 3.11 or newer, and nothing else.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
GRAPHIQL := schema/graphiql
ASSETS := $(GRAPHIQL)/assets/manifest.json
GRAPHIQL_SOURCES := $(addprefix $(GRAPHIQL)/,.npmrc build.sh node.lock.txt node.sh package.json package-lock.json \
	vite.config.js) $(wildcard $(GRAPHIQL)/src/*)
CONFORMANCE := tests/conformance
WEB := docs/examples/web
NODE_MODULES := $(CONFORMANCE)/node_modules/.package-lock.json $(CONFORMANCE)/sdl/node_modules/.package-lock.json
WITH_NODE = sh $(abspath $(GRAPHIQL)/node.sh) $(abspath $(BIN)/python)
SITE := build/docs

# Tests see neither a real provider's keys nor what a developer's shell says about the gateway.
UNSET := env | grep -Eo '^(STRIPE|BRAINTREE|PAYDESK)_[A-Z0-9_]+' | grep -v '^PAYDESK_TEST_' | sed 's/^/-u /'
PYTEST = env $$($(UNSET)) $(BIN)/python -m pytest --no-header

.PHONY: help install serve test capabilities test-browser test-live bench bench-charges bench-parsing bench-renewals bench-search chaos conformance schema-check lint fmt \
	graphiql schema schema-changes docs lock clean

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 22

install: $(VENV)/.development ## put Paydesk and its development tools into .venv

serve: $(VENV)/.runtime ## run the gateway with the fake provider and a demo shop
	@$(MAKE) --no-print-directory graphiql \
	|| echo 'GraphiQL could not be built: the API runs without it, and `make graphiql` tries again.'
	@PAYDESK_ENVIRONMENT=development $(BIN)/paydesk demo || echo 'Going on without the demo shop.'
	@PAYDESK_ENVIRONMENT=development $(BIN)/paydesk serve

# Four workers keep two cores busy: many tests wait for other processes, and for leases to end.
test: lint ## check the code and run the tests
	@$(PYTEST) -n 4 --dist worksteal

capabilities: $(VENV)/.development ## hold every provider to its suite, and write docs/reference/capabilities.md from the result
	@PAYDESK_TEST_REWRITE=1 $(PYTEST) --quiet -n 2 tests/contracts/test_provider*.py

test-browser: $(VENV)/.browser $(VENV)/.docs $(WEB)/node_modules/.package-lock.json graphiql ## try GraphiQL and the documentation in a headless Chromium
	@command -v chromium >/dev/null \
	|| { echo 'Installing Chromium ...'; apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium >/dev/null; } \
	|| { echo 'The browser test needs `chromium` on the PATH, and it could not be installed.' >&2; exit 1; }
	@$(WITH_NODE) $(PYTEST) tests/browser

conformance: $(VENV)/.conformance $(VENV)/ariadne/.installed $(NODE_MODULES) ## try the client libraries, the audits and the rules for schemas
	@$(WITH_NODE) $(PYTEST) $(CONFORMANCE)

schema-check: $(VENV)/.development ## find what clients may break on in the schema's history since the last release
	@$(PYTEST) --quiet tests/history
	@$(BIN)/python -m tests.schema.evolution

test-live: $(VENV)/.development ## run what can be run against the sandboxes of Stripe and Braintree, with the keys in STRIPE_ and BRAINTREE_ variables
	@$(BIN)/python -m tests.contracts.live

bench: bench-charges bench-renewals bench-parsing bench-search ## measure charges, renewals, Braintree's XML, then the search (an hour)

bench-charges: $(VENV)/.development ## measure what the gateway adds to a charge, and write docs/performance.md (10 minutes)
	@env $$($(UNSET)) $(BIN)/python -m tests.bench.charges --write

bench-renewals: $(VENV)/.development ## measure how many subscriptions a worker renews, and write docs/performance.md (20 minutes)
	@env $$($(UNSET)) $(BIN)/python -m tests.bench.renewals --write

bench-parsing: $(VENV)/.development ## measure who waits while Braintree's XML is read, and write docs/performance.md (a minute)
	@env $$($(UNSET)) $(BIN)/python -m tests.bench.parsing --write

bench-search: $(VENV)/.development ## measure the search of 100,000 products (20 minutes)
	@env $$($(UNSET)) $(BIN)/python -m tests.bench.search $(PRODUCTS)

chaos: $(VENV)/.development ## kill and cut off everything, judge by the bank's books, and find planted mistakes (40 minutes)
	@env $$($(UNSET)) $(BIN)/python -m tests.chaos.run $(if $(ORDERS)$(SEED)$(TRIALS),,--write) \
		$(if $(ORDERS),--orders $(ORDERS)) $(if $(SEED),--seed $(SEED)) $(if $(TRIALS),--trials $(TRIALS))
	@env $$($(UNSET)) $(BIN)/python -m tests.chaos.renewals $(if $(SEED),--seed $(SEED))
	@$(PYTEST) -n 2 tests/machine tests/model --hypothesis-profile=chaos --hypothesis-seed=$(or $(SEED),1)

lint: $(VENV)/.development ## check style, types, and who imports whom
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo '`make fmt` formats what is not formatted.' >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

fmt: $(VENV)/.development ## format the code
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format --quiet

graphiql: $(ASSETS) ## build GraphiQL, for the gateway to serve

schema: $(VENV)/.runtime ## print the GraphQL schema into schema/schema.graphql
	@$(BIN)/paydesk schema > $(VENV)/schema.graphql
	@mv $(VENV)/schema.graphql schema/schema.graphql

schema-changes: $(VENV)/.development ## say in words what changed in the schema since the last release
	@$(BIN)/python -m tests.schema.evolution --in-words

docs: $(VENV)/.docs ## build the documentation's site into build/docs, after writing its generated parts anew
	@$(BIN)/python -m tests.docs.generated
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env docs $(SITE)

lock: $(BIN)/python ## write the lock files anew (UPGRADE=--upgrade takes the newest versions)
	@$(PIP) install uv
	@$(LOCK) pyproject.toml --group build -o requirements.lock.txt
	@$(LOCK) pyproject.toml --group dev -c requirements.lock.txt -o requirements-dev.lock.txt
	@$(LOCK) --group browser -c requirements-dev.lock.txt -o tests/browser/requirements.lock.txt
	@$(LOCK) --group conformance -c requirements-dev.lock.txt -o $(CONFORMANCE)/requirements.lock.txt
	@$(LOCK) --group ariadne -o $(CONFORMANCE)/ariadne/requirements.lock.txt
	@$(LOCK) --group docs --fork-strategy fewest -c requirements-dev.lock.txt -o docs/requirements.lock.txt
	@$(LOCK) --group node -o $(GRAPHIQL)/node.lock.txt

LOCK = UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate $(UPGRADE)

clean: ## remove everything that can be made again; the database stays
	@rm -rf $(VENV) build *.egg-info artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@rm -rf $(GRAPHIQL)/assets $(GRAPHIQL)/node_modules $(CONFORMANCE)/node_modules $(CONFORMANCE)/sdl/node_modules $(WEB)/node_modules
	@rm -rf $(CONFORMANCE)/*/__generated__
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- how it is installed: a stamp in .venv says that a lock file's packages are there ---

CANDIDATES := $(PYTHON) python3.14 python3.13 python3.12 python3.11 python3 python

$(BIN)/python:
	@python=; for candidate in $(CANDIDATES); do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo 'Paydesk needs Python 3.11 or newer, and none is on the PATH.' \
			'With one elsewhere: make PYTHON=/path/to/python3' >&2; exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$python cannot make a virtual environment, for its ensurepip module is missing." \
			'On Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; \
	fi; \
	if [ "$$(id -u)" = 0 ]; then echo 'You are root: the files made here will belong to root.'; fi; \
	echo "Making $(VENV) with $$("$$python" --version) ..."; \
	"$$python" -m venv --clear $(VENV)

$(VENV)/.runtime: requirements.lock.txt pyproject.toml | $(BIN)/python
	@echo 'Installing Paydesk into $(VENV) ...'
	@$(PIP) install --require-hashes -r requirements.lock.txt
	@PYTHONWARNINGS=ignore $(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.development: requirements-dev.lock.txt $(VENV)/.runtime
	@echo 'Installing the development tools into $(VENV) ...'
	@$(PIP) install --require-hashes -r requirements-dev.lock.txt
	@touch $@

$(VENV)/.browser: tests/browser/requirements.lock.txt $(VENV)/.development
	@$(PIP) install --require-hashes -r tests/browser/requirements.lock.txt
	@touch $@

$(VENV)/.conformance: $(CONFORMANCE)/requirements.lock.txt $(VENV)/.development
	@$(PIP) install --require-hashes -r $(CONFORMANCE)/requirements.lock.txt
	@touch $@

$(VENV)/ariadne/.installed: $(CONFORMANCE)/ariadne/requirements.lock.txt | $(BIN)/python
	@$(BIN)/python -m venv --clear $(VENV)/ariadne
	@$(VENV)/ariadne/$(subst $(VENV)/,,$(PIP)) install --require-hashes -r $<
	@touch $@

$(NODE_MODULES) $(WEB)/node_modules/.package-lock.json: %/node_modules/.package-lock.json: %/package-lock.json %/package.json | $(BIN)/python
	@echo 'Installing the packages of $* ...'
	@cd $* && $(WITH_NODE) npm ci --no-progress --loglevel=error
	@touch $@

$(VENV)/.docs: docs/requirements.lock.txt $(VENV)/.development
	@echo 'Installing what builds the documentation into $(VENV) ...'
	@$(PIP) install --require-hashes -r docs/requirements.lock.txt
	@touch $@

$(ASSETS): $(GRAPHIQL_SOURCES) | $(BIN)/python
	@echo 'Building GraphiQL ...'
	@sh $(GRAPHIQL)/build.sh $(abspath $(BIN)/python)
