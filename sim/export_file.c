#include "sim/export_file.h"

#include "core/limits.h"
#include "sim/generate.h"
#include "sim/list_filter.h"
#include "sim/query.h"
#include "sim/sim.h"
#include "sim/text.h"

static void add_cell(struct buf *out, struct str value, bool first)
{
    if (!first) {
        buf_add_char(out, ',');
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"') {
            buf_add_char(out, '"');
        }
        buf_add_char(out, value.ptr[i]);
    }
    buf_add_char(out, '"');
}

static uint32_t *room_for(size_t n)
{
    uint32_t *slots = malloc((n + 1) * sizeof(*slots));
    if (!slots) {
        abort();
    }
    return slots;
}

static bool pick_list(struct call *c, const struct export_order *o, uint32_t **ret, size_t *ret_n)
{
    struct portal *p = c->sim->portal;
    const struct shelf *s = &p->shelves[o->object];
    struct list *l = lists_find(&p->lists, o->list_id);
    if (!l || l->deleted_ms != 0 || l->object != o->object) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "listId %llu is no list of the object type of the export",
                          (unsigned long long)o->list_id);
    }
    list_work_out(c, l);
    *ret = room_for(l->n_members);
    *ret_n = 0;
    for (size_t i = 0; i < l->n_members; i++) {
        uint32_t slot;
        if (portal_slot_of(s, l->members[i].record_id, &slot) && portal_is_live(s, slot)) {
            (*ret)[(*ret_n)++] = slot;
        }
    }
    return true;
}

// The order's search as a query, whose texts are in the call's arena and the document.
static bool parse_search(struct call *c, const struct export_order *o, struct json_doc *doc,
                         struct query *q)
{
    struct error err;
    struct json was = c->body;
    struct http_server_request *request = c->request;
    struct http_server_request inner = *request;
    inner.body = o->search;
    c->request = &inner;
    bool ok = json_parse(doc, o->search, &c->body, &err);
    assert(ok); // written by ourselves
    ok = query_parse(c, o->object, q);
    c->body = was;
    c->request = request;
    return ok;
}

static bool pick_search(struct call *c, const struct export_order *o, uint32_t **ret, size_t *ret_n)
{
    const struct shelf *s = &c->sim->portal->shelves[o->object];
    struct query *q = ARENA_NEW(c->arena, struct query);
    struct json_doc *doc = json_doc_create();
    struct query_matcher m;
    if (!parse_search(c, o, doc, q)) {
        json_doc_destroy(doc);
        return false;
    }
    *ret = room_for(s->n);
    *ret_n = 0;
    query_matcher_init(&m, q, clock_mono_us(c->sim->clock));
    for (uint32_t slot = 0; slot < s->n; slot++) {
        if (portal_is_live(s, slot) && query_matches(&m, slot)) {
            (*ret)[(*ret_n)++] = slot;
        }
    }
    query_matcher_done(&m);
    json_doc_destroy(doc);
    return true;
}

bool export_pick(struct call *c, const struct export_order *o, uint32_t **ret_slots, size_t *ret_n)
{
    return o->list_id > 0 ? pick_list(c, o, ret_slots, ret_n) : pick_search(c, o, ret_slots, ret_n);
}

static void write_headers(struct call *c, const struct export_order *o, struct buf *out)
{
    const struct portal *p = c->sim->portal;
    struct str rest = o->properties;
    struct str name;
    add_cell(out, o->names ? STR("hs_object_id") : STR("Record ID"), true);
    while (rest.len > 0 && str_next(&rest, ',', &name)) {
        const struct property *property = property_find(&p->shelves[o->object].properties, name);
        add_cell(out, !property || o->names ? name : property->label, false);
    }
    for (size_t i = 0; i < o->n_associated; i++) {
        add_cell(out,
                 arena_printf(c->arena, "Associated %.*s IDs",
                              STR_ARG(portal_object_name(p, o->associated[i]))),
                 false);
    }
    buf_add(out, STR("\r\n"));
}

// The labels of a value's parts, joined by ';'.
static void add_labels(const struct property *p, struct str value, struct buf *out)
{
    struct str part;
    bool first = true;
    while (value.len > 0 && str_next(&value, ';', &part)) {
        struct str label = part;
        for (size_t i = 0; i < p->n_options; i++) {
            label = str_eq(p->options[i].value, part) ? p->options[i].label : label;
        }
        buf_add(out, first ? STR("") : STR(";"));
        buf_add(out, label);
        first = false;
    }
}

// As people read it: labels of options, "2026-11-22 10:00" for times. Appended to `shown`.
static struct str human(const struct property *p, struct str value, struct buf *shown)
{
    bool options = p->type == PROPERTY_ENUMERATION || p->type == PROPERTY_BOOL;
    buf_reset(shown);
    if (options && p->n_options > 0) {
        add_labels(p, value, shown);
        return buf_str(shown);
    }
    if (p->type == PROPERTY_DATETIME && value.len >= 16 && value.ptr[10] == 'T') {
        buf_add(shown, str_sub(value, 0, 10));
        buf_add_char(shown, ' ');
        buf_add(shown, str_sub(value, 11, 5));
        return buf_str(shown);
    }
    return value;
}

// Memory that rows share.
struct row_scratch {
    struct buf value;
    struct buf shown;
    struct neighbors neighbors;
};

static void write_row(struct call *c, const struct export_order *o, uint32_t slot,
                      struct row_scratch *scratch, struct buf *out)
{
    const struct portal *p = c->sim->portal;
    struct record r = portal_record(p, o->object, slot);
    struct str rest = o->properties;
    struct str name;
    char id[TEXT_UINT_MAX];
    add_cell(out, (struct str){id, (size_t)(text_uint(id, r.id) - id)}, true);
    while (rest.len > 0 && str_next(&rest, ',', &name)) {
        const struct property *property = property_find(&p->shelves[o->object].properties, name);
        buf_reset(&scratch->value);
        bool there = property && generate_value(&r, property, &scratch->value);
        struct str value = there ? buf_str(&scratch->value) : STR("");
        add_cell(out, there && !o->values ? human(property, value, &scratch->shown) : value, false);
    }
    for (size_t i = 0; i < o->n_associated; i++) {
        const struct shelf *to = &p->shelves[o->associated[i]];
        associations_list(p, o->object, slot, o->associated[i], &scratch->neighbors);
        buf_reset(&scratch->value);
        for (size_t k = 0; k < scratch->neighbors.n; k++) {
            buf_printf(&scratch->value, "%s%llu", k > 0 ? ";" : "",
                       (unsigned long long)portal_id_of(to, scratch->neighbors.items[k].slot));
        }
        add_cell(out, buf_str(&scratch->value), false);
    }
    buf_add(out, STR("\r\n"));
}

void export_write(struct call *c, const struct export_order *o, const uint32_t *slots, size_t n,
                  struct buf *out)
{
    struct row_scratch scratch = {.neighbors = {0}};
    buf_init(&scratch.value, LIMIT_VALUE_BYTES);
    buf_init(&scratch.shown, LIMIT_VALUE_BYTES);
    write_headers(c, o, out);
    for (size_t i = 0; i < n && !out->overflow; i++) {
        write_row(c, o, slots[i], &scratch, out);
    }
    neighbors_done(&scratch.neighbors);
    buf_done(&scratch.value);
    buf_done(&scratch.shown);
}
