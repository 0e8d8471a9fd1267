#include "engine/elt_settings.h"

#include "core/limits.h"
#include "core/nearest.h"
#include "core/zone.h"

enum { HOUR_MS = 3600 * 1000, SETTINGS_N = 10, NAME_MAX_BYTES = 64, VALUE_TEXT_MAX = 256 };

#define FIELD(f) offsetof(struct elt_settings, f)

static const struct setting SETTINGS[SETTINGS_N] = {
    {.name = "time-zone",
     .type = SET_STR,
     .offset = FIELD(time_zone),
     .help = "Time zone (IANA name, such as Europe/Berlin) in which sync_interval and midnight "
             "count; empty: the server's."},
    {.name = "metadata-columns",
     .type = SET_ENUM,
     .offset = FIELD(metadata_columns),
     .fallback = "sluice",
     .choices = "sluice|weld|fivetran",
     .help = "Names of the columns that say when a row was synced and whether it is deleted."},
    {.name = "api-version",
     .type = SET_ENUM,
     .offset = FIELD(api_version),
     .fallback = "2026-09",
     .choices = "2026-09|2026-03|legacy",
     .help = "Version of HubSpot's API to call."},
    {.name = "share",
     .type = SET_FLOAT,
     .offset = FIELD(share),
     .fallback = "0.8",
     .min = 0.01,
     .max = 1,
     .help = "Part of the account's HubSpot limits that may be used."},
    {.name = "search-limit",
     .type = SET_INT,
     .offset = FIELD(search_limit),
     .fallback = "5",
     .min = 1,
     .max = 1000,
     .help = "Searches per second that HubSpot grants the account (it does not say itself)."},
    {.name = "daily-limit",
     .type = SET_INT,
     .offset = FIELD(daily_limit),
     .fallback = "0",
     .min = 0,
     .max = 1e12,
     .help = "Calls a day that the account has, where HubSpot does not say; 0: as HubSpot says."},
    // No longer than a worker may stand still for: what waits longer is DELAYED and holds none.
    {.name = "max-wait",
     .type = SET_MS,
     .offset = FIELD(max_wait_ms),
     .fallback = "1m",
     .min = 1000,
     .max = 1.0 * HOUR_MS,
     .help = "Wait so long for a limit of HubSpot's; what would take longer is delayed."},
    {.name = "horizon",
     .type = SET_MS,
     .offset = FIELD(horizon_ms),
     .fallback = "1h",
     .min = 0,
     .max = 7.0 * 24 * HOUR_MS,
     .help = "How long HubSpot's search may lag behind; each run reads again what changed since."},
    {.name = "association-sweep",
     .type = SET_MS,
     .offset = FIELD(association_sweep_ms),
     .fallback = "24h",
     .min = 0,
     .max = 365.0 * 24 * HOUR_MS,
     .help = "Read all associations anew when the last time is longer ago than this."},
    {.name = "reconcile",
     .type = SET_MS,
     .offset = FIELD(reconcile_ms),
     .fallback = "24h",
     .min = 0,
     .max = 365.0 * 24 * HOUR_MS,
     .help = "Compare the records here with HubSpot's count when the last time is longer ago."},
};

// ---- names: '_' in JSON, '-' in the table

static struct str swapped(struct str name, char from, char to, char ret[NAME_MAX_BYTES])
{
    size_t n = MIN(name.len, (size_t)NAME_MAX_BYTES);
    for (size_t i = 0; i < n; i++) {
        ret[i] = name.ptr[i] == from ? to : name.ptr[i];
    }
    return (struct str){ret, n};
}

static struct str json_name(const struct setting *row, char ret[NAME_MAX_BYTES])
{
    return swapped(str_from(row->name), '-', '_', ret);
}

static const struct setting *find(struct str key)
{
    char name[NAME_MAX_BYTES];
    for (size_t i = 0; i < SETTINGS_N; i++) {
        if (str_eq(key, json_name(&SETTINGS[i], name))) {
            return &SETTINGS[i];
        }
    }
    return NULL;
}

static bool unknown(struct str key, struct error *err)
{
    char names[SETTINGS_N][NAME_MAX_BYTES];
    struct nearest near = nearest_to(key);
    for (size_t i = 0; i < SETTINGS_N; i++) {
        nearest_offer(&near, json_name(&SETTINGS[i], names[i]));
    }
    struct str shown = str_sub(key, 0, NAME_MAX_BYTES);
    if (near.best.len > 0) {
        return error_set(err, ERR_CONFIG,
                         "elt_settings.%.*s: there is no such setting; is it %.*s?", STR_ARG(shown),
                         STR_ARG(near.best));
    }
    return error_set(err, ERR_CONFIG,
                     "elt_settings.%.*s: there is no such setting; GET /connections/{id}/settings "
                     "lists them",
                     STR_ARG(shown));
}

// ---- values

// The text of a plain value; false for what is none.
static bool value_text(struct json v, char number[64], struct str *ret)
{
    int64_t whole = 0;
    double real = 0;
    bool yes = false;
    int n = 0;
    if (json_string(v, ret)) {
        *ret = str_trim(*ret);
        return true;
    }
    if (json_int(v, &whole)) {
        n = snprintf(number, 64, "%lld", (long long)whole);
    } else if (json_double(v, &real)) {
        n = snprintf(number, 64, "%.15g", real);
    } else if (json_bool(v, &yes)) {
        n = snprintf(number, 64, "%s", yes ? "true" : "false");
    } else {
        return false;
    }
    *ret = (struct str){number, (size_t)n};
    return true;
}

static bool check_zone(struct str zone, struct error *err)
{
    struct zone_span span;
    return zone.len == 0 || zone_span_at(zone, 0, &span) ||
           error_set(err, ERR_CONFIG,
                     "elt_settings.time_zone: \"%.*s\" is not known here; give an IANA name such "
                     "as Europe/Berlin, or leave it empty",
                     STR_ARG(str_sub(zone, 0, NAME_MAX_BYTES)));
}

// The table's own messages begin with "--name: ", as a command line has it.
static bool rename_field(const struct setting *row, struct error *err)
{
    char name[NAME_MAX_BYTES];
    struct str field = json_name(row, name);
    struct error was = *err;
    struct str text = str_from(was.message);
    size_t prefix = strlen(row->name) + 4;
    text = str_starts(text, STR("--")) ? str_sub(text, prefix, text.len) : text;
    return error_set(err, ERR_CONFIG, "elt_settings.%.*s: %.*s", STR_ARG(field), STR_ARG(text));
}

static bool set(struct settings *s, const struct setting *row, struct json value, struct error *err)
{
    char number[64];
    char name[NAME_MAX_BYTES];
    struct str text = {NULL, 0};
    if (json_is_null(value)) {
        return true;
    }
    if (!value_text(value, number, &text)) {
        return error_set(err, ERR_CONFIG,
                         "elt_settings.%.*s: a text, a number, true or false is needed",
                         STR_ARG(json_name(row, name)));
    }
    if (text.len == 0) {
        return true;
    }
    if (text.len > VALUE_TEXT_MAX) {
        return error_set(err, ERR_CONFIG, "elt_settings.%.*s: the value has %zu bytes; at most %d",
                         STR_ARG(json_name(row, name)), text.len, VALUE_TEXT_MAX);
    }
    return settings_set(s, str_from(row->name), text, err) || rename_field(row, err);
}

static bool read_all(struct json object, struct arena *arena, struct elt_settings *ret,
                     struct error *err)
{
    struct elt_settings values = {0};
    struct settings s;
    struct str key;
    struct json value;
    if (!settings_init(&s, SETTINGS, SETTINGS_N, NULL, &values, arena, err)) {
        return false;
    }
    if (!json_is_null(object) && json_type(object) != JSON_OBJECT) {
        return error_set(err, ERR_CONFIG,
                         "elt_settings: an object is needed, such as "
                         "{\"time_zone\": \"Europe/Berlin\"}");
    }
    struct json_iter it = json_iter(object);
    while (json_next_field(&it, &key, &value)) {
        const struct setting *row = find(key);
        if (!row) {
            return unknown(key, err);
        }
        if (!set(&s, row, value, err)) {
            return false;
        }
    }
    if (!check_zone(values.time_zone, err)) {
        return false;
    }
    *ret = values;
    return true;
}

bool elt_settings_parse(struct str text, struct arena *arena, struct elt_settings *ret,
                        struct error *err)
{
    struct json root;
    struct json_doc *doc = json_doc_create();
    struct str json = str_trim(text).len > 0 ? text : STR("{}");
    bool ok = json_parse(doc, json, &root, err);
    if (!ok) {
        err->code = ERR_CONFIG;
        error_context(err, "elt_settings");
    }
    ok = ok && read_all(root, arena, ret, err);
    json_doc_destroy(doc);
    return ok;
}

// ---- two in one schema

const char *elt_settings_differ(const struct elt_settings *a, const struct elt_settings *b)
{
    // Names of columns come from this one; the others say how and how often data is read.
    return str_eq(a->metadata_columns, b->metadata_columns) ? NULL : "metadata_columns";
}

// ---- the schema

static const char *const JSON_TYPES[] = {
    [SET_STR] = "string",   [SET_INT] = "integer", [SET_FLOAT] = "number",
    [SET_BOOL] = "boolean", [SET_MS] = "string",   [SET_ENUM] = "string",
};

static void put_choices(struct json_writer *w, const struct setting *row)
{
    struct str rest = str_from(row->choices);
    struct str choice;
    json_key(w, STR("enum"));
    json_begin_array(w);
    while (str_next(&rest, '|', &choice)) {
        json_put_str(w, choice);
    }
    json_end_array(w);
}

// What a value may be; durations as their text.
static void put_rule(struct json_writer *w, const struct setting *row)
{
    double number = 0;
    bool is_number = row->type == SET_INT || row->type == SET_FLOAT;
    json_field_str(w, "type", str_from(JSON_TYPES[row->type]));
    if (row->type == SET_ENUM) {
        put_choices(w, row);
    }
    if (row->type == SET_MS) {
        json_field_str(w, "pattern", STR("^[0-9]+(ms|s|m|h|d)?$"));
    }
    if (is_number) {
        json_field_double(w, "minimum", row->min);
        json_field_double(w, "maximum", row->max);
    }
    if (is_number && str_to_double(str_from(row->fallback), &number)) {
        json_field_double(w, "default", number);
    } else {
        json_field_str(w, "default", row->fallback ? str_from(row->fallback) : STR(""));
    }
}

static void put_setting(struct json_writer *w, const struct setting *row)
{
    char name[NAME_MAX_BYTES];
    char title[NAME_MAX_BYTES] = "";
    struct str words = swapped(str_from(row->name), '-', ' ', title);
    title[0] = (char)(title[0] - 'a' + 'A'); // every name begins with a letter
    json_key(w, json_name(row, name));
    json_begin_object(w);
    json_field_str(w, "title", words);
    json_field_str(w, "description", str_from(row->help));
    put_rule(w, row);
    json_end_object(w);
}

void elt_settings_schema(struct json_writer *w)
{
    json_begin_object(w);
    json_field_str(w, "$schema", STR("http://json-schema.org/draft-07/schema#"));
    json_field_str(w, "title", STR("Settings of an ELT sync of HubSpot"));
    json_field_str(w, "description",
                   STR("Durations are a number and a unit: 250ms, 5s, 30m, 1h, 2d; without a unit "
                       "they are seconds. Every value may be given as text; \"\" means not set."));
    json_field_str(w, "type", STR("object"));
    json_field_bool(w, "additionalProperties", false);
    json_key(w, STR("properties"));
    json_begin_object(w);
    for (size_t i = 0; i < SETTINGS_N; i++) {
        put_setting(w, &SETTINGS[i]);
    }
    json_end_object(w);
    json_end_object(w);
}
