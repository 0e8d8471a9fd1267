// Reading many records by id or unique property.
#include "sim/batch.h"
#include "sim/endpoints.h"
#include "sim/lookup.h"
#include "sim/render.h"
#include "sim/sim.h"

enum { BATCH_MAX = 100, BATCH_MAX_HISTORY = 50 };

struct found {
    uint32_t slots[BATCH_MAX];
    size_t n;
    struct str missing[BATCH_MAX];
    size_t n_missing;
};

static bool same_state(const struct shelf *s, uint32_t slot, bool archived)
{
    return (s->flags[slot] & (RECORD_ARCHIVED | RECORD_GONE)) == (archived ? RECORD_ARCHIVED : 0);
}

// The unique property that the inputs are values of; *ret NULL: record ids.
static bool read_id_property(struct call *c, const struct shelf *s, const struct property **ret)
{
    struct str name;
    *ret = NULL;
    if (!json_get_string(c->body, STR("idProperty"), &name) || name.len == 0 ||
        str_eq(name, STR("hs_object_id"))) {
        return true;
    }
    *ret = property_find(&s->properties, name);
    if (!*ret || !(*ret)->unique) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "Property \"%.*s\" is not a unique property of %.*s", STR_ARG(name),
                          STR_ARG(object_info(s->type)->plural));
    }
    return true;
}

static bool find_all(struct call *c, const struct shelf *s, struct json inputs, struct found *f)
{
    const struct property *property;
    if (!read_id_property(c, s, &property)) {
        return false;
    }
    bool archived = call_flag(c, "archived");
    struct json_iter it = json_iter(inputs);
    struct json v;
    while (json_next(&it, &v)) {
        struct str id;
        struct json id_value;
        int64_t number;
        if (json_get(v, STR("id"), &id_value) && json_int(id_value, &number) && number >= 0) {
            id = call_number(c, (uint64_t)number); // a number is taken too
        } else if (!json_get_string(v, STR("id"), &id)) {
            return call_error(c, 400, "VALIDATION_ERROR",
                              "Invalid input JSON: every input needs an 'id'");
        }
        uint64_t n;
        uint32_t slot;
        bool ok = property ? lookup_by_value(c->sim->portal, s->type, property, id, archived, &slot)
                           : str_to_uint64(id, &n) && portal_slot_of(s, n, &slot) &&
                                 same_state(s, slot, archived);
        if (ok) {
            f->slots[f->n++] = slot;
        } else {
            f->missing[f->n_missing++] = id;
        }
    }
    return true;
}

static int compare_slots(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

// In the order of ids, whatever the order asked for, and each once: a batch promises no order.
static void render_found(struct call *c, const struct shelf *s, struct found *f, struct render *how)
{
    struct buf *out = &c->response->body;
    qsort(f->slots, f->n, sizeof(f->slots[0]), compare_slots);
    size_t empty = out->len;
    uint32_t skip = c->page.drop;
    for (size_t i = 0; i < f->n; i++) {
        if ((i > 0 && f->slots[i] == f->slots[i - 1]) || skip > 0) {
            skip -= skip > 0 ? 1 : 0;
            continue;
        }
        struct record r = portal_record(c->sim->portal, s->type, f->slots[i]);
        render_record(out, &r, how);
        buf_add_char(out, ',');
    }
    if (out->len > empty) {
        out->len--;
    }
    buf_add_char(out, ']');
}

static void add_missing(struct call *c, const struct shelf *s, const struct found *f)
{
    struct buf *out = &c->response->body;
    buf_printf(out,
               ",\"numErrors\":1,\"errors\":[{\"status\":\"error\",\"category\":\"OBJECT_NOT_"
               "FOUND\",\"message\":"
               "\"Could not get some %.*s objects, they may be deleted or not exist. Check that "
               "ids are valid.\","
               "\"context\":{\"ids\":[",
               STR_ARG(object_info(s->type)->upper));
    for (size_t i = 0; i < f->n_missing; i++) {
        if (i > 0) {
            buf_add_char(out, ',');
        }
        json_escape(out, f->missing[i]);
    }
    buf_add(out, STR("]}}]"));
    c->response->status = 207;
}

// History in a batch halves its size.
static bool check_history(struct call *c, const struct selection *history, struct json inputs)
{
    if (history && json_count(inputs) > BATCH_MAX_HISTORY) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "The maximum number of inputs supported in a batch request for property "
                          "histories is %d. "
                          "Please reduce the number of items and try again",
                          BATCH_MAX_HISTORY);
    }
    return true;
}

static void read_batch(struct call *c, const struct shelf *s, struct json inputs,
                       struct render *how)
{
    struct found *f = ARENA_NEW(c->arena, struct found);
    if (!check_history(c, how->history, inputs) || !find_all(c, s, inputs, f)) {
        return;
    }
    batch_begin(c);
    render_found(c, s, f, how);
    if (f->n_missing > 0) {
        add_missing(c, s, f);
    }
    buf_add_char(&c->response->body, '}');
}

void endpoint_objects_batch_read(struct call *c)
{
    enum object_type object;
    struct json inputs;
    if (!call_object(c, 0, false, &object) || !call_parse_body(c) ||
        !batch_inputs(c, BATCH_MAX, &inputs)) {
        return;
    }
    struct sim *sim = c->sim;
    const struct shelf *s = &sim->portal->shelves[object];
    struct json names;
    struct str list =
        json_get(c->body, STR("properties"), &names) ? batch_names(c, names) : STR("");
    const struct selection *properties =
        selection_take(sim->selections, sim->portal, object, list, false);
    const struct selection *history = NULL;
    if (json_get(c->body, STR("propertiesWithHistory"), &names) && json_count(names) > 0) {
        history = selection_take(sim->selections, sim->portal, object, batch_names(c, names), true);
    }
    struct render how;
    render_init(&how, properties);
    how.history = history;
    how.omit_nulls = sim->options->omit_nulls;
    read_batch(c, s, inputs, &how);
    render_done(&how);
    selection_release(sim->selections, properties);
    selection_release(sim->selections, history);
}
