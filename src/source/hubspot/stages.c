#include "source/hubspot/stages.h"

#include "source/hubspot/fetch.h"

enum { FOLDED_MAX = 256 };

static const struct str ENTERED = STR_INIT("hs_v2_date_entered_");
static const struct str EXITED = STR_INIT("hs_v2_date_exited_");

static const struct column COLUMNS[] = {
    {STR_INIT("deal_id"), COL_INT},
    {STR_INIT("value"), COL_TEXT},
    {STR_INIT("date_entered"), COL_TIMESTAMP},
    {STR_INIT("date_exited"), COL_TIMESTAMP},
    {STR_INIT("source"), COL_TEXT},
    {STR_INIT("source_id"), COL_TEXT},
};
const struct table TABLE_DEAL_STAGE = {STR_INIT("deal_stage"), COLUMNS, ARRAY_LEN(COLUMNS), 3, 0};

// The id as HubSpot folds it into names; cut at the buffer's end, beyond which no name goes.
static struct str fold(struct str id, char out[FOLDED_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < id.len && n < FOLDED_MAX; i++) {
        char c = id.ptr[i];
        c = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        c = c == '-' ? '_' : c;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_') {
            out[n++] = c;
        }
    }
    return (struct str){out, n};
}

// "x_123" without "_123"; the slice itself when no number is behind it.
static struct str without_number(struct str s)
{
    size_t digits = 0;
    while (digits < s.len && s.ptr[s.len - 1 - digits] >= '0' && s.ptr[s.len - 1 - digits] <= '9') {
        digits++;
    }
    bool number = digits > 0 && digits + 1 < s.len && s.ptr[s.len - 1 - digits] == '_';
    return number ? str_sub(s, 0, s.len - digits - 1) : s;
}

// The one id whose folded form is `name`, or, with `prefix`, begins with it; empty when there is
// none or more than one.
static struct str find_one(struct str name, const struct str *ids, size_t n_ids, bool prefix)
{
    struct str found = {NULL, 0};
    size_t n = 0;
    for (size_t i = 0; i < n_ids; i++) {
        char buffer[FOLDED_MAX];
        struct str folded = fold(ids[i], buffer);
        if (folded.len > 0 && (prefix ? str_starts(folded, name) : str_eq(folded, name))) {
            found = ids[i];
            n++;
        }
    }
    return n == 1 ? found : (struct str){NULL, 0};
}

struct str stages_match(struct str suffix, const struct str *ids, size_t n_ids)
{
    struct str bare = without_number(suffix);
    struct str found = find_one(suffix, ids, n_ids, false);
    if (found.len == 0 && bare.len < suffix.len) {
        found = find_one(bare, ids, n_ids, false);
    }
    if (found.len == 0 && bare.len < suffix.len) {
        found = find_one(bare, ids, n_ids, true); // long ids are cut before the number
    }
    return found;
}

static size_t count_stages(struct json results)
{
    size_t n = 0;
    struct json_iter it = json_iter(results);
    struct json pipeline;
    struct json stages;
    while (json_next(&it, &pipeline)) {
        n += json_get(pipeline, STR("stages"), &stages) ? json_count(stages) : 0;
    }
    return n;
}

// The ids of all stages, copied into the arena.
static size_t copy_ids(struct json results, struct arena *arena, struct str *ids)
{
    size_t n = 0;
    struct json_iter it = json_iter(results);
    struct json pipeline;
    while (json_next(&it, &pipeline)) {
        struct json stages;
        struct json stage;
        struct str id;
        if (!json_get(pipeline, STR("stages"), &stages)) {
            continue;
        }
        struct json_iter walk = json_iter(stages);
        while (json_next(&walk, &stage)) {
            if (json_get_string(stage, STR("id"), &id)) {
                ids[n++] = arena_dup(arena, id);
            }
        }
    }
    return n;
}

// Without the right to read pipelines the stages keep their folded names.
static bool read_ids(struct hubspot_client *client, const char *object, struct arena *arena,
                     struct str **ret_ids, size_t *ret_n, struct error *err)
{
    struct json_doc *doc = json_doc_create();
    struct hubspot_request r = {.endpoint = HUBSPOT_PIPELINES, .args.type = str_from(object)};
    struct json root;
    struct json results;
    *ret_n = 0;
    bool ok = fetch_json(client, &r, doc, &root, NULL, err);
    if (ok && json_get(root, STR("results"), &results)) {
        *ret_ids = ARENA_ARRAY(arena, struct str, count_stages(results) + 1);
        *ret_n = copy_ids(results, arena, *ret_ids);
    }
    json_doc_destroy(doc);
    return ok || err->code == ERR_SCOPE;
}

bool stages_build(struct hubspot_client *client, const struct object_tables *t, struct arena *arena,
                  struct stages *ret, struct error *err)
{
    struct stage_date *items = ARENA_ARRAY(arena, struct stage_date, t->n_properties + 1);
    size_t n = 0;
    for (size_t i = 0; i < t->n_properties; i++) {
        if (str_starts(t->properties[i], ENTERED) && t->types[i] == COL_TIMESTAMP) {
            struct str suffix = str_sub(t->properties[i], ENTERED.len, t->properties[i].len);
            struct str exited = arena_printf(arena, "%.*s%.*s", STR_ARG(EXITED), STR_ARG(suffix));
            items[n++] = (struct stage_date){
                .stage = suffix, .entered = (int)i, .exited = object_tables_find(t, exited)};
        }
    }
    struct str *ids = NULL;
    size_t n_ids = 0;
    if (n > 0 && !read_ids(client, t->info->name, arena, &ids, &n_ids, err)) {
        return error_context(err, "stages of %s", t->info->name);
    }
    for (size_t i = 0; i < n; i++) {
        struct str id = stages_match(items[i].stage, ids, n_ids);
        bool taken = false; // by another property: two rows would have one key
        for (size_t k = 0; k < i && !taken; k++) {
            taken = str_eq(items[k].stage, id);
        }
        items[i].stage = id.len > 0 && !taken ? id : items[i].stage;
    }
    *ret = (struct stages){items, n};
    return true;
}
