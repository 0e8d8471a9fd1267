// Searching records.
#include "sim/batch.h"
#include "sim/endpoints.h"
#include "sim/render.h"
#include "sim/search.h"
#include "sim/sim.h"

enum { SEARCH_DEFAULT = 10 };

// A number that may come as a JSON number or as text.
static bool read_number(struct call *c, const char *name, uint64_t fallback, uint64_t *ret)
{
    struct json v;
    struct str text;
    int64_t n;
    *ret = fallback;
    if (!json_get(c->body, str_from(name), &v) || json_is_null(v)) {
        return true;
    }
    if (json_int(v, &n) && n >= 0) {
        *ret = (uint64_t)n;
        return true;
    }
    if (json_string(v, &text) && (text.len == 0 || str_to_uint64(text, ret))) {
        return true;
    }
    return call_error(c, 400, "VALIDATION_ERROR", "Invalid input JSON: '%s' must be a whole number",
                      name);
}

static bool read_page(struct call *c, uint64_t *ret_limit, uint64_t *ret_after)
{
    if (!read_number(c, "limit", SEARCH_DEFAULT, ret_limit) ||
        !read_number(c, "after", 0, ret_after)) {
        return false;
    }
    if (*ret_limit > SEARCH_PAGE_MAX) {
        return call_error(c, 400, "VALIDATION_ERROR", "Invalid limit: %llu. It must be at most %d.",
                          (unsigned long long)*ret_limit, SEARCH_PAGE_MAX);
    }
    if (*ret_after >= SEARCH_WALL || *ret_after + *ret_limit > SEARCH_WALL) {
        return call_problem(c, 400); // past the wall there is no explanation
    }
    return true;
}

static void render_results(struct call *c, const struct query *q, const struct search_page *page,
                           struct render *how)
{
    struct buf *out = &c->response->body;
    struct page_fault fault = c->page;
    buf_printf(out, "{\"total\":%llu,\"results\":[", (unsigned long long)page->total);
    size_t empty = out->len;
    for (size_t i = 0; i < page->n && !fault.empty; i++) {
        if (fault.drop > 0) {
            fault.drop--;
            continue;
        }
        struct record r = portal_record(q->portal, q->object, page->slots[i]);
        r.archived = false; // a stale index does not know better
        render_record(out, &r, how);
        buf_add_char(out, ',');
        for (; fault.twice > 0; fault.twice--) {
            render_record(out, &r, how);
            buf_add_char(out, ',');
        }
    }
    if (out->len > empty) {
        out->len--;
    }
    buf_add_char(out, ']');
}

void endpoint_objects_search(struct call *c)
{
    enum object_type object;
    uint64_t limit;
    uint64_t after;
    struct sim *sim = c->sim;
    if (!call_object(c, 0, false, &object) || !call_parse_body(c) ||
        !read_page(c, &limit, &after)) {
        return;
    }
    struct query *q = ARENA_NEW(c->arena, struct query);
    if (!query_parse(c, object, q)) {
        return;
    }
    struct search_page *page = ARENA_NEW(c->arena, struct search_page);
    uint64_t most = c->page.most > 0 ? MIN(limit, (uint64_t)c->page.most) : limit;
    struct search_want want = {
        .offset = after, .limit = (size_t)most, .now_us = clock_mono_us(sim->clock)};
    search_run(sim->searches, q, c->arena, &want, page);
    struct json names;
    struct str list =
        json_get(c->body, STR("properties"), &names) ? batch_names(c, names) : STR("");
    const struct selection *properties =
        selection_take(sim->selections, sim->portal, object, list, false, q->seen);
    struct render how;
    render_init(&how, properties);
    how.omit_nulls = sim->options->omit_nulls;
    render_results(c, q, page, &how);
    uint64_t next = after + (c->page.empty ? 0 : page->n);
    if (next < page->total && (page->n > 0 || c->page.empty)) {
        call_add_paging(c, call_number(c, next), false);
    }
    buf_add_char(&c->response->body, '}');
    render_done(&how);
    selection_release(sim->selections, properties);
}
