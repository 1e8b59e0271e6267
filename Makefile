# Everything here needs bash, git and a Python from 3.11 to 3.13; the rest is installed by `make setup`.
# PYTHON=/path/to/python3.12 chooses the Python that .venv is made with.

SHELL := bash
BIN := .venv/bin
STAMP := .venv/.installed
WITH_DISPLAY := tools/with-display.sh

# Without a display the demo runs on a virtual one and leaves its pictures in demo-output/.
ifeq ($(shell uname -s)$(DISPLAY)$(WAYLAND_DISPLAY),Linux)
DEMO_FLAGS ?= --headless --output demo-output
endif

# Two at a time: many tests wait for processes of their own.
PYTEST_FLAGS ?= -n 2

.DEFAULT_GOAL := help
.PHONY: help setup system demo test lint docs pictures bench clean

help:  ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: $(STAMP)  ## make .venv and install everything into it, once

$(STAMP): pyproject.toml constraints.txt | system
	@tools/setup.sh $(STAMP)

system:
	@tools/system-packages.sh

demo: setup  ## train on handwritten digits in napari and watch the feature maps
	$(WITH_DISPLAY) $(BIN)/napari-convnet demo $(DEMO_FLAGS)

test: lint  ## lint, then run the tests
	$(WITH_DISPLAY) $(BIN)/pytest $(PYTEST_FLAGS)

lint: setup  ## style, types, the rooms' import rules, the plugin's manifest
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari-convnet

docs: setup  ## write the pages on the language, on data and on presets again
	$(BIN)/python tools/reference.py
	$(BIN)/python tools/data.py
	$(BIN)/python tools/presets.py

pictures: setup  ## make the README's pictures again
	$(WITH_DISPLAY) $(BIN)/python tools/pictures.py

bench: setup  ## measure speed and memory against bare torch
	$(WITH_DISPLAY) $(BIN)/python benchmarks/run.py

clean:  ## remove caches and what the demo left (not .venv, not runs/)
	rm -rf demo-output dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
