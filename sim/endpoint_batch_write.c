// Creating, updating, upserting and archiving up to 100 records.
//
// A batch promises no order: it is worked off, and answered, in one that has nothing to do with the
// order of the inputs.
#include "core/random.h"
#include "sim/batch.h"
#include "sim/endpoints.h"
#include "sim/find.h"
#include "sim/sim.h"
#include "sim/write.h"
#include "sim/write_links.h"

enum { BATCH_MAX = 100, ERRORS_MAX = 8 * 1024 * 1024 };

enum batch_kind { BATCH_CREATE, BATCH_UPDATE, BATCH_UPSERT };

struct item {
    struct json input;
    struct str id;    // of update and upsert
    struct str trace; // objectWriteTraceId; empty: none
    struct write write;
    struct write_key key;
    bool missing; // an update of a record that is not there
};

struct batch {
    struct call *call;
    enum batch_kind kind;
    enum object_type object;
    const struct property *id_property; // NULL: record ids
    struct item *items;
    size_t n;
    uint32_t order[BATCH_MAX];
    struct buf errors; // each followed by a comma
    size_t n_errors;
    size_t n_results;
};

static void shuffle(struct batch *b)
{
    uint64_t seed = b->call->sim->portal->options.seed;
    for (uint32_t i = 0; i < b->n; i++) {
        b->order[i] = i;
    }
    for (size_t i = b->n; i > 1; i--) {
        size_t k = (size_t)(random_mix(seed + i) % i);
        uint32_t keep = b->order[i - 1];
        b->order[i - 1] = b->order[k];
        b->order[k] = keep;
    }
}

static bool is_email(const struct property *p)
{
    return p && p->kind == KIND_EMAIL;
}

// The property that the ids of all inputs are values of.
static bool read_id_property(struct batch *b, struct json input, bool first, struct refusal *why)
{
    struct call *c = b->call;
    struct str name = STR("");
    const struct property *p;
    json_get_string(input, STR("idProperty"), &name);
    if (!find_property(c, b->object, name, &p, why)) {
        return refuse(c, why, 400, "VALIDATION_ERROR",
                      "Unable to perform update/upsert by non-unique %.*s property %.*s in portal "
                      "ID %llu",
                      STR_ARG(object_info(b->object)->type_id), STR_ARG(name),
                      (unsigned long long)c->sim->portal->options.portal_id);
    }
    if (b->kind == BATCH_UPDATE && is_email(p)) {
        return refuse(c, why, 400, "VALIDATION_ERROR",
                      "Unable to perform update/upsert by non-unique %.*s property %.*s in portal "
                      "ID %llu",
                      STR_ARG(object_info(b->object)->type_id), STR_ARG(name),
                      (unsigned long long)c->sim->portal->options.portal_id);
    }
    if (b->kind == BATCH_UPSERT && !p) {
        return refuse(c, why, 400, "VALIDATION_ERROR",
                      "Invalid input JSON: every input of an upsert needs an 'idProperty': email "
                      "or a unique property");
    }
    if (!first && p != b->id_property) {
        return refuse(c, why, 400, "VALIDATION_ERROR",
                      "All inputs of a batch must have the same idProperty");
    }
    b->id_property = p;
    return true;
}

static bool read_item(struct batch *b, size_t i, struct json input, struct refusal *why)
{
    struct call *c = b->call;
    struct item *item = &b->items[i];
    struct json id;
    *item = (struct item){.input = input, .write = {.call = c, .object = b->object}};
    json_get_string(input, STR("objectWriteTraceId"), &item->trace);
    if (b->kind == BATCH_CREATE) {
        item->write.creates = true;
        return true;
    }
    if (!json_get(input, STR("id"), &id) || !write_links_id(c, id, &item->id) ||
        item->id.len == 0) {
        return refuse(c, why, 400, "VALIDATION_ERROR",
                      "Invalid input JSON: every input needs an 'id'");
    }
    return read_id_property(b, input, i == 0, why);
}

static bool read_items(struct batch *b, struct json inputs, struct refusal *why)
{
    b->n = json_count(inputs);
    b->items = ARENA_ARRAY(b->call->arena, struct item, b->n + 1);
    struct json_iter it = json_iter(inputs);
    struct json v;
    for (size_t i = 0; json_next(&it, &v); i++) {
        if (!read_item(b, i, v, why)) {
            return false;
        }
    }
    return true;
}

// HubSpot does not say what happens to a record that is in a batch twice; here it is refused.
static bool check_duplicates(struct batch *b, struct refusal *why)
{
    for (size_t i = 0; i < b->n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (b->items[i].id.len > 0 && str_eq_nocase(b->items[i].id, b->items[k].id)) {
                return refuse(b->call, why, 400, "VALIDATION_ERROR",
                              "Duplicate IDs found in batch input: [%.*s]. IDs must be unique",
                              STR_ARG(b->items[i].id));
            }
        }
    }
    return true;
}

// Whether a failing input leaves the others be: when each has an objectWriteTraceId of its own.
static bool is_partial(const struct batch *b)
{
    if (b->kind == BATCH_UPSERT && is_email(b->id_property)) {
        return false;
    }
    for (size_t i = 0; i < b->n; i++) {
        if (b->items[i].trace.len == 0) {
            return false;
        }
        for (size_t k = 0; k < i; k++) {
            if (str_eq(b->items[i].trace, b->items[k].trace)) {
                return false;
            }
        }
    }
    return true;
}

// Which record the input is about, then what it asks for.
static bool prepare(struct batch *b, struct item *item, struct refusal *why)
{
    struct find_by by = {.property = b->id_property};
    struct write *w = &item->write;
    if (b->kind != BATCH_CREATE &&
        !find_record(b->call->sim->portal, b->object, &by, item->id, &w->slot)) {
        item->missing = b->kind == BATCH_UPDATE;
        w->creates = b->kind == BATCH_UPSERT;
    }
    if (item->missing) {
        return true;
    }
    item->key = (struct write_key){b->id_property, item->id};
    return write_read(w, item->input, w->creates && b->kind == BATCH_UPSERT ? &item->key : NULL,
                      why);
}

static void add_result(struct batch *b, const struct item *item)
{
    struct buf *out = &b->call->response->body;
    write_render(&item->write);
    assert(out->ptr[out->len - 1] == '}');
    out->len--;
    if (b->kind == BATCH_UPSERT) {
        buf_add(out, item->write.creates ? STR(",\"new\":true") : STR(",\"new\":false"));
    }
    if (item->trace.len > 0) {
        buf_add(out, STR(",\"objectWriteTraceId\":"));
        json_escape(out, item->trace);
    }
    buf_add(out, STR("},"));
    b->n_results++;
}

static void add_error(struct batch *b, const struct refusal *why, const struct item *item)
{
    refusal_write(&b->errors, why, item->trace);
    b->n_errors++;
}

static void add_missing(struct batch *b, const struct item *item)
{
    struct refusal why;
    refuse(b->call, &why, 404, "OBJECT_NOT_FOUND",
           "Could not get some %.*s objects, they may be deleted or not exist. Check that ids are "
           "valid.",
           STR_ARG(object_info(b->object)->upper));
    refusal_add_context(b->call, &why, "ids", item->id);
    add_error(b, &why, item);
}

// All or nothing: everything is checked before anything is done.
static bool prepare_all(struct batch *b, struct refusal *why)
{
    for (size_t i = 0; i < b->n; i++) {
        if (!prepare(b, &b->items[i], why)) {
            return false;
        }
        struct str value;
        for (size_t k = 0; k < i; k++) {
            if (write_collides(&b->items[i].write, &b->items[k].write, &value)) {
                return refuse(b->call, why, 400, "VALIDATION_ERROR",
                              "Two inputs have the same unique value: %.*s", STR_ARG(value));
            }
        }
    }
    return true;
}

static bool run(struct batch *b, bool partial, struct refusal *why)
{
    if (!partial && !prepare_all(b, why)) {
        return false;
    }
    for (size_t i = 0; i < b->n; i++) {
        struct item *item = &b->items[b->order[i]];
        struct refusal own;
        bool ok = !partial || prepare(b, item, &own);
        if (ok && item->missing) {
            add_missing(b, item);
            continue;
        }
        ok = ok && write_apply(&item->write, &own);
        if (ok) {
            add_result(b, item);
        } else {
            add_error(b, &own, item);
        }
    }
    return true;
}

static void finish(struct batch *b)
{
    struct call *c = b->call;
    struct buf *out = &c->response->body;
    if (b->n_results > 0) {
        out->len--;
    }
    buf_add_char(out, ']');
    c->response->status = b->kind == BATCH_CREATE ? 201 : 200;
    if (b->n_errors > 0) {
        buf_printf(out, ",\"numErrors\":%zu,\"errors\":[", b->n_errors);
        buf_add(out, str_sub(buf_str(&b->errors), 0, b->errors.len - 1));
        buf_add_char(out, ']');
        c->response->status = 207;
    }
    buf_add_char(out, '}');
}

static void write_batch(struct call *c, enum batch_kind kind)
{
    struct batch b = {.call = c, .kind = kind};
    struct json inputs;
    struct refusal why;
    if (!write_object(c, &b.object) || !call_parse_body(c) ||
        !batch_inputs(c, BATCH_MAX, &inputs)) {
        return;
    }
    buf_init(&b.errors, ERRORS_MAX);
    bool ok = read_items(&b, inputs, &why) && check_duplicates(&b, &why);
    if (ok) {
        shuffle(&b);
        batch_begin(c);
        ok = run(&b, is_partial(&b), &why);
    }
    if (ok) {
        finish(&b);
    } else {
        refusal_answer(c, &why);
    }
    buf_done(&b.errors);
}

void endpoint_objects_batch_create(struct call *c)
{
    write_batch(c, BATCH_CREATE);
}

void endpoint_objects_batch_update(struct call *c)
{
    write_batch(c, BATCH_UPDATE);
}

void endpoint_objects_batch_upsert(struct call *c)
{
    write_batch(c, BATCH_UPSERT);
}

void endpoint_objects_batch_archive(struct call *c)
{
    enum object_type object;
    struct json inputs;
    if (!write_object(c, &object) || !call_parse_body(c) || !batch_inputs(c, BATCH_MAX, &inputs)) {
        return;
    }
    struct mutate m = write_mutate(c, object);
    struct find_by by = {0};
    struct json_iter it = json_iter(inputs);
    struct json v;
    struct json id;
    struct str text;
    while (json_next(&it, &v)) { // first all of them: a wrong one stops the whole
        if (!json_get(v, STR("id"), &id) || !write_links_id(c, id, &text)) {
            call_error(c, 400, "VALIDATION_ERROR", "Invalid input JSON: every input needs an 'id'");
            return;
        }
    }
    it = json_iter(inputs);
    while (json_next(&it, &v)) {
        uint32_t slot;
        if (json_get(v, STR("id"), &id) && write_links_id(c, id, &text) &&
            find_record(m.portal, object, &by, text, &slot)) {
            mutate_archive(&m, slot);
        }
    }
    c->response->status = 204;
}
