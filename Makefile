# hyperslab: `make demo` and `make test` do everything on a machine with a Rust toolchain and make.
# The other targets: deps, build, test-slurm, test-long, bench, fuzz, lint, venv, clean-demo.

CARGO ?= cargo
PYTHON ?= python3
SHELL := /bin/bash

# Containers run as root, often with fewer cores than ranks; Open MPI 4 and 5 want to be told.
export OMPI_MCA_rmaps_base_oversubscribe = 1
export PRTE_MCA_rmaps_default_mapping_policy = :oversubscribe
# Containers may forbid ranks to read one another's memory: go through shared memory without a word.
export OMPI_MCA_btl_vader_single_copy_mechanism = none
ifeq ($(shell id -u),0)
export OMPI_ALLOW_RUN_AS_ROOT = 1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM = 1
endif
# MPICH's mpirun knows no such flag. Asked late: `deps` may have installed mpirun by then.
OVERSUBSCRIBE = $(if $(shell mpirun --version 2>/dev/null | grep -iE 'open ?mpi|openrte|prte'),--oversubscribe)

# Tests on a Slurm that they start need root; 0 leaves them out.
export HYPERSLAB_SLURM ?= 1

.DEFAULT_GOAL := build
.PHONY: deps test-deps build demo test test-slurm test-long bench fuzz lint venv clean-demo

## Checks for MPI, HDF5, libclang; installs them where that is allowed, else says what is missing.
deps:
	@scripts/deps build

## The same, and what only tests need: a Python venv, ncdump, h5dump, CDO, Graphviz, Slurm.
test-deps:
	@scripts/deps build test $(if $(filter 1,$(HYPERSLAB_SLURM)),slurm)

build: deps
	$(CARGO) build --release --locked

## A small cube, its seasonal NDVI under `mpirun -n 2`, and a picture.
demo: build
	mpirun -n 2 $(OVERSUBSCRIBE) target/release/hyperslab demo demo
	@test -s demo/ndvi_season.nc && test -s demo/ndvi_season.png
	@echo
	@echo "The seasons' means: demo/ndvi_season.nc (open it with xarray, ncdump or CDO)"
	@echo "Their picture:      demo/ndvi_season.png"

## The whole suite, with the examples in the documentation.
test: test-deps venv
	$(CARGO) test --locked

## Of the suite, what starts a Slurm of three nodes on this machine.
test-slurm:
	@scripts/deps build slurm
	HYPERSLAB_SLURM=1 $(CARGO) test --locked --test cli -- slurm --nocapture

## The suite with its long sweeps.
test-long: test-deps venv
	HYPERSLAB_LONG=1 $(CARGO) test --locked

## hyperslab beside what users run today, and beside the least-work probe; see scripts/bench.
bench: build
	$(CARGO) build --release --locked --examples --bench probe_formats
	@scripts/bench

## Each reader of foreign bytes for FUZZ_SECONDS; needs a nightly toolchain and cargo-fuzz. See CONTRIBUTING.md.
FUZZ ?= hdf5 netcdf3 npy zarr chunk wire script
FUZZ_SECONDS ?= 600
FUZZ_LIMITS = -rss_limit_mb=2048 -malloc_limit_mb=256 -timeout=10 -max_len=65536

fuzz: deps
	@for target in $(FUZZ); do \
		mkdir -p fuzz/found/$$target; \
		$(CARGO) +nightly fuzz run $$target fuzz/found/$$target fuzz/corpus/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) $(FUZZ_LIMITS) -print_final_stats=1 || exit 1; \
	done

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

## Real tools (xarray, netCDF4, h5netcdf) that check the files which tests write.
venv: .venv/requirements.txt

.venv/requirements.txt: tests/golden/requirements.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	cp $< $@

clean-demo:
	rm -rf demo
