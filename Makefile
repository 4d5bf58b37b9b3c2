# Two commands do everything on a fresh Debian machine: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODELS := .cache/models
DEMO := $(MODELS)/face_detection_short_range.tflite
SYSTEM := libegl1 libgles2 libgl1-mesa-dri glslang-tools spirv-tools clang-19 python3-venv
# ANGLE runs on two Vulkan drivers: lavapipe, and the SwiftShader inside Debian's chromium.
VULKAN := mesa-vulkan-drivers chromium
# What compiles hosts: C++ with sanitizers, Java, and Objective-C on GNUstep. Swift's compiler (swiftlang, of Debian 13) is too
# large to be brought along; tests use it where it is.
HOSTS := g++ libclang-rt-19-dev default-jdk-headless libgnustep-base-dev libobjc-12-dev

.PHONY: demo test lint types sweep random-graphs clean

demo: $(VENV)/run.stamp $(DEMO)
	$(BIN)/tflgpuc $(DEMO) -o out/face_detection
	$(BIN)/tflgpuc verify $(DEMO) out/face_detection
	$(BIN)/tflgpuc verify $(DEMO) out/face_detection --device gles
	$(BIN)/tflgpuc inspect out/face_detection
	ls -lR out/face_detection

test: $(VENV)/test.stamp $(DEMO)
	$(MAKE) --no-print-directory lint types
	$(BIN)/pytest -n 2 --dist loadfile

lint: $(VENV)/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check

# Type checkers don't follow the editable mapping of folders to packages, so they get a real install;
# build/ goes first, since setuptools would install deleted modules from it.
types: $(VENV)/test.stamp
	rm -rf build .cache/types
	$(BIN)/pip install --quiet --no-deps --target .cache/types .
	rm -rf build
	MYPYPATH=.cache/types $(BIN)/mypy -p tflgpuc

# The long way: every model of the zoo, if it is there, on every device.
sweep: $(VENV)/test.stamp
	$(BIN)/pytest -n 2 --dist loadfile --sweep tests/models

# Thousands of random graphs on the interpreter and on Mesa, and as many of each op by itself.
random-graphs: $(VENV)/test.stamp
	$(BIN)/pytest --sweep tests/models/test_random_graphs.py

$(DEMO): | $(VENV)/run.stamp
	$(BIN)/python examples/fetch_models.py $(MODELS)

$(VENV)/run.stamp: setup.cfg pyproject.toml
	sh tests/support/system_packages.sh $(SYSTEM)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tflgpuc needs Python 3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -e '.[run,verify]'
	touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	sh tests/support/system_packages.sh --optional $(VULKAN) $(HOSTS)
	$(BIN)/pip install --quiet -e '.[run,wgpu,web,verify,test,dev]'
	touch $@

clean:
	rm -rf $(VENV) .cache out build *.egg-info
