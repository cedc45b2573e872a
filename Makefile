# SPDX-License-Identifier: Apache-2.0
# One Makefile for everything. `make help` lists the targets.

CC       ?= gcc
ifeq ($(origin CC),default)
CC       := gcc
endif
SANITIZE ?=
OPT      ?= -O2 -g
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Each way of building has its own folder, so that no object of one ends up in another.
VARIANT  ?= release$(if $(filter clang%,$(notdir $(CC))),-clang)$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
comma    := ,
BUILD    := build/$(VARIANT)

PKGS     := libmicrohttpd libcjson libcurl yaml-0.1 libcrypto gnutls
WARN     := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings -Wformat=2 \
            -Wundef -Wpointer-arith -Wcast-qual -Wnull-dereference -Wimplicit-fallthrough
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fPIE -fcf-protection -fno-strict-overflow
LDHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed -Wl,--gc-sections
ifneq ($(SANITIZE),)
OPT      := -O1 -g -fno-omit-frame-pointer
SANFLAGS := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
# It defines what signed overflow gives, so that UBSan would not report one.
HARDEN   := $(filter-out -fno-strict-overflow,$(HARDEN))
else
HARDEN   += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
endif
CPPFLAGS += -I. -include common/base/banned.h -D_GNU_SOURCE -DCS_VERSION='"$(VERSION)"'
CFLAGS   := -std=c17 $(OPT) $(WARN) $(HARDEN) $(SANFLAGS) -ffunction-sections -fdata-sections $(EXTRA_CFLAGS)
LDFLAGS  := $(LDHARDEN) $(SANFLAGS) $(EXTRA_LDFLAGS)
LDLIBS    = $(shell pkg-config --libs $(PKGS)) -lpthread -lm

COMMON_SRC     := $(wildcard common/*/*.c)
CERTS_SRC      := $(wildcard certs/*.c)
WEBHOOK_SRC    := $(filter-out webhook/main.c,$(wildcard webhook/*.c))
CONTROLLER_SRC := $(filter-out controller/main.c,$(wildcard controller/*.c controller/*/*.c))
SIM_SRC        := $(wildcard test/sim/*.c)
UNIT_SRC       := $(wildcard test/unit/test_*.c)
FUZZ_SRC       := $(wildcard test/fuzz/fuzz_*.c)
FUZZ_HELP_SRC  := test/fuzz/fuzz.c test/fuzz/mutate.c test/fuzz/webhook.c test/sim/sim_json.c test/unit/runtime_fake.c
UNIT_HELP_SRC  := $(filter-out $(UNIT_SRC),$(wildcard test/unit/*.c)) test/sim/sim_json.c # what several of them use

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
COMMON_LIB     := $(BUILD)/libcommon.a
CERTS_LIB      := $(BUILD)/libcerts.a
WEBHOOK_LIB    := $(BUILD)/libwebhook.a
CONTROLLER_LIB := $(BUILD)/libcontroller.a
UNIT_HELP_LIB  := $(BUILD)/libunithelp.a
PROGRAMS       := $(BUILD)/cloneset-webhook $(BUILD)/cloneset-controller
FUZZ_HELP_LIB  := $(BUILD)/libfuzzhelp.a
UNIT_TESTS     := $(patsubst test/unit/%.c,$(BUILD)/test/unit/%,$(UNIT_SRC))
FUZZ_REPLAYS   := $(patsubst test/fuzz/fuzz_%.c,$(BUILD)/test/replay/%,$(FUZZ_SRC))
FUZZERS        := $(patsubst test/fuzz/fuzz_%.c,$(BUILD)/test/fuzz/%,$(FUZZ_SRC))

# Quiet unless V=1: one short line for each object.
ifeq ($(V),)
say = @printf '  %-4s %s\n' $(1) $(patsubst $(BUILD)/%,%,$@);
endif

.DEFAULT_GOAL := all
.PHONY: all help deps clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: deps-build $(PROGRAMS) ## build both programs into build/release/

.PHONY: deps-build
deps-build:
	@tools/deps.sh build

# The version is a macro of the command line: rebuild what shows it when it changes, and nothing else.
$(BUILD)/cloneset-webhook: $(call obj,webhook/main.c) $(WEBHOOK_LIB) $(CERTS_LIB) $(COMMON_LIB)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/cloneset-controller: $(call obj,controller/main.c) $(CONTROLLER_LIB) $(COMMON_LIB)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(COMMON_LIB): $(call obj,$(COMMON_SRC))
$(CERTS_LIB): $(call obj,$(CERTS_SRC))
$(WEBHOOK_LIB): $(call obj,$(WEBHOOK_SRC))
$(CONTROLLER_LIB): $(call obj,$(CONTROLLER_SRC))
$(UNIT_HELP_LIB): $(call obj,$(UNIT_HELP_SRC))
$(FUZZ_HELP_LIB): $(call obj,$(FUZZ_HELP_SRC))
$(BUILD)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR)ar rcs $@ $^

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/test/unit/%: $(BUILD)/obj/test/unit/%.o $(UNIT_HELP_LIB) $(CONTROLLER_LIB) $(WEBHOOK_LIB) $(CERTS_LIB) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LDLIBS)

# A fuzz target runs under libFuzzer (clang, its own way of building), or once for each file given (any compiler).
FUZZ_LIBS := $(FUZZ_HELP_LIB) $(CONTROLLER_LIB) $(WEBHOOK_LIB) $(CERTS_LIB) $(COMMON_LIB)
$(BUILD)/test/fuzz/%: $(BUILD)/obj/test/fuzz/fuzz_%.o $(FUZZ_LIBS)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)
$(BUILD)/test/replay/%: $(BUILD)/obj/test/fuzz/fuzz_%.o $(BUILD)/obj/test/fuzz/replay.o $(FUZZ_LIBS)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/test/phases: $(call obj,test/status/phases.c) $(UNIT_HELP_LIB) $(CONTROLLER_LIB) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LDLIBS)

$(BUILD)/test/answers: $(call obj,test/alloc/answers.c) $(WEBHOOK_LIB) $(CERTS_LIB) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# As the controller, but for its code.
$(BUILD)/bench/empty: $(call obj,test/bench/empty.c)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ -Wl,--no-as-needed $(LDLIBS)
$(BUILD)/bench/limit: $(call obj,test/bench/limit.c test/bench/seen.c) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/bench/ceiling: $(call obj,test/bench/ceiling.c) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/bench/pieces: $(call obj,test/bench/pieces.c) $(WEBHOOK_LIB) $(CONTROLLER_LIB) $(CERTS_LIB) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/bench/load: $(call obj,test/bench/load.c) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ -lssl $(LDLIBS)

# Preloaded into programs that were built in any way: nothing of a sanitizer in it.
build/fail_alloc.so: test/alloc/fail_alloc.c
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CPPFLAGS) -std=c17 $(WARN) -O1 -g -fPIC -shared -o $@ $<

$(BUILD)/test/sim: $(call obj,$(SIM_SRC)) $(CONTROLLER_LIB) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

UNIT_WANTED := $(if $(ONLY),$(shell printf '%s\n' $(UNIT_TESTS) | grep -E '$(ONLY)'),$(UNIT_TESTS))
.PHONY: unit-binaries
unit-binaries: $(UNIT_WANTED)
.PHONY: fuzz-binaries fuzz-replays
fuzz-binaries: $(FUZZERS)
fuzz-replays: $(FUZZ_REPLAYS)

# ---- tests: a suite ends with "SUITE: N passed, N failed"; test/lib/run_all.py adds them up

JOBS := $(shell nproc 2>/dev/null || echo 1)
.PHONY: demo test test-unit test-threads test-alloc test-valgrind test-hardening test-sim test-status test-integration test-e2e lint scan cluster-up cluster-down image deps-test print-cppflags soak test-fire test-chaos test-mutants test-fuzz fuzz sim bench bench-webhook bench-pieces
SEEDS ?= 300
FROM  ?= 1

deps-test:
	@tools/deps.sh test

demo: deps-test ## the story with real kubectl on a local cluster; KEEP=1 leaves it up, CLUSTER=current takes yours
	@KEEP=$(KEEP) CLUSTER=$(CLUSTER) test/e2e/story.py --demo

test: deps-test ## unit, simulation, status, integration, chaos, end to end; ends with one line "N passed, N failed"
	@test/lib/run_all.py

test-unit: deps-test ## tables over the pure functions; ONLY=REGEX; SANITIZE=address,undefined as for all tests
	@$(MAKE) --no-print-directory -j$(JOBS) unit-binaries
	@test/lib/run_unit.py --suite "unit$(if $(SANITIZE), ($(SANITIZE)))" $(UNIT_WANTED)

ifeq ($(SIM_SRC),)
test-sim:
	@echo "skip simulation: test/sim holds no simulation yet"
	@echo "sim: 0 passed, 0 failed, 1 skipped"
else
test-sim: deps-test ## the controller in a simulated cluster with faults; SEEDS=300 FROM=1
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/test/sim
	@$(BUILD)/test/sim --jobs $(JOBS) --seeds $(SEEDS) --from $(FROM)
endif
sim: test-sim ## as test-sim, for long runs: SEEDS=n FROM=s

# Where there are threads: the server's, and those from which tests talk to us.
THREADED := (http|curl|probes|metrics|webhook_router)
test-threads: ## what has threads, under TSan (`make test-unit SANITIZE=thread`: everything)
	@$(MAKE) --no-print-directory SANITIZE=thread ONLY='test_$(THREADED)' test-unit

EACH ?= 0
T    ?= 0
test-alloc: deps-test ## allocations fail, one by one; EACH=N places of a program, T=N seconds (0: all of them, hours)
	@$(MAKE) --no-print-directory -j$(JOBS) build/fail_alloc.so $(BUILD)/test/answers $(BUILD)/test/sim unit-binaries
	@test/alloc/run.py --preload build/fail_alloc.so --each $(EACH) --seconds $(T) $(if $(ONLY),--only '$(ONLY)') \
	    --strict '$(BUILD)/test/answers FILE' --strict '$(BUILD)/test/sim --seed 5' $(UNIT_TESTS)

# Not under valgrind: what plays thousands of random cases, which takes minutes there and is done under ASan anyway.
SLOW     := %_random %_properties %_scale %_users %_rotation
VALGRIND := valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
            --track-fds=yes --suppressions=test/lib/valgrind.supp
test-valgrind: deps-test ## the unit suite and some seeds under memcheck; ONLY=REGEX
	@$(MAKE) --no-print-directory -j$(JOBS) unit-binaries $(BUILD)/test/sim
	@$(filter-out --track-fds=yes,$(VALGRIND)) $(BUILD)/test/sim --seeds 10
	@test/lib/run_unit.py --suite valgrind --under '$(VALGRIND)' $(filter-out $(SLOW),$(UNIT_WANTED))

test-hardening: all ## what compiler and linker must have put into the programs is there
	@test/hardening/check.py $(PROGRAMS)

test-fire: deps-test ## the webhook attacked: floods, slow and endless requests, smuggling, TLS scanners; ONLY=REGEX
	@SANITIZE=$(SANITIZE) test/fire/run.py $(if $(ONLY),--only '$(ONLY)')

test-mutants: deps-test ## mistakes put into the controller one at a time, each of which the simulation has to notice; ONLY=REGEX
	@test/mutants/run.py $(if $(ONLY),--only '$(ONLY)')

test-fuzz: deps-test ## every input that a fuzzer found worth keeping, or broke something with; SANITIZE as for all tests
	@$(MAKE) --no-print-directory -j$(JOBS) fuzz-replays
	@test/fuzz/run.py replay $(FUZZ_REPLAYS)

# Coverage needs its own instrumentation, so it has its own folder.
FUZZ_CC   ?= clang
FUZZ_BUILD = CC=$(FUZZ_CC) VARIANT=fuzz SANITIZE=fuzzer-no-link,address,undefined EXTRA_CFLAGS=-O2
fuzz: ## libFuzzer on each target for T seconds of CPU time (60); ONLY=REGEX
	@tools/deps.sh fuzz
	@$(MAKE) --no-print-directory -j$(JOBS) $(FUZZ_BUILD) fuzz-binaries
	@test/fuzz/run.py fuzz --seconds $(or $(T),60) $(if $(ONLY),--only '$(ONLY)') $(patsubst $(BUILD)/%,build/fuzz/%,$(FUZZERS))

test-status: deps-test ## what kstatus (Helm, Flux) and Argo CD make of the status in every phase; fetches their Go modules
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/test/phases
	@test/status/run.sh $(BUILD)/test/phases

test-integration: deps-test ## the programs against a real API server without nodes; ONLY=REGEX, K8S=1.30.14
	@SANITIZE=$(SANITIZE) test/integration/run.py $(if $(ONLY),--only '$(ONLY)')

test-chaos: deps-test ## the programs while all that they stand on is killed and disturbed; MINUTES=n for longer, SEED=s
	@test/chaos/run.py $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only '$(ONLY)')

test-e2e: deps-test ## the story as a test, on a real node (root)
	@SANITIZE=$(SANITIZE) test/e2e/story.py $(if $(ONLY),--only '$(ONLY)')

bench: ## goals and what was measured, beside the limit; ONLY=REGEX, SIZE=small|default|large, PEER=dir of OpenKruise's sources
	@tools/deps.sh bench
	@test/bench/run.py $(if $(ONLY),--only '$(ONLY)') $(if $(SIZE),--size $(SIZE)) $(if $(PEER),--peer '$(PEER)')

lint: ## clang-format, clang-tidy, cppcheck, shellcheck, layers, sizes, manifests
	@tools/deps.sh lint
	@.ci/lint

# Not in lint: clang-tidy runs the same analyzer there, with more of its checks. Without unix.Malloc, as in .clang-tidy.
scan: ## clang's static analyzer by itself (scan-build); minutes
	@tools/deps.sh lint
	@scan-build -o build/scan-report --status-bugs -disable-checker unix.Malloc \
	    $(MAKE) --no-print-directory -j$(JOBS) VARIANT=scan all

soak: deps-test ## both programs under load for MINUTES=30: memory flat, nothing left open; not part of `make test`
	@test/soak/run.py --minutes $(or $(MINUTES),30)

bench-webhook: deps-test ## the webhook side by side with a server that answers without a thought
	@test/bench/run.py --only webhook --no-docs

bench-pieces: deps-test ## the product's parts by themselves, and how many instructions they take
	@test/bench/run.py --only pieces --no-docs

cluster-up: deps-test ## a local Kubernetes to play with (NAME=dev), with a real node when root
	@test/cluster/cluster.sh up
	@if [ "$$(id -u)" = 0 ]; then test/cluster/cluster.sh node-up; else echo "no node: it needs root"; fi
	@echo 'use it with: eval "$$(test/cluster/cluster.sh env)"'

cluster-down: ## ends it
	@test/cluster/cluster.sh down

IMAGES := build/images
image: all ## both programs as image archives in build/images/, for docker load, ctr images import, skopeo
	@mkdir -p $(IMAGES)
	@for p in cloneset-webhook cloneset-controller; do \
	    test/cluster/mkimage.py add $(IMAGES)/store cloneset/$$p:$(VERSION) --with-libs --copy $(BUILD)/$$p:/$$p \
	        --user 65532:65532 --entrypoint "[\"/$$p\"]" >/dev/null && \
	    test/cluster/mkimage.py export $(IMAGES)/store cloneset/$$p:$(VERSION) $(IMAGES)/$$p.tar >/dev/null && \
	    echo "$(IMAGES)/$$p.tar holds cloneset/$$p:$(VERSION)" || exit 1; \
	done

# What the compiler is told, for clang-tidy.
print-cppflags:
	@echo '$(filter-out -DCS_VERSION=%,$(CPPFLAGS)) -std=c17'

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z0-9_-]*:.*## /{printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean: ## remove everything that was built
	rm -rf build

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
