// Compiler attributes and small macros used everywhere. Includes nothing of ours but banned.h.
#pragma once

#include "core/banned.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The result must be looked at: every fallible function carries it.
#define MUST_CHECK __attribute__((warn_unused_result))
// printf-style checking; `fmt` and `args` are 1-based parameter numbers.
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
// Runs `fn(&variable)` when the variable leaves its scope.
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define NORETURN    __attribute__((noreturn))
#define UNUSED      __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

// Asserts stay on in release builds: a broken invariant stops the program before it can harm data.
#ifdef NDEBUG
#error "sluice is built with assertions on"
#endif
