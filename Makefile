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
            -Wundef -Wpointer-arith -Wcast-qual -Wnull-dereference -Wimplicit-fallthrough -Wdeclaration-after-statement
WARN     := $(filter-out -Wdeclaration-after-statement,$(WARN))
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fPIE -fcf-protection -fno-strict-overflow
LDHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed -Wl,--gc-sections
ifneq ($(SANITIZE),)
OPT      := -O1 -g -fno-omit-frame-pointer
SANFLAGS := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
else
HARDEN   += -D_FORTIFY_SOURCE=3 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
HARDEN   := $(filter-out -D_FORTIFY_SOURCE=3,$(HARDEN)) -D_FORTIFY_SOURCE=3
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
UNIT_HELP_SRC  := $(filter-out $(UNIT_SRC),$(wildcard test/unit/*.c)) test/sim/sim_json.c # what several of them use

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
COMMON_LIB     := $(BUILD)/libcommon.a
CERTS_LIB      := $(BUILD)/libcerts.a
WEBHOOK_LIB    := $(BUILD)/libwebhook.a
CONTROLLER_LIB := $(BUILD)/libcontroller.a
UNIT_HELP_LIB  := $(BUILD)/libunithelp.a
PROGRAMS       := $(BUILD)/cloneset-webhook $(BUILD)/cloneset-controller
UNIT_TESTS     := $(patsubst test/unit/%.c,$(BUILD)/test/unit/%,$(UNIT_SRC))

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

$(BUILD)/test/phases: $(call obj,test/status/phases.c) $(UNIT_HELP_LIB) $(CONTROLLER_LIB) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LDLIBS)

$(BUILD)/test/sim: $(call obj,$(SIM_SRC)) $(CONTROLLER_LIB) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

.PHONY: unit-binaries
unit-binaries: $(UNIT_TESTS)

# ---- tests: a suite ends with "SUITE: N passed, N failed"; test/lib/run_all.py adds them up

JOBS := $(shell nproc 2>/dev/null || echo 1)
SEEDS ?= 300
FROM  ?= 1
.PHONY: demo test test-unit test-sim sim test-status test-integration test-e2e lint cluster-up cluster-down image deps-test print-cppflags

deps-test:
	@tools/deps.sh test

demo: deps-test ## the story with real kubectl on a local cluster; KEEP=1 leaves it up, CLUSTER=current takes yours
	@KEEP=$(KEEP) CLUSTER=$(CLUSTER) test/e2e/story.py --demo

test: deps-test ## unit, simulation, status, integration, end to end; ends with one line "N passed, N failed"
	@test/lib/run_all.py

test-unit: deps-test ## tables over the pure functions; SANITIZE=address,undefined as for all tests
	@$(MAKE) --no-print-directory -j$(JOBS) unit-binaries
	@test/lib/run_unit.py --suite "unit$(if $(SANITIZE), ($(SANITIZE)))" $(UNIT_TESTS)

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

test-status: deps-test ## what kstatus (Helm, Flux) and Argo CD make of the status in every phase; fetches their Go modules
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/test/phases
	@test/status/run.sh $(BUILD)/test/phases

test-integration: deps-test ## the programs against a real API server without nodes; ONLY=REGEX, K8S=1.30.14
	@SANITIZE=$(SANITIZE) test/integration/run.py $(if $(ONLY),--only '$(ONLY)')

test-e2e: deps-test ## the story as a test, on a real node (root)
	@SANITIZE=$(SANITIZE) test/e2e/story.py $(if $(ONLY),--only '$(ONLY)')

lint: ## clang-format, clang-tidy, shellcheck, layers, sizes, manifests
	@tools/deps.sh lint
	@.ci/lint

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
