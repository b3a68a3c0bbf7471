# outlierd: `make` builds build/outlierd, `make help` lists the targets.
BUILD   ?= build
PREFIX  ?= /usr/local
CC      ?= cc
VERSION := 0.1.0

PACKAGES := rdkafka hiredis jansson libcurl libmicrohttpd zlib
OPTIMIZE ?= -O2 -g
SANITIZE ?=
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
HARDEN   := $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong -fPIE
CPPFLAGS += -Idaemon/base -I. -D_GNU_SOURCE -DOUTLIERD_VERSION='"$(VERSION)"'
CFLAGS   += -std=c11 $(WARN) $(OPTIMIZE) -ffp-contract=off $(HARDEN) $(SANITIZE) $(shell pkg-config --cflags $(PACKAGES))
LDFLAGS  += -pie -Wl,-z,relro,-z,now $(SANITIZE)
LDLIBS   += $(shell pkg-config --libs $(PACKAGES)) -lm

FOLDERS  := daemon/base features detectors daemon daemon/pipeline daemon/io config daemon/cmd
SOURCES  := $(filter-out daemon/main.c,$(foreach folder,$(FOLDERS),$(sort $(wildcard $(folder)/*.c))))
OBJECTS  := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY  := $(BUILD)/liboutlierd.a
UNIT     := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard test/unit/test_*.c)))
TWINS    := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard test/twin/*.c)))
PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard test/integration/test_*.c)))
SIM      := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard test/sim/*.c)))
SIM_TWINS := $(addprefix $(BUILD)/test/twin/,features_twin.o model_sample.o forest_sample.o)
CHAOS    := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard test/chaos/*.c)))
COMMA    := ,
WRAPPED  := $(foreach name,malloc calloc realloc send recv close redis_socket_connect redis_socket_wait,-Wl$(COMMA)--wrap=$(name))
FAILING  := $(foreach name,malloc calloc realloc free strdup strndup fopen fdopen scandir regcomp curl_global_init,-Wl$(COMMA)--wrap=$(name))
BENCHES  := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard test/bench/bench_*.c)))

.PHONY: all deps deps-test demo test parity torture check-fast sim sim-long sim-mutants sim-coverage chaos unit integration-programs bench bench-latency bench-past bench-detector quality sklearn lint format asan install clean help
all: $(BUILD)/outlierd ## build build/outlierd

$(BUILD)/outlierd: $(BUILD)/daemon/main.o $(LIBRARY)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIBRARY): $(OBJECTS)
	@rm -f $@
	@$(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/test/unit/test_%: $(BUILD)/test/unit/test_%.o $(TWINS) $(LIBRARY)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lavro -lmpfr -lgmp

$(BUILD)/test/bench/bench_%: $(BUILD)/test/bench/bench_%.o $(TWINS) $(LIBRARY)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lavro

sim: $(BUILD)/sim ## 20,000 schedules of the simulator (SCHEDULES=N FROM=SEED)
	@$(BUILD)/sim --schedules $(or $(SCHEDULES),20000) --from $(or $(FROM),1) --jobs $$(nproc)

sim-long: $(BUILD)/sim ## a million schedules, resumable; totals in build/sim-long
	@test/tools/sim-long $(BUILD)/sim $(or $(SCHEDULES),1000000)

sim-mutants: ## every planted bug is caught by the simulator
	@test/tools/sim-mutants

sim-coverage: ## what of the pipeline the simulator runs through
	@test/tools/sim-coverage

$(BUILD)/sim: $(SIM) $(SIM_TWINS) $(LIBRARY)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) $(WRAPPED) -o $@ $^ $(LDLIBS)

deps: ## install what building and the demo need (apt)
	@test/tools/deps build

deps-test: ## install the rest: Java, Kafka, Redis, Python packages, linters
	@test/tools/deps test

integration-programs: all $(PROGRAMS) $(BUILD)/test/integration/canonical

torture: all $(BUILD)/test/integration/canonical ## N rounds (ROUNDS, SEED) of faults on real servers; sums in build/torture
	@.deps/venv/bin/python test/integration/torture.py --binary $(BUILD)/outlierd --canonical $(BUILD)/test/integration/canonical \
	  --rounds $(or $(ROUNDS),1) $(if $(SEED),--seed $(SEED)) --totals $(BUILD)/torture/totals.json

parity: all ## a million events through the daemon, the topic and a file: the same bits (EVENTS=N)
	@.deps/venv/bin/python test/integration/parity.py --binary $(BUILD)/outlierd --events $(or $(EVENTS),1000000)

demo: deps ## build, then watch events, alerts and reasons on an embedded broker
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@$(BUILD)/outlierd demo

test: deps-test ## everything: lint, unit tests (also under sanitizers), integration on real servers
	@test/tools/run-all

check-fast: lint unit ## lint and unit tests: a minute

$(BUILD)/test/integration/canonical: $(BUILD)/test/integration/canonical.o $(LIBRARY)
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/test/integration/test_%: $(BUILD)/test/integration/test_%.o $(LIBRARY)
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBRARY) $(LDLIBS)

$(BUILD)/test/unit/test_steady_state: LDFLAGS += $(foreach name,malloc calloc realloc,-Wl$(COMMA)--wrap=$(name))

$(BUILD)/test/integration/test_redis_model: $(BUILD)/test/sim/redis_model.o

$(BUILD)/test/integration/test_kafka_model: LDFLAGS += $(WRAPPED)
$(BUILD)/test/integration/test_kafka_model: $(filter-out %/main.o,$(SIM)) $(SIM_TWINS)

unit: $(UNIT)
	@test/tools/run-unit $(UNIT)

asan: ## unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory BUILD=build-asan OPTIMIZE="-O1 -g" \
	  SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer" unit

chaos: ## every allocation and every port call fails once, sanitized (FULL=1: all of them)
	@test/tools/run-chaos $(if $(FULL),--full)

$(BUILD)/test/chaos/chaos: $(CHAOS) $(TWINS) $(LIBRARY)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) $(FAILING) -o $@ $^ $(LDLIBS) -lavro

lint: all ## layers, globals, documentation, format, clang-tidy, module list
	@test/lint/run $(BUILD)

format: ## reformat all C
	@clang-format -i $(wildcard $(addsuffix /*.[ch],$(FOLDERS) test/unit test/twin test/bench test/integration test/sim test/chaos))

bench: $(BENCHES) all ## measure: decoder, state, forest, Redis, the whole path on real Kafka
	@test/bench/run $(BENCHES)

bench-latency: $(BENCHES) all ## measure from an event produced to its alert visible, idle and at half load
	@test/bench/bench_latency.sh $(BUILD)/test/bench/bench_path $(BUILD)/test/bench/bench_latency $(BUILD)/outlierd

bench-past: $(BENCHES) all ## replay and features --from beside the live path, over the same topic
	@test/bench/bench_past.sh $(BUILD)/outlierd $(BUILD)/test/bench/bench_path

bench-detector: $(BUILD)/test/bench/bench_detector ## the forest against scikit-learn, isotree and shap (the newest from PyPI)
	@test/tools/deps bench
	@.deps/peers/bin/python test/bench/bench_detector.py $<

sklearn: all ## what make test does with 1,000 random forests of scikit-learn and shap, with the newest of both from PyPI
	@test/tools/deps bench
	@.deps/peers/bin/python test/integration/sklearn_models.py --binary $(BUILD)/outlierd $(SKLEARN)

quality: all ## ROC-AUC and PR-AUC beside scikit-learn's, on public data
	@test/tools/deps bench
	@.deps/peers/bin/python test/bench/quality.py --binary $(BUILD)/outlierd --mlbench .deps/mlbench $(QUALITY)

install: all ## install into DESTDIR and PREFIX
	install -D -m 755 $(BUILD)/outlierd $(DESTDIR)$(PREFIX)/bin/outlierd
	install -D -m 644 docs/outlierd.1 $(DESTDIR)$(PREFIX)/share/man/man1/outlierd.1
	install -d $(DESTDIR)$(PREFIX)/share/doc/outlierd $(DESTDIR)$(PREFIX)/share/outlierd/schemas $(DESTDIR)/etc/outlierd/credentials
	cp -R README.md docs/*.md docs/examples $(DESTDIR)$(PREFIX)/share/doc/outlierd/
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/outlierd/tools tools/*.*
	install -m 644 schemas/* $(DESTDIR)$(PREFIX)/share/outlierd/schemas/
	install -d $(DESTDIR)/lib/systemd/system
	sed 's|/usr/bin/outlierd|$(PREFIX)/bin/outlierd|' systemd/outlierd@.service >$(DESTDIR)/lib/systemd/system/outlierd@.service

clean: ## remove what was built
	rm -rf build build-asan build-coverage

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

-include $(OBJECTS:.o=.d) $(BUILD)/daemon/main.d $(UNIT:=.d) $(PROGRAMS:=.d) $(BENCHES:=.d) $(TWINS:.o=.d) $(SIM:.o=.d) $(CHAOS:.o=.d)
.SECONDARY:
