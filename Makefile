# On a machine with only Python: `make pretrain` runs the main job, `make test` proves the installation.
PYTHON ?= python3
VENV := .venv
LABEL := .venv-monailabel
BIN := $(VENV)/bin
USER_INSTALLED := $(VENV)/.user
INSTALLED := $(VENV)/.installed
# threads that wait must sleep: on a shared machine, spinning ones make training several times slower
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: docs test-lowest install pretrain test test-faults test-monailabel fuzz lint bench tables-smoke gpu-check clean

install: $(INSTALLED)

$(USER_INSTALLED): setup.cfg setup.py pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e . -c constraints.txt
	@touch $@

# what tests and developers need besides
$(INSTALLED): $(USER_INSTALLED)
	$(BIN)/python -m pip install --quiet -e ".[dev]" -c constraints.txt
	@touch $@

pretrain: $(USER_INSTALLED)
	$(BIN)/python -m monai.bundle run --config_file bundles/smart_pretrain/configs/train.json

test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

# runs that are killed 50 times, stopped, starved of disk and memory
test-faults: $(INSTALLED)
	SMART_KILLS=50 SMART_SOAK=5000 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -v tests/faults

# damaged files, headers, tables, lists and cards by the thousand: minutes, and others each time
FUZZ ?= 3000
fuzz: $(INSTALLED)
	SMART_FUZZ=$(FUZZ) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto tests/bad_inputs/test_fuzz.py tests/bad_inputs/test_generated.py tests/weights/test_fuzz.py

lint: $(INSTALLED)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m smart_nets zoo lint bundles

# a real MONAI Label server with the packaged bundles; it wants older packages, so it has an environment of its own (7.5 GB)
test-monailabel: $(LABEL)/.installed
	PYTHONPATH=. $(LABEL)/bin/python tests/monailabel/run.py

$(LABEL)/.installed: tests/monailabel/requirements.txt
	$(PYTHON) -m venv $(LABEL)
	PIP_FIND_LINKS= $(LABEL)/bin/python -m pip install --quiet -r tests/monailabel/requirements.txt
	@touch $@

# every row of the paper's tables for one epoch on phantoms, and their page: minutes
tables-smoke: $(INSTALLED)
	$(BIN)/python benchmarks/paper_tables.py --tables 1 4a 4b 5 6 drop masks data --work build/tables-smoke --preset tiny --epochs 1 --seeds 1 --patients 2 --parallel 2 --set "--visits_per_epoch 2 --places 1 --organ_patients 2" --output build/tables-smoke/results.json

bench: $(INSTALLED)
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/step.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/loading.py
	$(BIN)/python benchmarks/manifest.py
	$(BIN)/python benchmarks/interval_coverage.py
	$(BIN)/python benchmarks/performance.py

# on a machine with a GPU, in ten minutes: the same numbers as on the CPU, times and memory beside MONAI's, a short pretraining
gpu-check: $(INSTALLED)
	$(BIN)/python benchmarks/gpu_check.py

clean:
	rm -rf $(VENV) build *.egg-info bundles/*/models/model.* bundles/*/eval bundles/*/cache

# the pages of docs/ and of the bundles, and the API, as a site in build/site; warnings are errors
docs: docs/requirements.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet -r docs/requirements.txt
	.venv-docs/bin/python -m mkdocs build --strict

# the oldest Python and the lower bounds that setup.cfg promises; needs python3.10
PYTHON310 ?= python3.10
test-lowest:
	$(PYTHON310) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet -e ".[cluster,dask,huggingface]" pytest hypothesis einops -c tests/lowest.txt
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest -q tests/statistics tests/training tests/weights tests/networks tests/segment tests/organs tests/classify tests/lists tests/scans tests/cli tests/bundles/test_smart_segment.py tests/bundles/test_smart_lidc_classify.py
