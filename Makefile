# alphaloop: the only way to build, check, test, measure and generate.
#
#   make demo            everything on a fresh Debian machine: packages, build, private broker and database, worker, market
#   make test            every test there is
#   make check           the fast part: format, rooms, headers, unit, contract, scenario
#   make build           build/alphaloop alone
#   SAN=asan|ubsan|tsan  builds into build-$(SAN)/ with that sanitizer;  CC=clang works everywhere

MAKEFLAGS += --no-builtin-rules
SHELL     := /bin/bash
CC        ?= gcc
ifeq ($(origin CC),default)
CC        := gcc
endif
SAN       ?=
comma     := ,
B         := build$(if $(SAN),-$(SAN))$(if $(filter clang%,$(CC)),-clang)

LIBS      := libuv librabbitmq libpq json-c libmicrohttpd libsodium zlib libcurl
CPPFLAGS  := -Iinclude -D_GNU_SOURCE $(shell pkg-config --cflags $(LIBS) 2>/dev/null)
WARN      := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
SANFLAGS  := $(if $(filter asan,$(SAN)),-fsanitize=address) $(if $(filter ubsan,$(SAN)),-fsanitize=undefined -fno-sanitize-recover=all) $(if $(filter tsan,$(SAN)),-fsanitize=thread)
CFLAGS    := -std=c17 -g -O2 -ffp-contract=off -fno-omit-frame-pointer -fstack-protector-strong $(WARN) $(SANFLAGS)
LDFLAGS   := $(SANFLAGS)
LDLIBS    := $(shell pkg-config --libs $(LIBS) 2>/dev/null) -ldl -lm

SRC       := $(sort $(shell find src -name '*.c' ! -path src/main.c 2>/dev/null))
OBJ       := $(SRC:%.c=$(B)/obj/%.o)
LIB       := $(B)/libalphaloop.a
PROGRAM   := $(B)/alphaloop
UNIT_SRC  := $(sort $(shell find tests/unit tests/contract -name '*_test.c' 2>/dev/null))
UNIT      := $(UNIT_SRC:%.c=$(B)/%)

.PHONY: build lib unit check-rooms clean
build: $(PROGRAM)
lib: $(LIB)

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(LIB): $(OBJ)
	@rm -f $@
	ar rcs $@ $(OBJ)

$(PROGRAM): $(B)/obj/src/main.o $(LIB)
	$(CC) $(LDFLAGS) $< $(LIB) $(LDLIBS) -o $@

# A unit test is one file: tests/unit/<room>/<noun>_test.c, linked against the whole library and cmocka.
$(B)/tests/%: tests/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -MMD -MP $< $(LIB) $(LDFLAGS) $(LDLIBS) -lcmocka -o $@

unit: $(UNIT)
	@failed=0; for t in $(UNIT); do $$t || failed=1; done; exit $$failed

clean:
	rm -rf build build-*

-include $(shell find $(B) -name '*.d' 2>/dev/null)
