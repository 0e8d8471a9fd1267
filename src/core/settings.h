// Settings declared once, in a table: parsing, validation, --help, JSON Schema and docs come from
// it.
//
// A program lays its settings out in a plain struct and gives one row per field. Values come, later
// ones winning, from the default, the environment and the command line. Text values are borrowed
// from the arena given to settings_init. A secret is never printed. One owner thread.
#pragma once

#include "core/arena.h"
#include "core/error.h"

enum setting_type {
    SET_STR,   // struct str
    SET_INT,   // int64_t, min..max
    SET_FLOAT, // double, fmin..fmax
    SET_BOOL,  // bool; on the command line `--flag` or `--flag=false`
    SET_MS,    // int64_t milliseconds; "250ms" "5s" "30m" "1h" "2d", a bare number is seconds
    SET_DATE,  // int64_t ms since the epoch; ISO 8601 date or timestamp
    SET_ENUM,  // struct str, one of `choices` ("a|b|c")
};

struct setting {
    const char *name; // "base-url": option --base-url, environment PREFIX_BASE_URL
    enum setting_type type;
    size_t offset;        // offsetof in the program's struct
    const char *fallback; // default as text; NULL: none (the field stays zero)
    const char *choices;  // SET_ENUM
    double min, max;      // SET_INT, SET_FLOAT and SET_MS; both 0: unbounded
    bool secret;
    bool required;
    const char *arg;  // what --help calls the value: "URL"
    const char *help; // one sentence
};

struct settings {
    const struct setting *rows;
    size_t n;
    const char *env_prefix; // "SLUICE"; NULL: no environment
    void *target;
    struct arena *arena;
    uint64_t given[4]; // bit per row: set by environment or command line (at most 256 rows)
};

// Fills defaults, then the environment.
bool settings_init(struct settings *s, const struct setting *rows, size_t n, const char *env_prefix,
                   void *target, struct arena *arena, struct error *err) MUST_CHECK;
// Sets one by name; the error names setting, value (unless secret), rule.
bool settings_set(struct settings *s, struct str name, struct str value,
                  struct error *err) MUST_CHECK;
// Reads argv[1..]: --name value, --name=value, --flag, and plain words into `words` (at most
// max_words).
// "--" ends options. An unknown option's error proposes the nearest name.
bool settings_parse_args(struct settings *s, int argc, char **argv, struct str *words,
                         size_t max_words, size_t *ret_words, struct error *err) MUST_CHECK;
// After parsing: every required setting must be there.
bool settings_check(const struct settings *s, struct error *err) MUST_CHECK;
bool settings_given(const struct settings *s, const char *name);
// The option lines of --help.
void settings_help(const struct setting *rows, size_t n, FILE *out);
