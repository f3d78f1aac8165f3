# alphaloop: the only way to build, check, test, measure and generate.
#
#   make demo            everything on a fresh Debian machine: packages, build, private broker and database, worker, market
#   make test            every test there is
#   make check           the fast part: rooms, headers, format, stale files, unit, contract, scenario
#   make evidence        the edge of a simulated market is found, and none where there is none (4 minutes)
#   make pictures        docs/pictures/ anew, from a simulated market (make evidence says when they are stale)
#   make build           build/alphaloop alone
#   make lint            clang-tidy, cppcheck, shellcheck: two minutes of one core, and a part of make test
#   make bench           every figure beside its limit, into docs/benchmarks.md
#   make real-data       a back-test of every file of real market data, into docs/real-data.md (half an hour of one core)
#   make stack-up        a private broker and database, settings in var/stack.env;  make stack-down
#   make cover           line coverage of the unit, contract and scenario tests
#
#   SAN=asan|ubsan|tsan|asan,ubsan   builds into build-$(SAN)/ with these sanitizers;  CC=clang works everywhere
#   ONLY=word                        only the tests whose path contains the word
#
# The targets people type first run tools/setup, which installs what is missing, and then call make again: on a bare
# machine there is neither a compiler nor pkg-config when this file is read first.

MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL     := /bin/bash
SAN       ?=
ONLY      ?=
DATA      ?=
FUZZ_SECONDS ?= 10
comma     := ,
SANS      := $(subst $(comma), ,$(SAN))
ifeq ($(origin CC),default)
CC        := $(if $(filter fuzz,$(SANS)),clang,gcc)
endif
B         := build$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(filter clang%,$(CC)),$(if $(filter fuzz,$(SANS)),,-clang))

LIBS      := libuv librabbitmq libpq libmicrohttpd libsodium zlib libcurl
CPPFLAGS  := -Iinclude -D_GNU_SOURCE $(shell pkg-config --cflags $(LIBS) 2>/dev/null)
WARN      := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
SAN_asan  := -fsanitize=address
SAN_ubsan := -fsanitize=undefined -fno-sanitize-recover=all
SAN_tsan  := -fsanitize=thread
SAN_fuzz  := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
SAN_cover := --coverage
SANFLAGS  := $(foreach s,$(SANS),$(SAN_$(s)))
CFLAGS    := -std=c17 -g -O2 -ffp-contract=off -fno-omit-frame-pointer -fstack-protector-strong $(WARN) $(SANFLAGS)
LDFLAGS   := $(SANFLAGS)
LDLIBS    := $(shell pkg-config --libs $(LIBS) 2>/dev/null) -ldl -lm

SRC       := $(sort $(shell find src -name '*.c' ! -path src/main.c))
LIB       := $(B)/libalphaloop.a
PROGRAM   := $(B)/alphaloop
HARNESS   := $(B)/libharness.a
# Allocations of our own code go through tests/harness/alloc.c, which can be told to fail.
# -u takes it in where only a library behind it, as that of gcov, allocates.
WRAP      := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc -Wl,-u,__wrap_malloc
tests_in   = $(foreach d,$(1),$(patsubst %.c,$(B)/%,$(sort $(shell find tests/$(d) -name '*_test.c' -path '*$(ONLY)*' 2>/dev/null))))
QUICK     := unit contract scenario

.PHONY: build web lib unit contract scenario evidence check check-rooms check-headers check-symbols check-format check-stale check-asan check-ubsan \
        check-tsan check-integration check-fault fuzz fuzzers test test-programs bench bench-programs real-data pictures demo cover lint format generate \
        longest stack-up stack-down clean \
        lint-tidy lint-cppcheck lint-shell

build:
	@tools/setup build && $(MAKE) $(PROGRAM)

lib: $(LIB)

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(if $(filter tests/%,$<),-Itests) $(CFLAGS) -MMD -MP -c $< -o $@

# The migrations travel inside the program.
SQL := $(sort $(wildcard sql/*.sql))
$(B)/gen/migrations.c: tools/embed_sql $(SQL)
	@mkdir -p $(@D)
	tools/embed_sql $(SQL) >$@.tmp && mv $@.tmp $@

$(B)/obj/gen/migrations.o: $(B)/gen/migrations.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# So do the files of the pages: our own, and those of others that a browser loads.
WEB := $(sort $(wildcard web/*.html web/*.css web/*.js)) $(filter %.css %.js,$(sort $(wildcard web/vendor/*/*)))
$(B)/gen/web.S: tools/embed_web $(WEB)
	@mkdir -p $(@D)
	tools/embed_web $(WEB) >$@.tmp && mv $@.tmp $@

$(B)/obj/gen/web.o: $(B)/gen/web.S
	@mkdir -p $(@D)
	$(CC) -c $< -o $@

$(LIB): $(SRC:%.c=$(B)/obj/%.o) $(B)/obj/gen/migrations.o $(B)/obj/gen/web.o
	@rm -f $@
	ar qcs $@ $^

$(PROGRAM): $(B)/obj/src/main.o $(LIB)
	$(CC) $(LDFLAGS) $< $(LIB) $(LDLIBS) -o $@

$(HARNESS): $(patsubst %.c,$(B)/obj/%.o,$(sort $(wildcard tests/harness/*.c)))
	@rm -f $@
	ar qcs $@ $^

# A test is one file, tests/<kind>/.../<noun>_test.c, linked against the whole library, the harness and cmocka.
$(B)/tests/%_test: tests/%_test.c $(HARNESS) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -MMD -MP $< $(LDFLAGS) $(WRAP) -Wl,--start-group $(HARNESS) $(LIB) -Wl,--end-group $(LDLIBS) -lcmocka -ljson-c -o $@

# One program looks ahead, to see that a backtest finds it.
$(B)/tests/unit/app/backtest_peek_test: WRAP += -Wl,--wrap=indicator_mid_return,--wrap=source_open_files,--wrap=source_poison

# A helper gives Python tests some part of the library over pipes.
$(B)/tests/helper/%: tests/helper/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $< $(LIB) $(LDFLAGS) $(LDLIBS) -o $@

# The pictures of the documents come from a market that the harness plays.
PICTURES  := $(B)/tests/pictures/learning_pictures
$(PICTURES): $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/pictures/*.c)) $(HARNESS) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(filter %.o,$^) $(LDFLAGS) $(WRAP) -Wl,--start-group $(HARNESS) $(LIB) -Wl,--end-group $(LDLIBS) -lcmocka -ljson-c -o $@

$(B)/tests/fuzz/pipeline_fuzz: tests/harness/model_folder.c tests/harness/learnable.c
$(B)/tests/fuzz/%: tests/fuzz/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -MMD -MP $(filter %.c,$^) $(LIB) $(LDFLAGS) -fsanitize=fuzzer $(LDLIBS) -o $@

$(B)/bench/%: bench/%.c bench/bench.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $(filter %.c,$^) $(LIB) $(LDFLAGS) $(LDLIBS) -o $@

# tools/run-tests builds and runs: its arguments are directories of tests/, or static, or fuzz.
KIND ?= $(QUICK)
HELPERS := $(patsubst %.c,$(B)/%,$(wildcard tests/helper/*.c))
test-programs: $(PROGRAM) $(HELPERS) $(call tests_in,$(KIND)) $(if $(filter evidence,$(KIND)),$(PICTURES))
fuzzers: $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/*_fuzz.c))

RUN = tools/setup build test && SAN=$(SAN) ONLY=$(ONLY) FUZZ_SECONDS=$(FUZZ_SECONDS) tools/run-tests
unit contract scenario evidence:
	@$(RUN) $@
check-integration:
	@$(RUN) integration
check-fault:
	@$(RUN) fault
check-asan check-ubsan check-tsan:
	@SAN=$(@:check-%=%) && $(RUN:SAN=%=SAN=$$SAN) $(QUICK)
fuzz:
	@$(RUN) fuzz
check:
	@tools/setup build test lint && $(RUN) static $(QUICK)
test:
	@tools/setup && tools/run-tests --all

check-rooms:
	@awk -f tools/check-rooms src/ROOMS $$(find src include/alphaloop -name '*.[ch]')
check-headers:
	@find include -name '*.h' | xargs -P 2 -I{} $(CC) $(CPPFLAGS) $(CFLAGS) -fsyntax-only -x c {}
# Two rooms must not define the same name: the linker would take either.
check-symbols: $(LIB)
	@! nm -A -g --defined-only $(LIB) | awk '{ if (seen[$$NF]++) { print $$NF ": defined twice"; bad = 1 } } END { exit !bad }'
check-format:
	@find src include tests bench -name '*.[ch]' | xargs clang-format --dry-run -Werror
format:
	@find src include tests bench -name '*.[ch]' | xargs clang-format -i
generate: $(PROGRAM)
	@tools/generate $(PROGRAM)
check-stale: $(PROGRAM)
	@tools/generate --check $(PROGRAM)

lint:
	@tools/setup build lint && $(MAKE) -k -j2 lint-tidy lint-cppcheck lint-shell
lint-tidy: $(SRC:%=%.tidy) src/main.c.tidy
%.c.tidy:
	@clang-tidy --quiet $*.c -- $(CPPFLAGS) -std=c17 $(if $(filter src/base/err,$*),,-include tools/lint.h) 2> >(grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -' >&2)
lint-cppcheck:
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	    --suppress=missingIncludeSystem --suppress=assertWithSideEffect --suppress=autoVariables -Iinclude -D_GNU_SOURCE src
lint-shell:
	@grep -lE '^#!/bin/(ba)?sh' tools/* .ci/run bench/* $$(find tests -name '*.sh') 2>/dev/null | xargs shellcheck
cover:
	@$(MAKE) $(QUICK) SAN=cover && tools/cover build-cover
bench:
	@tools/setup build run test && $(MAKE) -s bench-programs && tools/bench $(FIGURES)
bench-programs: $(PROGRAM) $(patsubst %.c,$(B)/%,$(filter-out bench/bench.c,$(wildcard bench/*.c)))
pictures:
	@tools/setup build run test && $(MAKE) -s $(PICTURES) && mkdir -p docs/pictures && $(PICTURES) docs/pictures
web:
	@tools/web
real-data:
	@tools/setup build run && $(MAKE) -s $(PROGRAM) && BUILD_DIR=$(B) tools/real-data
demo:
	@tools/setup build run && $(MAKE) -s $(PROGRAM) && DATA="$(DATA)" tools/demo
stack-up:
	@tools/setup run && tools/stack up
stack-down:
	@tools/stack down

# The longest functions, to look at, not to forbid.
longest:
	@awk 'FNR == 1 { start = 0 } /^[a-z].*[^;]$$/ { name = $$0 } /^{/ { start = FNR } \
	      /^}/ { if (start) print FNR - start - 1, FILENAME ":" start, name; start = 0 }' $(SRC) src/main.c | sort -rn | head -n 30

clean:
	rm -rf build build-*

-include $(shell find $(B) -name '*.d' 2>/dev/null)
