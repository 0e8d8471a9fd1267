// What every unit test includes: cmocka, and asserts for our own values.
#pragma once

#include "core/error.h"
#include "core/str.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// The slice holds exactly the bytes of the C string.
#define check_str(got, want) check_slice((got), str_from(want))
// The same for a slice that may hold NUL.
#define check_slice(got, want) check_slice_at((got), (want), __FILE__, __LINE__)
static inline void check_slice_at(struct str got, struct str want, const char *file, int line)
{
    if (!str_eq(got, want)) {
        print_error("got  \"%.*s\"\nwant \"%.*s\"\n", STR_ARG(got), STR_ARG(want));
        _fail(file, line);
    }
}

// The text holds the part.
#define check_contains(text, part) check_contains_at((text), (part), __FILE__, __LINE__)
static inline void check_contains_at(const char *text, const char *part, const char *file, int line)
{
    if (!strstr(text, part)) {
        print_error("\"%s\"\ndoes not contain \"%s\"\n", text ? text : "(null)",
                    part ? part : "(null)");
        _fail(file, line);
    }
}

// Like assert_true, and says which row of a table failed.
#define check_row(condition, row) check_row_at((condition), #condition, (row), __FILE__, __LINE__)
static inline void check_row_at(bool ok, const char *what, const char *row, const char *file,
                                int line)
{
    if (!ok) {
        print_error("row \"%s\": not so: %s\n", row, what);
        _fail(file, line);
    }
}

// The function stops the program, as a broken invariant must. Runs in a child process.
#define check_aborts(fn) check_aborts_at((fn), #fn, __FILE__, __LINE__)
typedef void check_fn(void);
static inline void check_aborts_at(check_fn *fn, const char *name, const char *file, int line)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        // What the assert prints would look like a failure of the test.
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
        print_error("%s went on, status %d\n", name, status);
        _fail(file, line);
    }
}
