// The small verbs: streams, version, completions.
#include "cli/remote_verbs.h"
#include "data/json_writer.h"
#include "source/hubspot/source_hubspot.h"

#include <curl/curl.h>

static void streams_json(const struct source_stream_info *all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct buf out;
        struct json_writer w;
        buf_init(&out, 64 * 1024);
        json_writer_init(&w, &out);
        json_begin_object(&w);
        json_field_str(&w, "name", str_from(all[i].name));
        json_field_str(&w, "table", str_from(all[i].table));
        json_field_str(&w, "scope", str_from(all[i].scope));
        json_field_str(&w, "description", str_from(all[i].description));
        json_key(&w, STR("needs"));
        json_begin_array(&w);
        for (size_t k = 0; all[i].needs[k]; k++) {
            json_put_str(&w, str_from(all[i].needs[k]));
        }
        json_end_array(&w);
        json_end_object(&w);
        printf("%s\n", buf_cstr(&out));
        buf_done(&out);
    }
}

int cli_streams(const struct cli *cli, int argc, char **argv)
{
    struct remote_options options = {.last = 0};
    struct cli_args args;
    if (!cli_parse(cli, "streams", argc, argv, &options, &args)) {
        return args.exit_code;
    }
    if (options.remote.server.len > 0) {
        return remote_verb_run(&(struct remote_verb){cli, "streams", &options, &args});
    }
    if (args.n_words > 0) {
        struct error err;
        error_set(&err, ERR_USAGE,
                  "streams takes words only with --server (or SLUICE_SERVER): what a server loads");
        return cli_fail(&err);
    }
    size_t n = 0;
    const struct source_stream_info *all = source_hubspot_streams(&n);
    if (options.remote.json) {
        streams_json(all, n);
        return 0;
    }
    printf("%-20s %-26s %-44s %s\n", "stream", "table", "scope", "what");
    for (size_t i = 0; i < n; i++) {
        printf("%-20s %-26s %-44s %s\n", all[i].name, all[i].table, all[i].scope,
               all[i].description);
    }
    return 0;
}

int cli_version(const struct cli *cli, int argc, char **argv)
{
    struct cli_args args;
    char nothing = 0;
    if (!cli_parse(cli, "version", argc, argv, &nothing, &args)) {
        return args.exit_code;
    }
    printf("sluice %s\n%s\n", SLUICE_VERSION, curl_version());
    return 0;
}

static void words_of_verb(const struct verb *v, const char *prefix, const char *between)
{
    for (size_t i = 0; i < v->n_settings; i++) {
        printf("%s%s%s", i ? between : "", prefix, v->settings[i].name);
    }
}

static void complete_bash(void)
{
    size_t n = 0;
    const struct verb *all = verbs(&n);
    printf("_sluice() {\n    local cur=${COMP_WORDS[COMP_CWORD]}\n    local words\n"
           "    case \"${COMP_WORDS[1]}\" in\n");
    for (size_t i = 0; i < n; i++) {
        printf("    %s) words=\"%s", all[i].name,
               strcmp(all[i].name, "sync") == 0 ? "hubspot " : "");
        words_of_verb(&all[i], "--", " ");
        printf(" --help\" ;;\n");
    }
    printf("    esac\n    if [ \"$COMP_CWORD\" -eq 1 ]; then words=\"");
    for (size_t i = 0; i < n; i++) {
        printf("%s%s", i ? " " : "", all[i].name);
    }
    printf("\"; fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -F _sluice "
           "sluice\n");
}

static void complete_zsh(void)
{
    printf("#compdef sluice\nautoload -U +X bashcompinit && bashcompinit\n");
    complete_bash();
}

static void complete_fish(void)
{
    size_t n = 0;
    const struct verb *all = verbs(&n);
    for (size_t i = 0; i < n; i++) {
        printf("complete -c sluice -f -n __fish_use_subcommand -a %s -d '%s'\n", all[i].name,
               all[i].summary);
        for (size_t k = 0; k < all[i].n_settings; k++) {
            printf("complete -c sluice -n '__fish_seen_subcommand_from %s' -l %s\n", all[i].name,
                   all[i].settings[k].name);
        }
    }
}

int cli_completions(const struct cli *cli, int argc, char **argv)
{
    static const struct {
        const char *shell;
        void (*print)(void);
    } SHELLS[] = {{"bash", complete_bash}, {"zsh", complete_zsh}, {"fish", complete_fish}};
    struct cli_args args;
    char nothing = 0;
    if (!cli_parse(cli, "completions", argc, argv, &nothing, &args)) {
        return args.exit_code;
    }
    for (size_t i = 0; i < ARRAY_LEN(SHELLS); i++) {
        if (args.n_words == 1 && str_eq(args.words[0], str_from(SHELLS[i].shell))) {
            SHELLS[i].print();
            return 0;
        }
    }
    struct error err;
    error_set(&err, ERR_USAGE, "which shell? write: sluice completions bash, zsh or fish");
    return cli_fail(&err);
}
