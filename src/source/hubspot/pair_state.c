#include "source/hubspot/pair_state.h"

#include "core/limits.h"
#include "data/json.h"
#include "data/json_writer.h"
#include "source/hubspot/state.h"

static const char *const PHASE_NAMES[] = {
    [PAIR_IDLE] = "idle", [PAIR_SWEEP] = "sweep", [PAIR_FROM] = "from", [PAIR_TO] = "to"};

struct stamps {
    const char *name;
    size_t offset;
};
static const struct stamps STAMPS[] = {
    {"from_since_ms", offsetof(struct pair_state, from_since_ms)},
    {"to_since_ms", offsetof(struct pair_state, to_since_ms)},
    {"from_next_ms", offsetof(struct pair_state, from_next_ms)},
    {"to_next_ms", offsetof(struct pair_state, to_next_ms)},
};

static bool parse_stamps(struct json root, const struct stamps *f, struct pair_state *s)
{
    int64_t *out = (int64_t *)(void *)((char *)s + f->offset);
    struct json list;
    struct json v;
    size_t n = 0;
    if (!json_get(root, str_from(f->name), &list) || json_type(list) != JSON_ARRAY) {
        return false;
    }
    struct json_iter it = json_iter(list);
    while (json_next(&it, &v)) {
        if (n == PAIR_PARTS_MAX || !json_int(v, &out[n++])) {
            return false;
        }
    }
    return true;
}

static bool parse_fields(struct json root, struct pair_state *s)
{
    struct str phase;
    int64_t part = 0;
    if (!json_get_string(root, STR("phase"), &phase)) {
        return false;
    }
    size_t p = 0;
    while (p < PAIR_PHASE_COUNT && !str_eq(phase, str_from(PHASE_NAMES[p]))) {
        p++;
    }
    if (p == PAIR_PHASE_COUNT || !json_get_int(root, STR("part"), &part) || part < 0 ||
        part >= PAIR_PARTS_MAX || !json_get_int(root, STR("after_id"), &s->after_id) ||
        !json_get_int(root, STR("started_ms"), &s->started_ms) ||
        !json_get_int(root, STR("swept_ms"), &s->swept_ms)) {
        return false;
    }
    s->phase = (enum pair_phase)p;
    s->part = (size_t)part;
    json_get_bool(root, STR("insert"), &s->insert);
    for (size_t i = 0; i < ARRAY_LEN(STAMPS); i++) {
        if (!parse_stamps(root, &STAMPS[i], s)) {
            return false;
        }
    }
    return true;
}

bool pair_state_parse(struct str text, struct pair_state *ret, struct error *err)
{
    struct pair_state s = {0};
    if (!text.ptr) {
        *ret = s;
        return true;
    }
    struct json_doc *doc = json_doc_create();
    struct json root = {0};
    bool ok = state_open(doc, text, PAIR_STATE_VERSION, &root, err) &&
              (parse_fields(root, &s) || state_unreadable(err));
    json_doc_destroy(doc);
    if (ok) {
        *ret = s;
    }
    return ok;
}

struct str pair_state_format(const struct pair_state *s, size_t n_parts, struct arena *arena)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, LIMIT_STATE_BYTES);
    json_writer_init(&w, &out);
    json_begin_object(&w);
    json_field_int(&w, "v", PAIR_STATE_VERSION);
    json_field_str(&w, "phase", str_from(PHASE_NAMES[s->phase]));
    json_field_int(&w, "started_ms", s->started_ms);
    json_field_int(&w, "swept_ms", s->swept_ms);
    json_field_int(&w, "part", (int64_t)s->part);
    json_field_int(&w, "after_id", s->after_id);
    json_field_bool(&w, "insert", s->insert);
    for (size_t i = 0; i < ARRAY_LEN(STAMPS); i++) {
        const int64_t *stamps = (const int64_t *)(const void *)((const char *)s + STAMPS[i].offset);
        json_key(&w, str_from(STAMPS[i].name));
        json_begin_array(&w);
        for (size_t k = 0; k < n_parts; k++) {
            json_put_int(&w, stamps[k]);
        }
        json_end_array(&w);
    }
    json_end_object(&w);
    assert(!out.overflow);
    struct str text = arena_dup(arena, buf_str(&out));
    buf_done(&out);
    return text;
}
