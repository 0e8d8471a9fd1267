#include "cli/remote_show.h"

#include "data/json_writer.h"
#include "hubspot/printable.h"

enum { TEXT_MAX = 64 * 1024 * 1024, CELL_MAX = 400 };

static struct str compact(struct json value, struct arena *arena)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, TEXT_MAX);
    json_writer_init(&w, &out);
    json_put(&w, value);
    struct str text = hubspot_printable(buf_str(&out), CELL_MAX, arena);
    buf_done(&out);
    return text;
}

static struct str text_of(struct json value, struct arena *arena);

// Lists of texts; what else a list may hold is shown as JSON.
static struct str list_text(struct json list, struct arena *arena)
{
    struct json_iter it = json_iter(list);
    struct json item;
    struct str text;
    struct buf all;
    buf_init(&all, TEXT_MAX);
    bool plain = true;
    while (plain && json_next(&it, &item)) {
        plain = json_string(item, &text);
        buf_printf(&all, "%s%.*s", all.len ? "," : "", plain ? (int)text.len : 0,
                   plain ? text.ptr : "");
    }
    text = plain ? hubspot_printable(buf_str(&all), CELL_MAX, arena) : compact(list, arena);
    buf_done(&all);
    return text;
}

static struct str text_of(struct json value, struct arena *arena)
{
    struct str text;
    if (json_string(value, &text)) {
        return hubspot_printable(text, CELL_MAX, arena);
    }
    if (json_is_null(value)) {
        return STR("");
    }
    return json_type(value) == JSON_ARRAY ? list_text(value, arena) : compact(value, arena);
}

struct str show_text(struct json object, const char *field, struct arena *arena)
{
    struct str rest = str_from(field);
    struct str name;
    while (str_next(&rest, '.', &name)) {
        if (!json_get(object, name, &object)) {
            return STR("");
        }
    }
    return text_of(object, arena);
}

void show_header(const struct show_column *columns)
{
    for (size_t i = 0; columns[i].title; i++) {
        printf("%s%-*s", i ? " " : "", columns[i].width, columns[i].title);
    }
    putchar('\n');
}

void show_row(const struct show_column *columns, struct json object, struct arena *arena)
{
    for (size_t i = 0; columns[i].title; i++) {
        struct str text = show_text(object, columns[i].field, arena);
        printf("%s%-*.*s", i ? " " : "", columns[i].width, STR_ARG(text));
    }
    putchar('\n');
}

void show_json(struct json value)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, TEXT_MAX);
    json_writer_init(&w, &out);
    json_put(&w, value);
    buf_add_char(&out, '\n');
    fwrite(out.ptr, 1, out.len, stdout);
    buf_done(&out);
}

void show_object(struct json object, struct arena *arena)
{
    struct json_iter it = json_iter(object);
    struct str key;
    struct json value;
    while (json_next_field(&it, &key, &value)) {
        struct str text = text_of(value, arena);
        printf("%-26.*s %.*s\n", STR_ARG(hubspot_printable(key, 64, arena)), STR_ARG(text));
    }
}
