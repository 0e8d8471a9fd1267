#include "source/hubspot/state.h"

#include "core/limits.h"
#include "data/json.h"
#include "data/json_writer.h"

static const char *const PHASE_NAMES[] = {[PHASE_IDLE] = "idle",
                                          [PHASE_FULL] = "full",
                                          [PHASE_INCREMENTAL] = "incremental",
                                          [PHASE_ARCHIVED] = "archived"};

const char *phase_name(enum phase p)
{
    assert((size_t)p < ARRAY_LEN(PHASE_NAMES));
    return PHASE_NAMES[p];
}

static bool set_text(char out[CURSOR_MAX], struct str s)
{
    if (s.len >= CURSOR_MAX || str_find_char(s, '\0') >= 0) {
        return false; // the text before a NUL would be another cursor
    }
    memcpy(out, s.ptr ? s.ptr : "", s.len);
    out[s.len] = '\0';
    return true;
}

// [after, next, end] with end null for open.
static bool parse_range(struct json v, struct id_range *r)
{
    struct json_iter it = json_iter(v);
    struct json e;
    struct str after;
    *r = (struct id_range){.end_id = INT64_MAX};
    if (!json_next(&it, &e) || !json_string(e, &after) || !set_text(r->after, after) ||
        !json_next(&it, &e) || !json_int(e, &r->next_id) || !json_next(&it, &e)) {
        return false;
    }
    return json_is_null(e) || json_int(e, &r->end_id);
}

static bool parse_ranges(struct json root, struct object_state *s)
{
    struct json ranges;
    if (!json_get(root, STR("ranges"), &ranges)) {
        return s->phase != PHASE_FULL;
    }
    if (json_type(ranges) != JSON_ARRAY) {
        return false;
    }
    struct json_iter it = json_iter(ranges);
    struct json v;
    while (json_next(&it, &v)) {
        if (s->n_ranges == RANGES_MAX || !parse_range(v, &s->ranges[s->n_ranges])) {
            return false;
        }
        s->n_ranges++;
    }
    return true;
}

static bool parse_fields(struct json root, struct object_state *s)
{
    struct str phase;
    struct str after = {NULL, 0};
    if (!json_get_string(root, STR("phase"), &phase) ||
        !json_get_int(root, STR("since_ms"), &s->since_ms)) {
        return false;
    }
    size_t p = 0;
    while (p < PHASE_COUNT && !str_eq(phase, str_from(PHASE_NAMES[p]))) {
        p++;
    }
    if (p == PHASE_COUNT) {
        return false;
    }
    s->phase = (enum phase)p;
    s->ordered = true;
    json_get_int(root, STR("started_ms"), &s->started_ms);
    json_get_int(root, STR("from_ms"), &s->from_ms);
    json_get_bool(root, STR("whole"), &s->whole);
    json_get_int(root, STR("reconciled_ms"), &s->reconciled_ms);
    json_get_int(root, STR("marks"), &s->marks);
    json_get_bool(root, STR("insert"), &s->insert);
    json_get_bool(root, STR("refresh"), &s->refresh);
    json_get_bool(root, STR("wide"), &s->wide);
    json_get_bool(root, STR("ordered"), &s->ordered);
    json_get_int(root, STR("after_id"), &s->after_id);
    json_get_string(root, STR("after"), &after);
    return set_text(s->after_text, after) && parse_ranges(root, s);
}

bool state_unreadable(struct error *err)
{
    return error_set(err, ERR_STATE, "the state in _sluice_state cannot be read");
}

bool state_open(struct json_doc *doc, struct str text, int version, struct json *ret_root,
                struct error *err)
{
    int64_t found = 0;
    struct json root = {0};
    if (!json_parse(doc, text, &root, err)) {
        return state_unreadable(err);
    }
    if (!json_get_int(root, STR("v"), &found) || found != version) {
        return error_set(err, ERR_STATE, "the state has version %lld; this sluice knows version %d",
                         (long long)found, version);
    }
    *ret_root = root;
    return true;
}

bool object_state_parse(struct str text, struct object_state *ret, struct error *err)
{
    struct object_state s = {.ordered = true};
    if (!text.ptr) {
        *ret = s;
        return true;
    }
    struct json_doc *doc = json_doc_create();
    struct json root = {0};
    bool ok = state_open(doc, text, STATE_VERSION, &root, err) &&
              (parse_fields(root, &s) || state_unreadable(err));
    json_doc_destroy(doc);
    if (ok) {
        *ret = s;
    }
    return ok;
}

static void format_ranges(struct json_writer *w, const struct object_state *s)
{
    json_key(w, STR("ranges"));
    json_begin_array(w);
    for (size_t i = 0; i < s->n_ranges; i++) {
        const struct id_range *r = &s->ranges[i];
        json_begin_array(w);
        json_put_str(w, str_from(r->after));
        json_put_int(w, r->next_id);
        if (r->end_id == INT64_MAX) {
            json_put_null(w);
        } else {
            json_put_int(w, r->end_id);
        }
        json_end_array(w);
    }
    json_end_array(w);
}

struct str object_state_format(const struct object_state *s, struct arena *arena)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, LIMIT_STATE_BYTES);
    json_writer_init(&w, &out);
    json_begin_object(&w);
    json_field_int(&w, "v", STATE_VERSION);
    json_field_str(&w, "phase", str_from(phase_name(s->phase)));
    json_field_int(&w, "since_ms", s->since_ms);
    json_field_int(&w, "started_ms", s->started_ms);
    if (s->from_ms > 0) {
        json_field_int(&w, "from_ms", s->from_ms);
    }
    if (s->whole) { // what was loaded by a program that did not say so stays as it is
        json_field_bool(&w, "whole", true);
        json_field_int(&w, "reconciled_ms", s->reconciled_ms);
        json_field_int(&w, "marks", s->marks);
    }
    if (s->phase == PHASE_FULL) {
        json_field_bool(&w, "insert", s->insert);
        json_field_bool(&w, "refresh", s->refresh);
        json_field_bool(&w, "wide", s->wide);
        json_field_bool(&w, "ordered", s->ordered);
        format_ranges(&w, s);
    } else if (s->phase == PHASE_INCREMENTAL) {
        json_field_int(&w, "after_id", s->after_id);
        if (s->refresh) {
            json_field_bool(&w, "refresh", true);
        }
    } else if (s->phase == PHASE_ARCHIVED) {
        json_field_str(&w, "after", str_from(s->after_text));
    }
    json_end_object(&w);
    assert(!out.overflow);
    struct str text = arena_dup(arena, buf_str(&out));
    buf_done(&out);
    return text;
}
