# Everything sets itself up: `make demo`, `make test` and `make run` work in a fresh clone
# on a machine that has Python 3.11 or newer, pip, git and make.

export UV_PYTHON_DOWNLOADS = never
export UV_PROJECT_ENVIRONMENT = .venv
# The machine's own certificates, for those behind a company's proxy (new name and old).
export UV_SYSTEM_CERTS = true
export UV_NATIVE_TLS = true
export MENTING_SYNAPSE ?= $(CURDIR)/.synapse/bin/python

UV := $(shell command -v uv 2>/dev/null || echo $(CURDIR)/.tools/bin/uv)
RUN := .venv/bin
ARGS ?=
# What differs by the engine: SQL, locks and transactions. Commands are on SQLite anyway, and
# roles and dumps on PostgreSQL.
STATE := -m "not browser and not homeserver" tests/users tests/accounts tests/people \
	tests/campaigns tests/spaces tests/workers tests/server tests/api \
	--ignore tests/accounts/test_command.py --ignore tests/server/test_roles.py \
	--ignore tests/server/test_dump.py
# Servers of Debian's that the demo needs only for channels named in ARGS.
DEMO_SERVERS := $(if $(findstring xmpp,$(ARGS)),server-prosody) \
	$(if $(findstring mail,$(ARGS)),server-postfix server-dovecot)

.PHONY: help demo test test-postgres run check lint types layers messages bench bench-large screens clean

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: .venv/ready .synapse/ready words $(DEMO_SERVERS) ## The whole main job on a real homeserver (ARGS="--exit --json", "--channels matrix,xmpp,mail")
	@$(RUN)/menting demo $(ARGS)

test: .venv/ready .synapse/ready words .tools/system ## Every test, and those of the state on PostgreSQL
	$(RUN)/pytest $(ARGS)
	$(RUN)/pytest --db postgres $(STATE) $(ARGS)

test-postgres: .venv/ready .synapse/ready words .tools/system ## Every test on PostgreSQL
	$(RUN)/pytest --db postgres $(ARGS)

run: .venv/ready words ## Start the program: http://localhost:8080
	@$(RUN)/menting run $(ARGS)

check: lint types layers test ## Lint, types, layers and tests

lint: .venv/ready
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/djlint --check --quiet menting/templates
	$(RUN)/djlint --lint --quiet menting/templates

types: .venv/ready
	$(RUN)/mypy menting tests bench tools

layers: .venv/ready
	$(RUN)/lint-imports

bench: .venv/ready .synapse/ready words .tools/system ## The table of figures, also into docs/performance.md
	$(RUN)/python -m bench $(ARGS)

bench-large: .venv/ready words .tools/system ## The visits at 20 million, also into docs/performance.md
	$(RUN)/python -m bench --large $(ARGS)

screens: .venv/ready words .tools/system ## Screenshots of every page into docs/screens/
	$(RUN)/python tools/screens.py

messages: .venv/ready .tools/system ## Collect the texts for translation
	cd menting && ../$(RUN)/django-admin makemessages --settings menting.server.settings -l zh_Hans --no-location --no-wrap

# --- What the targets above need -----------------------------------------------------------

.PHONY: words
words: .venv/ready
	@$(RUN)/python tools/words.py

.venv/ready: pyproject.toml uv.lock | uv
	@$(UV) sync --quiet --frozen
	@touch $@

.synapse/ready: tools/synapse.txt | uv
	@echo "Setting up a Matrix homeserver in .synapse (once, about 250 MB)"
	@$(UV) venv --quiet --clear .synapse
	@VIRTUAL_ENV=.synapse $(UV) pip install --quiet -r tools/synapse.txt
	@touch $@

.PHONY: uv
uv:
	@command -v $(UV) >/dev/null || python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target .tools 'uv>=0.9'

.tools/system: tools/system.sh
	@sh tools/system.sh
	@mkdir -p .tools && touch $@

server-%:
	@sh tools/system.sh $*

clean: ## Remove what was set up here
	rm -rf .venv .synapse .tools
