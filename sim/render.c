#include "sim/render.h"

#include "core/limits.h"
#include "core/random.h"
#include "data/json_writer.h"
#include "sim/generate.h"

void render_init(struct render *how, const struct selection *properties)
{
    *how = (struct render){.properties = properties};
    buf_init(&how->scratch, LIMIT_VALUE_BYTES);
}

void render_done(struct render *how)
{
    neighbors_done(&how->neighbors);
    buf_done(&how->scratch);
}

void render_iso(struct buf *out, int64_t ms)
{
    char *to = buf_reserve(out, TEXT_ISO_MAX + 2);
    if (to) {
        to[0] = '"';
        text_iso(to + 1, ms)[0] = '"';
        buf_commit(out, TEXT_ISO_MAX + 2);
    }
}

void render_id(struct buf *out, uint64_t id)
{
    char *to = buf_reserve(out, TEXT_UINT_MAX + 2);
    if (to) {
        char *end = to;
        *end++ = '"';
        end = text_uint(end, id);
        *end++ = '"';
        buf_commit(out, (size_t)(end - to));
    }
}

// Long values, and those set by hand: through the escaper.
static void add_escaped(struct buf *out, struct str value)
{
    if (value.ptr) {
        json_escape(out, value);
    } else {
        buf_add(out, STR("null"));
    }
    buf_add_char(out, ',');
}

// The key of *p at `to`, and its value if that is short; the new end. *ret_slow: the value is still
// to be written.
static char *write_fast(const struct record *r, const struct property *p, char *to, bool omit_nulls,
                        bool *ret_slow)
{
    uint64_t h = generate_hash(r, p);
    if (!generate_made_up(r, p, h)) {
        return omit_nulls ? to : text_copy_padded(to, p->json, p->json_len);
    }
    char *value = text_copy_padded(to, p->json, p->key_len);
    if (generate_is_long(p->kind)) {
        *ret_slow = true;
        return value;
    }
    *value = '"';
    char *end = generate_short(r, p, h, value + 1);
    if (!end) {
        return omit_nulls ? to : text_copy_padded(to, p->json, p->json_len);
    }
    end[0] = '"';
    end[1] = ',';
    return end + 2;
}

static void render_properties(struct buf *out, const struct record *r, struct render *how)
{
    const struct selection *s = how->properties;
    size_t left = s->worst;
    char *start = buf_reserve(out, left);
    char *to = start;
    for (size_t i = 0; i < s->n && to; i++) {
        const struct property *p = s->items[i];
        const struct change *change = r->overlay ? generate_change(r, p) : NULL;
        bool slow = change != NULL;
        to = change ? text_copy_padded(to, p->json, p->key_len)
                    : write_fast(r, p, to, how->omit_nulls, &slow);
        if (slow) {
            buf_commit(out, (size_t)(to - start));
            buf_reset(&how->scratch);
            if (change) {
                add_escaped(out, change->value);
            } else {
                generate_long(r, p, generate_hash(r, p), &how->scratch);
                add_escaped(out, buf_str(&how->scratch));
            }
            start = buf_reserve(out, left);
            to = start;
        }
    }
    if (to) {
        buf_commit(out, (size_t)(to - start));
    }
}

static void open_history_entry(struct buf *out, struct str value, int64_t at_ms)
{
    buf_add(out, STR("{\"value\":"));
    json_escape(out, value);
    buf_add(out, STR(",\"timestamp\":"));
    render_iso(out, at_ms);
}

static void add_history_entry(struct buf *out, struct str value, int64_t at_ms, uint64_t h)
{
    static const char *const sources[] = {"CRM_UI", "INTEGRATION", "IMPORT", "WORKFLOWS"};
    open_history_entry(out, value, at_ms);
    buf_printf(out, ",\"sourceType\":\"%s\",\"sourceId\":\"userId:%u\",\"updatedByUserId\":%u},",
               sources[h % ARRAY_LEN(sources)], 8200000U + (unsigned)(h >> 8 & 0x1ff),
               8200000U + (unsigned)(h >> 8 & 0x1ff));
}

// What was set by hand; an app leaves its id.
static void add_change(struct buf *out, const struct change *change, uint64_t h)
{
    if (change->app_id == 0) {
        add_history_entry(out, change->value, change->at_ms, h);
        return;
    }
    open_history_entry(out, change->value, change->at_ms);
    buf_printf(out,
               ",\"sourceType\":\"INTEGRATION\",\"sourceId\":\"%llu\",\"sourceLabel\":null,"
               "\"updatedByUserId\":null},",
               (unsigned long long)change->app_id);
}

static bool never_changes(enum value_kind kind)
{
    return kind <= KIND_COMPANY_ID;
}

// Generated versions, newest first: the value of today, and up to two made up the same way.
static void add_generated_history(struct buf *out, const struct record *r, const struct property *p,
                                  struct buf *scratch)
{
    uint64_t h = generate_hash(r, p);
    size_t older = never_changes(p->kind) ? 0 : (size_t)(h >> 9) % 3;
    int64_t span = r->settled_ms - r->created_ms;
    struct record plain = *r;
    plain.overlay = NULL;
    for (size_t i = 0; i <= older; i++) {
        struct property version = *p;
        version.salt = i == 0 ? p->salt : random_mix(p->salt + i);
        buf_reset(scratch);
        if (generate_value(&plain, &version, scratch)) {
            int64_t at =
                r->created_ms + (span > 0 ? span / (int64_t)(older + 1) * (int64_t)(older - i) : 0);
            add_history_entry(out, buf_str(scratch), at, h + i);
        }
    }
}

static void drop_comma(struct buf *out)
{
    if (out->len > 0 && out->ptr[out->len - 1] == ',') {
        out->len--;
    }
}

static void render_history(struct buf *out, const struct record *r, struct render *how)
{
    buf_add(out, STR(",\"propertiesWithHistory\":{"));
    for (size_t i = 0; i < how->history->n; i++) {
        const struct property *p = how->history->items[i];
        buf_add(out, (struct str){p->json, p->key_len});
        buf_add_char(out, '[');
        const struct overlay *o = r->overlay;
        for (size_t k = o ? o->n_changes : 0; k > 0; k--) {
            if (o->changes[k - 1].property == p) {
                add_change(out, &o->changes[k - 1], r->hash);
            }
        }
        add_generated_history(out, r, p, &how->scratch);
        drop_comma(out);
        buf_add(out, STR("],"));
    }
    drop_comma(out);
    buf_add_char(out, '}');
}

// What an association type calls an object: a custom one goes by its name.
static struct str type_name(const struct portal *p, enum object_type t)
{
    return object_is_custom(t) ? p->schemas.items[t - OBJECT_CUSTOM_FIRST].name
                               : object_info(t)->singular;
}

// "contact_to_company_unlabeled", "cars_to_contact", or a label in lower case.
static void render_association_type(struct buf *out, const struct portal *p,
                                    const struct association_pair *pair, bool forward, size_t label)
{
    const struct association_label *l = &pair->labels[label];
    if (l->user_defined) {
        struct str name = str_from(forward ? l->label : l->reverse_label);
        for (size_t i = 0; i < name.len; i++) {
            char c = name.ptr[i];
            buf_add_char(out, c == ' ' ? '_' : (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
        }
        return;
    }
    buf_add(out, type_name(p, forward ? pair->a : pair->b));
    buf_add(out, STR("_to_"));
    buf_add(out, type_name(p, forward ? pair->b : pair->a));
    bool has_primary = pair->n_labels > 1 && !pair->labels[1].user_defined;
    if (label == 0 && has_primary) {
        buf_add(out, STR("_unlabeled"));
    }
}

static void render_inline(struct buf *out, const struct record *r, enum object_type to,
                          struct render *how)
{
    bool forward;
    const struct association_pair *pair =
        association_pair_of(&r->portal->associations, r->shelf->type, to, &forward);
    associations_list(r->portal, r->shelf->type, r->slot, to, &how->neighbors);
    const struct neighbors *list = &how->neighbors;
    if (!pair || list->n == 0) {
        return;
    }
    json_escape(out, portal_object_name(r->portal, to));
    buf_add(out, STR(":{\"results\":["));
    size_t n = MIN(list->n, (size_t)INLINE_ASSOCIATIONS_MAX);
    for (size_t i = 0; i < n; i++) {
        for (size_t label = 0; label < pair->n_labels; label++) {
            if (list->items[i].mask >> label & 1) {
                buf_add(out, STR("{\"id\":"));
                render_id(out, portal_id_of(&r->portal->shelves[to], list->items[i].slot));
                buf_add(out, STR(",\"type\":\""));
                render_association_type(out, r->portal, pair, list->items[i].forward, label);
                buf_add(out, STR("\"},"));
            }
        }
    }
    drop_comma(out);
    buf_add_char(out, ']');
    if (n < list->n) {
        uint64_t next = portal_id_of(&r->portal->shelves[to], list->items[n].slot);
        buf_add(out, STR(",\"paging\":{\"next\":{\"after\":"));
        render_id(out, next);
        buf_printf(out,
                   ",\"link\":\"https://api.hubapi.com/crm/v3/objects/%.*s/%llu/associations/"
                   "%.*s?after=%llu\"}}",
                   STR_ARG(object_info(r->shelf->type)->plural), (unsigned long long)r->id,
                   STR_ARG(object_info(to)->plural), (unsigned long long)next);
    }
    buf_add(out, STR("},"));
}

static void render_associations(struct buf *out, const struct record *r, struct render *how)
{
    size_t before = out->len;
    buf_add(out, STR(",\"associations\":{"));
    size_t empty = out->len;
    for (size_t i = 0; i < how->n_associations; i++) {
        render_inline(out, r, how->associations[i], how);
    }
    if (out->len == empty) {
        out->len = before; // no association at all: no key
        return;
    }
    drop_comma(out);
    buf_add_char(out, '}');
}

void render_record(struct buf *out, const struct record *r, struct render *how)
{
    buf_add(out, STR("{\"id\":"));
    render_id(out, r->id);
    buf_add(out, STR(",\"properties\":{"));
    render_properties(out, r, how);
    drop_comma(out);
    buf_add_char(out, '}');
    if (how->history) {
        render_history(out, r, how);
    }
    buf_add(out, STR(",\"createdAt\":"));
    render_iso(out, r->created_ms);
    buf_add(out, STR(",\"updatedAt\":"));
    render_iso(out, r->modified_ms);
    buf_add(out, r->archived ? STR(",\"archived\":true") : STR(",\"archived\":false"));
    if (r->archived) {
        buf_add(out, STR(",\"archivedAt\":"));
        render_iso(out, r->overlay && r->overlay->archived_ms ? r->overlay->archived_ms
                                                              : r->modified_ms);
    }
    if (how->n_associations > 0) {
        render_associations(out, r, how);
    }
    buf_add(out, STR(",\"url\":\"https://app.hubspot.com/contacts/"));
    char *to = buf_reserve(out, 2 * TEXT_UINT_MAX + 64);
    if (to) {
        char *end = text_uint(to, r->portal->options.portal_id);
        end = text_copy(end, STR("/record/"));
        end = text_copy(end, object_info(r->shelf->type)->type_id);
        *end++ = '/';
        end = text_uint(end, r->id);
        end = text_copy(end, STR("\"}"));
        buf_commit(out, (size_t)(end - to));
    }
}
