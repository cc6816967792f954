# Thin: a target is a line or two that you could type yourself. `make` alone lists them.

.DEFAULT_GOAL := help
.NOTPARALLEL:

BIN := .venv/bin
SAM := build/venv-sam/bin/sam
CHECKOV := build/venv-checkov/bin/checkov
MINISTACK := build/venv-ministack/bin/ministack
LOCALSTACK := build/venv-localstack/bin/localstack
# Of the system: none is downloaded.
CHROMIUM ?= $(firstword $(foreach each,chromium chromium-browser google-chrome,$(shell command -v $(each) 2>/dev/null)))
UV := $(shell command -v uv 2>/dev/null)
WANTED := python3.14 python3.13 python3.12 python3.11 python3
# Run, not only looked up: version managers leave shims on PATH for Pythons they do not have,
# and some systems package venv apart from Python.
RUNS := import sys, venv$(if $(UV),,, ensurepip); sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(WANTED); do $$p -c '$(RUNS)' >/dev/null 2>&1 && echo $$p && break; done)

# SAM runs make with this file, in a copy of the project or in it.
ROOT := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
# From the environment too, since SAM hands on nothing else.
ARCHITECTURE ?= arm64
FUNCTION_PYTHON ?=

# Shells may export such names (WSL exports NAME): only words on make's own line count.
$(foreach word,ARGS NAME SINCE FROM TO OUTPUT ENGINE STAGE SEEDS TARGET TARGET_PYTHON DOCKER,$(if $(filter environment,$(origin $(word))),$(eval $(word) :=)))

.PHONY: help setup demo test test-browser picture check infra-check query bench sim trino-check lock clean build deploy diff destroy logs .stage .chromium e2e local-up local-down

##@ Use it

# With a target it asks an emulator, for which it takes more than the demo without AWS.
demo: .venv/$(if $(TARGET),.dev,.embedded) ## made-up traffic through the whole pipeline; Ctrl-C prints the answers (ARGS="--for 20"; TARGET=localstack: through make local-up)
	@$(BIN)/tailrace demo $(if $(TARGET),--target '$(TARGET)') $(ARGS)

query: .venv/.embedded ## answer a saved query (NAME=top_talkers SINCE=1h); no NAME lists them
	@$(BIN)/tailrace query $(NAME) $(if $(SINCE),--since '$(SINCE)') \
		$(if $(FROM),--from '$(FROM)') $(if $(TO),--to '$(TO)') $(if $(OUTPUT),--output '$(OUTPUT)') \
		$(if $(ENGINE),--engine '$(ENGINE)') $(if $(filter undefined,$(origin STAGE)),,--stage '$(STAGE)') $(ARGS)

##@ Work on it

setup: .venv/.dev ## make .venv with everything for development
	$(call say,.venv is ready)

test: .venv/.dev ## run the tests (ARGS="-k flow -x")
	$(BIN)/python -m pytest -n 2 $(ARGS)

# Without a sandbox, as in a container; it opens nothing but a server of the tests.
test-browser: .venv/.dev .chromium ## the page in headless Chromium, pictures in build/screens (ARGS="-k states")
	$(BIN)/python -m pytest -p no:xdist tests/browser --chromium '$(CHROMIUM)' $(ARGS)

picture: .venv/.dev .chromium ## renew the picture of the page in docs/pictures
	$(BIN)/python -m tests.browser.picture '$(CHROMIUM)' docs/pictures/page.png

.chromium:
	@[ -n '$(CHROMIUM)' ] || { echo "error: there is no Chromium; install it: sudo apt-get install chromium," \
		"or name it: make $(MAKECMDGOALS) CHROMIUM=/path/to/chrome" >&2; exit 2; }

check: .venv/.dev ## lint, format, types, import rules, drift of generated files, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy pipeline infra $(wildcard functions)
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pipeline.derive --check
	$(BIN)/cfn-lint

# checkov looks at what the defaults of parameters make: it is given a template for each route.
infra-check: $(SAM) $(CHECKOV) ## the stack's templates by AWS SAM and checkov, without AWS
	$(QUIET_SAM) $(SAM) validate --lint
	@mkdir -p build/infra-check
	@for route in kinesis lambda s3; do \
		sed "s/^    Default: kinesis$$/    Default: $$route/" infra/template.yaml > build/infra-check/$$route.yaml; done
	$(CHECKOV) --config-file .checkov.yaml --file $(filter-out infra/template.yaml %.asl.yaml,$(wildcard infra/*.yaml)) \
		$(foreach route,kinesis lambda s3,build/infra-check/$(route).yaml)

sim: .venv/.dev ## one seed decides traffic, faults and crashes; what is promised must hold (SEEDS=2000)
	$(BIN)/python -m tests.sim --seeds $(or $(SEEDS),200) $(ARGS)

trino-check: .venv/.dev ## saved SQL on a real Trino, the engine of Athena, against DuckDB (ARGS="--only top_talkers")
	$(BIN)/python -m tests.trino $(ARGS)

e2e: .venv/.dev $(SAM) $(MINISTACK) $(LOCALSTACK) ## the stack from logs to answers on emulators, without AWS (TARGET=ministack; DOCKER=1)
	$(BIN)/python -m pytest -p no:xdist tests/e2e --sam '$(SAM)' \
		$(foreach each,$(or $(TARGET),ministack localstack),--e2e-target $(each)) $(if $(DOCKER),--docker) $(ARGS)

bench: .venv/.dev ## measure the hot path (ARGS=--quick)
	$(BIN)/python -m bench $(ARGS)

##@ Put it on AWS

build: .venv/.dev ## the functions for Lambda, arm64 and x86_64, without Docker (TARGET_PYTHON=3.11: for an emulator)
	$(BIN)/python -m infra.artifacts $(if $(TARGET_PYTHON),--python '$(TARGET_PYTHON)') $(ARGS)

deploy: .stage .venv/.dev $(SAM) ## build and deploy a stage, then ask it how it is (STAGE=staging; ARGS=--yes: unasked)
	@$(INFRA) deploy $(ARGS)

diff: .stage .venv/.dev $(SAM) ## what a deployment would change; the stack stays as it is, what is built is uploaded (STAGE=staging)
	@$(INFRA) diff $(ARGS)

destroy: .stage .venv/.dev ## delete a stage after it was typed; says what is kept, and how to delete that (STAGE=staging)
	@$(INFRA) destroy $(ARGS)

logs: .stage .venv/.dev $(SAM) ## follow the logs of the functions of a stage (STAGE=staging)
	@$(INFRA) logs $(ARGS)

# First of all: to install SAM takes minutes.
.stage:
	@[ -n '$(STAGE)' ] || { echo "error: no stage is named; say which: make $(MAKECMDGOALS) STAGE=staging" >&2; exit 2; }
	@grep -q '^\[$(STAGE)\.' samconfig.toml || { \
		echo "error: samconfig.toml has no stage $(STAGE); say which: make $(MAKECMDGOALS) STAGE=staging" >&2; exit 2; }

##@ Develop against an emulator

local-up: .venv/.dev $(SAM) $(MINISTACK) $(LOCALSTACK) ## start an emulator with the stack on it (TARGET=ministack or localstack; DOCKER=1)
	@$(BIN)/python -m infra.emulators $(if $(TARGET),--target '$(TARGET)') up --sam '$(SAM)' $(if $(DOCKER),--docker) $(ARGS)

local-down: .venv/.dev ## end it (TARGET=ministack or localstack)
	@$(BIN)/python -m infra.emulators $(if $(TARGET),--target '$(TARGET)') down

INFRA = $(BIN)/python -m infra.deploy --sam '$(SAM)' --stage '$(STAGE)' $(if $(TARGET),--target '$(TARGET)')

# `sam build` calls it for a function, with ARTIFACTS_DIR. Always in the project itself, where
# .venv is: a copy of it would be made ready anew.
build-%:
	@[ -n '$(ARTIFACTS_DIR)' ] || { echo "say where to: make $@ ARTIFACTS_DIR=folder" >&2; exit 2; }
	@$(MAKE) --no-print-directory -C $(ROOT) .venv/.dev
	@cd $(ROOT) && $(BIN)/python -m infra.artifacts --architecture '$(ARCHITECTURE)' $(if $(FUNCTION_PYTHON),--python '$(FUNCTION_PYTHON)') --function '$*' --into '$(abspath $(ARTIFACTS_DIR))'

##@ Look after it

lock: .venv/.dev ## renew requirements/*.txt from pyproject.toml (ARGS=--upgrade: newest versions)
	$(if $(UV),,@$(INSTALL) uv)
	$(LOCK) $(ARGS) --group build --extra dev --output-file requirements/dev.txt
	$(LOCK) $(ARGS) --group build --extra embedded --constraint requirements/dev.txt --output-file requirements/embedded.txt
	$(LOCK) $(ARGS) --extra functions --constraint requirements/dev.txt --output-file requirements/functions.txt
	$(LOCK) $(ARGS) --extra page --constraint requirements/dev.txt --output-file requirements/page.txt
	$(LOCK_GROUP) $(ARGS) --group checkov --output-file requirements/checkov.txt
	$(LOCK_GROUP) $(ARGS) --group sam --output-file requirements/sam.txt
	$(LOCK_GROUP) $(ARGS) --group ministack --output-file requirements/ministack.txt
	$(LOCK_GROUP) $(ARGS) --group localstack --output-file requirements/localstack.txt

clean: ## remove .venv, caches and build output; your data in .tailrace stays
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis dist build .aws-sam bench/out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Universal: one lock for every Python and system that pyproject.toml allows.
LOCK_GROUP = $(or $(UV),$(BIN)/uv) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"
LOCK = $(LOCK_GROUP) pyproject.toml

# Nothing is told of us, and nothing asked of AWS: the region only chooses among specifications.
QUIET_SAM = SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true

INSTALL = $(if $(UV),uv pip install --python $(BIN)/python,$(BIN)/python -m pip --disable-pip-version-check install) --quiet
INSTALL_PROJECT = $(INSTALL) --no-build-isolation --no-deps --editable .
say = @echo "==> $(1)" >&2

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "Tailrace needs Python 3.11 or newer with its venv module; tried" \
		"$(WANTED). Name yours: make setup PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Tailrace needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)" >&2; exit 1; }
	$(call say,making .venv with $(PYTHON))
	@$(if $(UV),uv venv --quiet --seed --clear --python $(PYTHON) .venv,$(PYTHON) -m venv --clear .venv)

.venv/.embedded: requirements/embedded.txt pyproject.toml $(BIN)/python
	$(call say,installing what the pipeline needs)
	@$(INSTALL) --require-hashes --requirement requirements/embedded.txt
	@$(INSTALL_PROJECT)
	@touch $@

.venv/.dev: requirements/dev.txt pyproject.toml $(BIN)/python
	$(call say,installing what the pipeline and its development need)
	@$(INSTALL) --require-hashes --requirement requirements/dev.txt
	@$(INSTALL_PROJECT)
	@touch .venv/.embedded $@

# Tools that cannot live with anything else have environments of their own. --no-deps: the lock has
# them all, and pip does not find those of an extra (boto3[crt]) among what is locked without it.
$(SAM): requirements/sam.txt .venv/.dev
	$(call make_tool,sam)

$(CHECKOV): requirements/checkov.txt .venv/.dev
	$(call make_tool,checkov)

$(MINISTACK): requirements/ministack.txt .venv/.dev
	$(call make_tool,ministack)

$(LOCALSTACK): requirements/localstack.txt .venv/.dev
	$(call make_tool,localstack)

define make_tool
$(call say,installing what $(1) needs)
@$(if $(UV),uv venv --quiet --clear --python $(BIN)/python build/venv-$(1),$(BIN)/python -m venv --clear build/venv-$(1))
@$(if $(UV),uv pip install --python build/venv-$(1)/bin/python,build/venv-$(1)/bin/python -m pip \
	--disable-pip-version-check install) --quiet --no-deps --require-hashes --requirement $<
@touch $@
endef
