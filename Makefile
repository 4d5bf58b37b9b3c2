# Two commands do everything on a fresh Debian machine: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODELS := .cache/models
DEMO := $(MODELS)/face_detection_short_range.tflite
SYSTEM := libegl1 libgles2 libgl1-mesa-dri glslang-tools spirv-tools clang-19 python3-venv

.PHONY: demo test lint types sweep clean

demo: $(BIN)/.run $(DEMO)
	$(BIN)/tflgpuc $(DEMO) -o out/face_detection
	$(BIN)/tflgpuc verify $(DEMO) out/face_detection
	$(BIN)/tflgpuc verify $(DEMO) out/face_detection --device gles
	$(BIN)/tflgpuc inspect out/face_detection
	ls -R out/face_detection

test: $(BIN)/.test $(DEMO)
	$(MAKE) lint types
	$(BIN)/pytest -n 2 --dist loadfile

lint: $(BIN)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check

# Type checkers don't follow the editable mapping of folders to packages, so they get a real install.
types: $(BIN)/.test
	rm -rf build .cache/types
	$(BIN)/pip install --quiet --no-deps --target .cache/types .
	rm -rf build
	MYPYPATH=.cache/types $(BIN)/mypy -p tflgpuc

# The long way: every model of the zoo, if it is there, on every device.
sweep: $(BIN)/.test
	$(BIN)/pytest -n 2 --dist loadfile --sweep tests/models

$(DEMO): examples/fetch_models.py | $(BIN)/.run
	$(BIN)/python examples/fetch_models.py $(MODELS)

$(BIN)/.run: setup.cfg pyproject.toml
	sh tests/support/system_packages.sh $(SYSTEM)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -e '.[run,verify]'
	touch $@

$(BIN)/.test: $(BIN)/.run
	sh tests/support/system_packages.sh --optional mesa-vulkan-drivers chromium
	$(BIN)/pip install --quiet -e '.[run,verify,test,dev]'
	touch $@

clean:
	rm -rf $(VENV) .cache out build *.egg-info
