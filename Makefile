# A thin front over Meson: `make help` lists what it can do.
BUILD ?= build
PREFIX ?= /usr/local
SETUP := scripts/setup.sh
MESON_FLAGS ?=

# Each build directory is configured once; Meson notices later changes by itself.
configure = @[ -f $(1)/build.ninja ] || meson setup $(1) --prefix=$(PREFIX) $(MESON_FLAGS) $(2) >$(1).log 2>&1 || \
	{ cat $(1).log >&2; rm -f $(1).log; exit 1; }; rm -f $(1).log

# A PREFIX given to `make install` holds although the build directory was configured with another one.
prefix_is = python3 -c 'import json, sys; options = json.load(open(sys.argv[1] + "/meson-info/intro-buildoptions.json")); \
	sys.exit(not any(o["name"] == "prefix" and o["value"] == sys.argv[2] for o in options))'

.PHONY: all
all: ## build everything into build/
	@$(SETUP) build
	$(call configure,$(BUILD),)
	@ninja -C $(BUILD)

.PHONY: demo
demo: ## install what is missing, build, and tell the story: a server, its REST API, HubSpot simulated
	@$(SETUP) build demo
	$(call configure,$(BUILD),)
	@ninja -C $(BUILD) --quiet
	@scripts/demo.sh $(BUILD)

.PHONY: test
test: ## install what is missing, build, and run every test
	@$(SETUP) build test
	$(call configure,$(BUILD),)
	@ninja -C $(BUILD) --quiet
	@scripts/test.sh $(BUILD)

.PHONY: lint
lint: ## the quick gates: format, layering, sizes, banned functions, globals (no build)
	@$(SETUP) check
	@scripts/lint.sh

.PHONY: check
check: lint tidy ## every gate: lint and clang-tidy

.PHONY: tidy
tidy: ## clang-tidy, two files at a time; what has not changed is not read again
	@$(SETUP) build check
	$(call configure,build-clang,--native-file scripts/clang.ini -Dwerror=true)
	@scripts/tidy.sh build-clang

.PHONY: bench
bench: ## measure; prints a table and writes bench/out/results.json
	@$(SETUP) build test
	$(call configure,$(BUILD),)
	@ninja -C $(BUILD) --quiet
	@bench/run $(BUILD)

.PHONY: clang
clang: ## build with clang and warnings as errors into build-clang/
	@$(SETUP) build check
	$(call configure,build-clang,--native-file scripts/clang.ini -Dwerror=true)
	@ninja -C build-clang --quiet

.PHONY: asan
asan: ## unit tests and an end-to-end smoke test with the address and undefined-behaviour sanitizers
	@$(SETUP) build test
	$(call configure,build-asan,-Db_sanitize=address$(comma)undefined -Dbuildtype=debugoptimized)
	@ninja -C build-asan --quiet
	@scripts/test.sh build-asan unit smoke

.PHONY: tsan
tsan: ## unit tests with the thread sanitizer
	@$(SETUP) build test
	$(call configure,build-tsan,-Db_sanitize=thread -Dbuildtype=debugoptimized)
	@ninja -C build-tsan --quiet
	@scripts/test.sh build-tsan unit

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZ_SECONDS (20)
	@$(SETUP) build check
	$(call configure,build-fuzz,--native-file scripts/clang-fuzz.ini -Dfuzz=true -Dbuildtype=debugoptimized)
	@ninja -C build-fuzz --quiet fuzz
	@scripts/fuzz.sh build-fuzz

.PHONY: install
install: all ## install sluice, hubsim, the man page and documents under PREFIX (and DESTDIR)
ifneq ($(origin PREFIX),file)
	@$(prefix_is) $(BUILD) '$(PREFIX)' || { meson configure $(BUILD) '-Dprefix=$(PREFIX)' && ninja -C $(BUILD) --quiet; }
endif
	@meson install -C $(BUILD) --no-rebuild

.PHONY: clean
clean: ## remove what was built
	rm -rf build build-clang build-asan build-tsan build-fuzz demo bench/out

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/    make \1\t\2/p' Makefile | expand -t 20

comma := ,
