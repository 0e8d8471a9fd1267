// Settings declared once, in a table: parsing, validation, --help, JSON Schema and docs come from
// it.
//
// A program lays its settings out in a plain struct and gives one row per field. Values come, later
// ones winning, from the default, a file, the environment and the command line; each knows where it
// came from. Text values are borrowed from the arena given to settings_init. A secret is never
// printed. One owner thread.
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
    SET_LIST,  // struct setting_list; texts with commas between, and each further option or line
               // of a file adds to those before
};
struct setting_list {
    struct str *items;
    size_t n;
};
enum { SETTING_LIST_MAX = 64 };

struct setting {
    const char *name; // "base-url": option --base-url, environment PREFIX_BASE_URL
    enum setting_type type;
    size_t offset;        // offsetof in the program's struct
    const char *fallback; // default as text; NULL: none (the field stays zero)
    const char *choices;  // SET_ENUM
    double min, max;      // SET_INT, SET_FLOAT and SET_MS; both 0: unbounded
    bool secret;
    bool required;
    bool no_file;      // may not be set in a file
    const char *alias; // another name that is understood; NULL: none
    const char *arg;   // what --help calls the value: "URL"
    const char *help;  // one sentence
};

enum setting_source { SETTING_DEFAULT, SETTING_FILE, SETTING_ENVIRONMENT, SETTING_OPTION };

enum { SETTINGS_ROWS_MAX = 256 };

struct settings {
    const struct setting *rows;
    size_t n;
    const char *env_prefix; // "SLUICE"; NULL: no environment
    void *target;
    struct arena *arena;
    struct str file; // that was read; empty: none
    uint8_t source[SETTINGS_ROWS_MAX];
    uint32_t line[SETTINGS_ROWS_MAX]; // of the file
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
// Reads a file of `name = value` lines; what is empty or begins with '#' is none. Values of the
// environment and the command line, which have been read before, stay. Errors name file and line:
// CONFIG, also for a file that cannot be read.
bool settings_read_file(struct settings *s, struct str path, struct error *err) MUST_CHECK;
// One value of the named source; no-op when a stronger source has set it.
struct setting_origin {
    enum setting_source source;
    uint32_t line;
};
bool settings_offer(struct settings *s, struct str name, struct str value,
                    struct setting_origin origin, struct error *err) MUST_CHECK;
// After parsing: every required setting must be there.
bool settings_check(const struct settings *s, struct error *err) MUST_CHECK;
// Set by a file, the environment or the command line.
bool settings_given(const struct settings *s, const char *name);
// Where the value of row i came from: "default", "/etc/x.conf:3", "SLUICE_X", "--x". Into the arena
// of the settings.
struct str settings_origin(const struct settings *s, size_t i);
// The value of row i as text that would set it again; a secret is "***" unless it is empty.
struct str settings_value(const struct settings *s, size_t i);
// The option lines of --help.
void settings_help(const struct setting *rows, size_t n, FILE *out);
