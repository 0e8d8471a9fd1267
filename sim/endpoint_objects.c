// Listing and reading one record.
#include "sim/endpoints.h"
#include "sim/find.h"
#include "sim/render.h"
#include "sim/sim.h"

enum { LIST_DEFAULT = 10, LIST_MAX = 100, LIST_MAX_HISTORY = 50 };

// What list and get have in common: properties, history, associations.
struct view {
    struct render how;
    const struct selection *properties;
    const struct selection *history;
};

static void view_done(struct call *c, struct view *v)
{
    render_done(&v->how);
    selection_release(c->sim->selections, v->properties);
    selection_release(c->sim->selections, v->history);
}

static bool read_association_types(struct call *c, struct render *how)
{
    struct str list = call_list(c, "associations");
    struct str name;
    while (list.len > 0 && str_next(&list, ',', &name)) {
        enum object_type to;
        name = str_trim(name);
        if (name.len == 0) {
            continue;
        }
        if (!portal_object(c->sim->portal, name, true, &to)) {
            return call_error(c, 400, "VALIDATION_ERROR", "Unable to infer object type from: %.*s",
                              STR_ARG(name));
        }
        bool known = false;
        for (size_t i = 0; i < how->n_associations; i++) {
            known = known || how->associations[i] == to;
        }
        if (!known) {
            how->associations[how->n_associations++] = to;
        }
    }
    return true;
}

static bool view_init(struct call *c, enum object_type object, struct view *v)
{
    unsigned seen = visibility_of(c, object);
    *v = (struct view){0};
    v->properties = selection_take(c->sim->selections, c->sim->portal, object,
                                   call_list(c, "properties"), false, seen);
    render_init(&v->how, v->properties);
    v->how.omit_nulls = c->sim->options->omit_nulls;
    struct str history = call_list(c, "propertiesWithHistory");
    if (history.len > 0) {
        v->history =
            selection_take(c->sim->selections, c->sim->portal, object, history, true, seen);
        v->how.history = v->history;
    }
    if (!read_association_types(c, &v->how)) {
        view_done(c, v);
        return false;
    }
    return true;
}

static bool read_after(struct call *c, uint64_t *ret)
{
    struct str text = http_server_query(c->request, "after");
    *ret = 0;
    if (text.len > 0 && !str_to_uint64(text, ret)) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "Invalid after: %.*s. It must be the after of a former page.",
                          STR_ARG(text));
    }
    return true;
}

static bool listed(const struct shelf *s, uint32_t slot, bool archived)
{
    uint8_t wanted = archived ? RECORD_ARCHIVED : 0;
    return (s->flags[slot] & (RECORD_ARCHIVED | RECORD_GONE)) == wanted;
}

static uint32_t next_listed(const struct shelf *s, uint32_t slot, bool archived)
{
    while (slot < s->n && !listed(s, slot, archived)) {
        slot++;
    }
    return slot;
}

// Renders the page that starts at `slot`; the first slot behind it.
static uint32_t render_page(struct call *c, enum object_type object, uint32_t slot, int64_t limit,
                            bool archived, struct render *how)
{
    const struct portal *p = c->sim->portal;
    const struct shelf *s = &p->shelves[object];
    struct buf *out = &c->response->body;
    struct page_fault fault = c->page;
    limit = fault.empty ? 0 : fault.most > 0 ? MIN(limit, (int64_t)fault.most) : limit;
    buf_add(out, STR("{\"results\":["));
    size_t empty = out->len;
    for (int64_t n = 0; n < limit; n++) {
        slot = next_listed(s, slot, archived);
        if (slot == s->n) {
            break;
        }
        struct record r = portal_record(p, object, slot++);
        if (fault.drop > 0) {
            fault.drop--;
            continue;
        }
        for (bool again = true; again; fault.twice -= again ? 1 : 0) {
            render_record(out, &r, how);
            buf_add_char(out, ',');
            again = fault.twice > 0;
        }
    }
    if (out->len > empty) {
        out->len--;
    }
    buf_add_char(out, ']');
    return slot;
}

void endpoint_objects_list(struct call *c)
{
    enum object_type object = OBJECT_COUNT;
    struct view v;
    int64_t limit = 0;
    uint64_t after = 0;
    if (!call_object(c, 0, false, &object) || !call_limit(c, LIST_DEFAULT, LIST_MAX, &limit) ||
        !read_after(c, &after) || !view_init(c, object, &v)) {
        return;
    }
    if (v.history && limit > LIST_MAX_HISTORY) {
        call_error(c, 400, "VALIDATION_ERROR",
                   "The maximum page size when requesting property histories is %d. Please reduce "
                   "limit and try again",
                   LIST_MAX_HISTORY);
        view_done(c, &v);
        return;
    }
    const struct shelf *s = &c->sim->portal->shelves[object];
    bool archived = call_flag(c, "archived");
    uint32_t start = portal_lower_bound(s, after);
    uint32_t end = render_page(c, object, start, limit, archived, &v.how);
    uint32_t next = next_listed(s, end, archived);
    if (next < s->n) {
        uint64_t next_after =
            end > 0 && end > start ? portal_id_of(s, end - 1) + 1 : portal_id_of(s, next);
        call_add_paging(c, call_number(c, next_after), true);
    }
    buf_add_char(&c->response->body, '}');
    view_done(c, &v);
}

// The slot that the path names, by id or by the idProperty; false after an answer.
static bool find_one(struct call *c, enum object_type object, uint32_t *ret_slot)
{
    struct refusal why;
    struct find_by by = {.archived = call_flag(c, "archived"), .merged = true};
    struct str name = http_server_query(c->request, "idProperty");
    if (!find_property(c, object, name, &by.property, &why)) {
        return refusal_answer(c, &why);
    }
    return find_record(c->sim->portal, object, &by, c->params[1], ret_slot) || call_not_found(c);
}

void endpoint_objects_get(struct call *c)
{
    enum object_type object = OBJECT_COUNT;
    struct view v;
    uint32_t slot = 0;
    if (!call_object(c, 0, false, &object) || !find_one(c, object, &slot) ||
        !view_init(c, object, &v)) {
        return;
    }
    struct record r = portal_record(c->sim->portal, object, slot);
    render_record(&c->response->body, &r, &v.how);
    view_done(c, &v);
}
