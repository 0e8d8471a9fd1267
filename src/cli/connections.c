// sluice connections and sluice keys: what is stored, and with which key.
#include "cli/login.h"
#include "cli/progress.h"
#include "data/json_writer.h"

#include <signal.h>

#define FIELD(f) (offsetof(struct connections_settings, place) + offsetof(struct place_settings, f))
const struct setting CONNECTIONS_SETTINGS[CONNECTIONS_SETTINGS_N] = {
    {.name = "json",
     .type = SET_BOOL,
     .offset = offsetof(struct connections_settings, json),
     .help = "Print one JSON object per connection."},
#include "cli/connection_settings.def"
};
#undef FIELD
#define FIELD(f) (offsetof(struct keys_settings, place) + offsetof(struct place_settings, f))
const struct setting KEYS_SETTINGS[KEYS_SETTINGS_N] = {
#include "cli/connection_settings.def"
};

static size_t count_words(struct str list)
{
    struct str word;
    size_t n = 0;
    while (str_next(&list, ' ', &word)) {
        n += word.len > 0;
    }
    return n;
}

static void print_json(const struct connection *c)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, 256 * 1024);
    json_writer_init(&w, &out);
    json_begin_object(&w);
    json_field_str(&w, "name", c->name);
    json_field_str(&w, "kind", str_from(connection_kind_name(c->kind)));
    json_field_str(&w, "state", str_from(connection_state_name(c->state)));
    json_field_int(&w, "portal_id", c->portal_id);
    json_field_str(&w, "client_id", c->client_id);
    json_field_str(&w, "base_url", c->base_url);
    json_field_str(&w, "user", c->user);
    json_key(&w, STR("scopes"));
    json_begin_array(&w);
    struct str rest = c->scopes;
    struct str word;
    while (str_next(&rest, ' ', &word)) {
        json_put_str(&w, word);
    }
    json_end_array(&w);
    json_field_int(&w, "issued_ms", c->issued_ms);
    json_field_int(&w, "expires_ms", c->expires_ms);
    json_field_int(&w, "created_ms", c->created_ms);
    json_field_int(&w, "updated_ms", c->updated_ms);
    json_end_object(&w);
    printf("%s\n", buf_cstr(&out));
    buf_done(&out);
}

// Of the access token; sluice renews it by itself.
static const char *expiry_text(const struct connection *c, int64_t now_ms, char out[64])
{
    char time[COUNT_TEXT_MAX];
    if (c->kind == CONNECTION_TOKEN) {
        return "never";
    }
    if (c->expires_ms <= now_ms) {
        return "renewed at need";
    }
    snprintf(out, 64, "in %s", duration_text(c->expires_ms - now_ms, time));
    return out;
}

static void print_table(const struct connection *all, size_t n, int64_t now_ms)
{
    printf("%-20s %-6s %12s %7s %-22s %s\n", "connection", "kind", "account", "scopes", "state",
           "token ends");
    for (size_t i = 0; i < n; i++) {
        char text[64];
        printf("%-20.*s %-6s %12lld %7zu %-22s %s\n", STR_ARG(all[i].name),
               connection_kind_name(all[i].kind), (long long)all[i].portal_id,
               count_words(all[i].scopes), connection_state_name(all[i].state),
               expiry_text(&all[i], now_ms, text));
    }
}

int cli_connections(const struct cli *cli, int argc, char **argv)
{
    struct connections_settings s = {0};
    struct cli_args args;
    struct error err;
    struct store *store = NULL;
    struct connection *all = NULL;
    size_t n = 0;
    if (!cli_parse(cli, "connections", argc, argv, &s, &args)) {
        return args.exit_code;
    }
    struct store_options where = {.directory = s.place.data_dir, .clock = cli->clock};
    bool ok = (args.n_words == 0 || error_set(&err, ERR_USAGE, "connections takes no words")) &&
              store_open(&where, &store, &err) &&
              (!store || connection_list(store, cli->arena, &all, &n, &err));
    for (size_t i = 0; ok && s.json && i < n; i++) {
        print_json(&all[i]);
    }
    if (ok && !s.json && n > 0) {
        print_table(all, n, clock_now_ms(cli->clock));
    } else if (ok && !s.json) {
        printf("There is no connection yet. Make one: sluice login hubspot\n");
    }
    store_close(store);
    return ok ? 0 : cli_fail(&err);
}

static bool rotate(struct store *store, const struct keys_settings *s, struct error *err)
{
    struct sealing *sealing = NULL;
    size_t rows = 0;
    bool ok = sealing_open(&(struct sealing_options){store, s->place.key_file}, &sealing, err) &&
              sealing_rotate(sealing, &rows, err);
    if (ok) {
        printf("%zu secrets are now sealed with key %s.\n", rows, sealing_key_id(sealing));
    }
    sealing_close(sealing);
    return ok;
}

int cli_keys(const struct cli *cli, int argc, char **argv)
{
    struct keys_settings s = {0};
    struct cli_args args;
    struct error err;
    struct store *store = NULL;
    if (!cli_parse(cli, "keys", argc, argv, &s, &args)) {
        return args.exit_code;
    }
    signal(SIGXFSZ, SIG_IGN); // a file at its size limit is a full disk
    struct store_options where = {.directory = s.place.data_dir, .clock = cli->clock};
    bool ok =
        ((args.n_words == 1 && str_eq(args.words[0], STR("rotate"))) ||
         error_set(&err, ERR_USAGE, "what about the keys? write: sluice keys rotate")) &&
        store_open(&where, &store, &err) &&
        (store || error_set(&err, ERR_USAGE,
                            "there is no store in the data directory, so no key to rotate")) &&
        rotate(store, &s, &err);
    store_close(store);
    return ok ? 0 : cli_fail(&err);
}
