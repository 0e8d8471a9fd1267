// The verbs of the sluice program. Each takes the arguments behind its own word and returns the
// exit code.
#pragma once

#include "core/log.h"
#include "core/settings.h"

struct cli {
    const struct clock *clock;
    struct arena *arena; // lives as long as the program
};

struct verb {
    const char *name;
    const char *usage;   // what follows the name
    const char *summary; // one sentence
    const struct setting *settings;
    size_t n_settings;
    const char *notes; // shown under the options; may be NULL
    int (*run)(const struct cli *cli, int argc, char **argv);
};

// All verbs; the table behind dispatch, --help and completions.
const struct verb *verbs(size_t *ret_n);
const struct verb *verb_find(struct str name);

int cli_sync(const struct cli *cli, int argc, char **argv);
int cli_streams(const struct cli *cli, int argc, char **argv);
int cli_doctor(const struct cli *cli, int argc, char **argv);
int cli_api(const struct cli *cli, int argc, char **argv);
int cli_endpoints(const struct cli *cli, int argc, char **argv);
int cli_requests(const struct cli *cli, int argc, char **argv);
int cli_serve(const struct cli *cli, int argc, char **argv);
int cli_worker(const struct cli *cli, int argc, char **argv);
int cli_config(const struct cli *cli, int argc, char **argv);
int cli_version(const struct cli *cli, int argc, char **argv);
int cli_completions(const struct cli *cli, int argc, char **argv);

// Dispatches argv[1]; prints help for none, "help", --help.
int cli_main(const struct cli *cli, int argc, char **argv);
void cli_help_verb(const struct verb *v, FILE *out);

// Prints "sluice: message" and the hint of its code to standard error; returns the code's exit
// code.
int cli_fail(const struct error *err);
// What a verb was given.
enum { CLI_WORDS_MAX = 8 };
struct cli_args {
    struct str words[CLI_WORDS_MAX]; // what is not an option
    size_t n_words;
    int exit_code;         // when the verb should end: 0 after --help, 2 for wrong arguments
    struct settings table; // with the source of each value
};
// Reads a verb's arguments; options go into `target`, laid out as the verb's settings say. False
// when the verb should end.
bool cli_parse(const struct cli *cli, const char *verb, int argc, char **argv, void *target,
               struct cli_args *ret);
