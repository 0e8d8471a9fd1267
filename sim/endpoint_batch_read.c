// Reading many records by id or unique property.
#include "sim/batch.h"
#include "sim/endpoints.h"
#include "sim/find.h"
#include "sim/render.h"
#include "sim/sim.h"
#include "sim/write_links.h"

enum { BATCH_MAX = 100, BATCH_MAX_HISTORY = 50 };

struct found {
    uint32_t slots[BATCH_MAX];
    size_t n;
    struct str missing[BATCH_MAX];
    size_t n_missing;
};

static bool find_all(struct call *c, const struct shelf *s, struct json inputs, struct found *f)
{
    struct refusal why;
    struct str name = STR("");
    struct find_by by = {.archived = call_flag(c, "archived")};
    json_get_string(c->body, STR("idProperty"), &name);
    if (!find_property(c, s->type, name, &by.property, &why)) {
        return refusal_answer(c, &why);
    }
    struct json_iter it = json_iter(inputs);
    struct json v;
    while (json_next(&it, &v)) {
        struct str id;
        struct json id_value;
        if (!json_get(v, STR("id"), &id_value) || !write_links_id(c, id_value, &id)) {
            return call_error(c, 400, "VALIDATION_ERROR",
                              "Invalid input JSON: every input needs an 'id'");
        }
        uint32_t slot;
        if (find_record(c->sim->portal, s->type, &by, id, &slot)) {
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
    unsigned seen = visibility_of(c, object);
    const struct selection *properties =
        selection_take(sim->selections, sim->portal, object, list, false, seen);
    const struct selection *history = NULL;
    if (json_get(c->body, STR("propertiesWithHistory"), &names) && json_count(names) > 0) {
        history =
            selection_take(sim->selections, sim->portal, object, batch_names(c, names), true, seen);
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
