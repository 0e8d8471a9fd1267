// How answers of a server are shown: tables for people, JSON for machines. Texts of the server are
// made fit for a terminal.
#pragma once

#include "core/arena.h"
#include "data/json.h"

struct show_column {
    const char *title;
    const char *field; // of the object; "a.b" looks inside
    int width;         // 0: the last one, as it comes
};
enum { COLUMNS_MAX = 8 };

void show_header(const struct show_column *columns);
void show_row(const struct show_column *columns, struct json object, struct arena *arena);
// One JSON object on one line.
void show_json(struct json value);
// "name: value" lines.
void show_object(struct json object, struct arena *arena);
// The value as text: numbers and booleans in words, lists with commas, null and what is missing
// empty.
struct str show_text(struct json object, const char *field, struct arena *arena);
