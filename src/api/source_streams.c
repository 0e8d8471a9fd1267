#include "api/source_streams.h"

#include "core/nearest.h"
#include "source/hubspot/objects.h"
#include "source/hubspot/source_hubspot.h"

enum { KEYS_MAX = 4, SCOPES_TEXT_MAX = 4096 };

// Keys of tables that the object and pair tables of the source do not say.
static const struct {
    const char *stream;
    const char *keys[KEYS_MAX + 1]; // NULL ends
} OTHER_KEYS[] = {
    {"owners", {"owner_id", "team_id"}},
    {"pipelines", {"pipeline_id", "stage_id"}},
    {"properties", {"key", "property_id", "value"}},
    {"contacts", {"canonical_vid", "vid_to_merge"}},
    {"deals", {"merged_deal_id", "value", "date_entered"}},
};
static const char *const PAIR_KEYS[] = {"category", "type_id"};
static const char *const PRESELECTED[] = {"contacts", "companies", "deals"};
static const char *const CURSORS[] = {"lastmodifieddate", "hs_lastmodifieddate", "updated_at"};

static bool is_text(struct str s, const char *text)
{
    return text && str_eq_nocase(s, str_from(text));
}

const struct source_stream_info *source_stream_named(struct str name)
{
    size_t n;
    const struct source_stream_info *all = source_hubspot_streams(&n);
    struct str wanted = str_trim(name);
    for (size_t i = 0; i < n; i++) {
        if (is_text(wanted, all[i].name) || is_text(wanted, all[i].alias) ||
            is_text(wanted, all[i].table)) {
            return &all[i];
        }
    }
    return NULL;
}

struct str source_stream_nearest(struct str name)
{
    size_t n;
    const struct source_stream_info *all = source_hubspot_streams(&n);
    struct nearest near = nearest_to(str_trim(name));
    for (size_t i = 0; i < n; i++) {
        nearest_offer(&near, str_from(all[i].name));
    }
    return near.best;
}

static bool is_of(const struct source_stream_info *info, const char *stream)
{
    return strcmp(info->name, stream) == 0;
}

struct api_strings source_stream_sub_tables(const struct source_stream_info *info,
                                            struct arena *arena)
{
    struct str *items = ARENA_ARRAY(arena, struct str, SOURCE_TABLES_MAX);
    size_t n = 0;
    for (; n < SOURCE_TABLES_MAX && info->sub_tables[n]; n++) {
        items[n] = str_from(info->sub_tables[n]);
    }
    return (struct api_strings){items, n};
}

bool source_stream_is_key(const struct source_stream_info *info, struct str column)
{
    const struct object_info *object = object_find(str_from(info->name));
    const struct pair_info *pair = pair_find(str_from(info->name));
    for (size_t i = 0; object && i < object->n_fixed; i++) {
        if (object->fixed[i].kind == FIXED_ID && is_text(column, object->fixed[i].name)) {
            return true;
        }
    }
    if (object && object->engagement_type && is_text(column, "id")) {
        return true; // of the table of all engagements
    }
    for (size_t i = 0; pair && i < ARRAY_LEN(PAIR_KEYS); i++) {
        if (is_text(column, PAIR_KEYS[i])) {
            return true;
        }
    }
    if (pair && (is_text(column, pair->a_column) || is_text(column, pair->b_column))) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(OTHER_KEYS); i++) {
        for (size_t j = 0; is_of(info, OTHER_KEYS[i].stream) && OTHER_KEYS[i].keys[j]; j++) {
            if (is_text(column, OTHER_KEYS[i].keys[j])) {
                return true;
            }
        }
    }
    return false;
}

struct str source_stream_cursor(const struct source_stream_info *info)
{
    const struct object_info *object = object_find(str_from(info->name));
    return str_from(object ? object->cursor_property : NULL);
}

bool source_stream_is_cursor(const struct source_stream_info *info, struct str name)
{
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(CURSORS); i++) {
        known = known || is_text(name, CURSORS[i]);
    }
    return known && source_stream_cursor(info).len > 0;
}

static bool holds_word(struct str text, struct str word)
{
    struct str field;
    while (str_next(&text, ' ', &field)) {
        if (str_eq(field, word)) {
            return true;
        }
    }
    return false;
}

static void add_words(struct buf *b, struct str words)
{
    struct str word;
    while (str_next(&words, ' ', &word)) {
        if (word.len > 0 && !holds_word(buf_str(b), word)) {
            buf_add(b, b->len > 0 ? STR(" ") : STR(""));
            buf_add(b, word);
        }
    }
}

struct str source_stream_scopes(const struct source_stream_info *info, struct arena *arena)
{
    if (!pair_find(str_from(info->name))) {
        return str_from(info->scope);
    }
    struct buf b; // a pair is read with the scopes of what it joins
    buf_init(&b, SCOPES_TEXT_MAX);
    for (size_t i = 0; i < SOURCE_NEEDS_MAX && info->needs[i]; i++) {
        add_words(&b, str_from(source_hubspot_find(str_from(info->needs[i]))->scope));
    }
    assert(!b.overflow);
    struct str scopes = arena_dup(arena, buf_str(&b));
    buf_done(&b);
    return scopes;
}

bool source_stream_is_preselected(const struct source_stream_info *info)
{
    for (size_t i = 0; i < ARRAY_LEN(PRESELECTED); i++) {
        if (is_of(info, PRESELECTED[i])) {
            return true;
        }
    }
    return false;
}
