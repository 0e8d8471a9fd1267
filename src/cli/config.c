// sluice config: the settings of a server, what they are and where they come from.
#include "cli/server_settings.h"
#include "data/json_writer.h"
#include "sql/sql.h"

enum { LINE_MAX_BYTES = 8 * 1024 * 1024 };

// URLs may hold a password.
static struct str shown(const struct server_command *c, size_t i)
{
    struct str text = settings_value(&c->args.table, i);
    return SERVER_SETTINGS[i].type == SET_STR ? sql_url_mask(text, c->cli->arena) : text;
}

static bool is_text(const struct setting *row)
{
    return row->type != SET_INT && row->type != SET_FLOAT && row->type != SET_BOOL;
}

static void print_json(struct server_command *c)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, LINE_MAX_BYTES);
    json_writer_init(&w, &out);
    json_begin_array(&w);
    for (size_t i = 0; i < SERVER_SETTINGS_N; i++) {
        struct str value = shown(c, i);
        json_begin_object(&w);
        json_field_str(&w, "name", str_from(SERVER_SETTINGS[i].name));
        json_key(&w, STR("value"));
        if (is_text(&SERVER_SETTINGS[i])) {
            json_put_str(&w, value);
        } else {
            json_put_raw(&w, value);
        }
        json_field_str(&w, "source", settings_origin(&c->args.table, i));
        json_end_object(&w);
    }
    json_end_array(&w);
    printf("%s\n", buf_cstr(&out));
    buf_done(&out);
}

static void print_table(struct server_command *c)
{
    for (size_t i = 0; i < SERVER_SETTINGS_N; i++) {
        struct str value = shown(c, i);
        struct str origin = settings_origin(&c->args.table, i);
        printf("%-28s %-40.*s %.*s\n", SERVER_SETTINGS[i].name, STR_ARG(value), STR_ARG(origin));
    }
}

int cli_config(const struct cli *cli, int argc, char **argv)
{
    struct server_command c = {.cli = cli, .verb = "config", .argc = argc, .argv = argv};
    if (!server_settings_read(&c)) {
        return c.args.exit_code;
    }
    if (c.values.json) {
        print_json(&c);
    } else {
        print_table(&c);
    }
    return 0;
}
