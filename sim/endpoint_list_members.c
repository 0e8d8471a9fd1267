// Who is in a list, and changing that.
#include "sim/endpoints.h"
#include "sim/list_filter.h"
#include "sim/list_write.h"
#include "sim/sim.h"

enum { PAGE_DEFAULT = 100, PAGE_MAX = 250 };

// The live members of a list in an order; owned by the caller.
struct members {
    struct list_member *items;
    size_t n;
};

static int compare_joined(const void *a, const void *b)
{
    const struct list_member *x = a;
    const struct list_member *y = b;
    if (x->at_ms != y->at_ms) {
        return x->at_ms > y->at_ms ? -1 : 1; // the newest first
    }
    return x->record_id < y->record_id ? -1 : x->record_id > y->record_id;
}

static int compare_ids(const void *a, const void *b)
{
    const struct list_member *x = a;
    const struct list_member *y = b;
    return x->record_id < y->record_id ? -1 : x->record_id > y->record_id;
}

static struct members live_members(struct call *c, struct list *l, bool by_join)
{
    const struct shelf *s = &c->sim->portal->shelves[l->object];
    list_work_out(c, l);
    struct members m = {.items = malloc((l->n_members + 1) * sizeof(*m.items))};
    if (!m.items) {
        abort();
    }
    for (size_t i = 0; i < l->n_members; i++) {
        uint32_t slot;
        if (portal_slot_of(s, l->members[i].record_id, &slot) && portal_is_live(s, slot)) {
            m.items[m.n++] = l->members[i];
        }
    }
    if (by_join) {
        qsort(m.items, m.n, sizeof(*m.items), compare_joined);
    }
    return m;
}

// A cursor names a member; pages start behind it, or end before it.
static struct str make_cursor(struct call *c, const struct list_member *m)
{
    return arena_printf(c->arena, "%lld-%llu", (long long)m->at_ms,
                        (unsigned long long)m->record_id);
}

static bool read_cursor(struct call *c, struct str text, struct list_member *ret)
{
    ptrdiff_t dash = str_find_char(text, '-');
    return (dash > 0 && str_to_int64(str_sub(text, 0, (size_t)dash), &ret->at_ms) &&
            str_to_uint64(str_sub(text, (size_t)dash + 1, text.len), &ret->record_id)) ||
           call_error(c, 400, "VALIDATION_ERROR",
                      "'%.*s' is no cursor; it must be the after or before of a former page",
                      STR_ARG(text));
}

// Where the page starts and ends, from the query's after or before.
static bool read_window(struct call *c, const struct members *m, bool by_join, size_t *ret_from,
                        size_t *ret_to)
{
    int64_t limit;
    struct str after = http_server_query(c->request, "after");
    struct str before = http_server_query(c->request, "before");
    struct list_member at = {0};
    if (!call_limit(c, PAGE_DEFAULT, PAGE_MAX, &limit)) {
        return false;
    }
    *ret_from = 0;
    *ret_to = MIN((size_t)limit, m->n);
    if (after.len == 0 && before.len == 0) {
        return true;
    }
    if (!read_cursor(c, after.len > 0 ? after : before, &at)) {
        return false;
    }
    size_t i = 0;
    int (*compare)(const void *, const void *) = by_join ? compare_joined : compare_ids;
    while (i < m->n && compare(&m->items[i], &at) < (after.len > 0 ? 1 : 0)) {
        i++;
    }
    *ret_from = after.len > 0 ? i : i - MIN(i, (size_t)limit);
    *ret_to = after.len > 0 ? MIN(i + (size_t)limit, m->n) : i;
    return true;
}

static void write_link(struct call *c, struct json_writer *w, const char *key, const char *name,
                       const struct list_member *m)
{
    struct str cursor = make_cursor(c, m);
    json_key(w, str_from(key));
    json_begin_object(w);
    json_field_str(w, name, cursor);
    json_field_str(w, "link",
                   arena_printf(c->arena, "https://api.hubapi.com%.*s?%s=%.*s",
                                STR_ARG(c->request->path), name, STR_ARG(cursor)));
    json_end_object(w);
}

static void write_page(struct call *c, const struct members *m, size_t from, size_t to)
{
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_int(&w, "total", (int64_t)m->n);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = from; i < to; i++) {
        json_begin_object(&w);
        json_field_str(&w, "recordId", call_number(c, m->items[i].record_id));
        json_field_str(&w, "membershipTimestamp", call_iso(c, m->items[i].at_ms));
        json_end_object(&w);
    }
    json_end_array(&w);
    if (to < m->n || from > 0) {
        json_key(&w, STR("paging"));
        json_begin_object(&w);
        if (to < m->n && to > 0) {
            write_link(c, &w, "next", "after", &m->items[to - 1]);
        }
        if (from > 0 && from < m->n) {
            write_link(c, &w, "prev", "before", &m->items[from]);
        }
        json_end_object(&w);
    }
    json_end_object(&w);
}

static void page(struct call *c, bool by_join)
{
    size_t from;
    size_t to;
    struct list *l = list_in_path(c, 0);
    if (!l) {
        return;
    }
    struct members m = live_members(c, l, by_join);
    if (read_window(c, &m, by_join, &from, &to)) {
        write_page(c, &m, from, to);
    }
    free(m.items);
}

void endpoint_lists_members(struct call *c)
{
    page(c, false);
}

void endpoint_lists_members_by_join(struct call *c)
{
    page(c, true);
}

// The list in the path if its members can be set by hand.
static struct list *settable(struct call *c)
{
    struct list *l = list_in_path(c, 0);
    if (l && l->processing == LIST_DYNAMIC) {
        call_error(c, 400, "VALIDATION_ERROR",
                   "The members of list %llu follow from its filters: its processing type is "
                   "DYNAMIC",
                   (unsigned long long)l->id);
        refuse_with(c, "subCategory", STR("ILS.INVALID_PROCESSING_TYPE"));
        return NULL;
    }
    return l;
}

// What a call does to a list: ids ascending and distinct, and the texts that are no live records.
struct member_change {
    uint64_t *ids;
    size_t n;
    struct str *missing;
    size_t n_missing;
};

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool read_id(struct call *c, struct json v, struct str *ret)
{
    int64_t number;
    if (json_int(v, &number) && number >= 0) {
        *ret = call_number(c, (uint64_t)number);
        return true;
    }
    return json_string(v, ret) ||
           call_error(c, 400, "VALIDATION_ERROR", "Record ids must be texts of digits");
}

// Sorts the ids and keeps those that the list has (or, `inside` false, has not), each once.
static void sift(const struct list *l, bool inside, struct member_change *ch)
{
    qsort(ch->ids, ch->n, sizeof(*ch->ids), compare_numbers);
    size_t n = 0;
    for (size_t i = 0; i < ch->n; i++) {
        size_t at;
        if (list_position(l, ch->ids[i], &at) == inside &&
            (n == 0 || ch->ids[n - 1] != ch->ids[i])) {
            ch->ids[n++] = ch->ids[i];
        }
    }
    ch->n = n;
}

static bool read_change(struct call *c, const struct list *l, struct json array, bool inside,
                        struct member_change *ret)
{
    const struct shelf *s = &c->sim->portal->shelves[l->object];
    struct json_iter it = json_iter(array);
    struct json v;
    size_t all = json_count(array);
    *ret = (struct member_change){.ids = ARENA_ARRAY(c->arena, uint64_t, all + 1),
                                  .missing = ARENA_ARRAY(c->arena, struct str, all + 1)};
    while (json_next(&it, &v)) {
        struct str text = STR("");
        uint64_t id;
        uint32_t slot;
        if (!read_id(c, v, &text)) {
            return false;
        }
        if (str_to_uint64(text, &id) && portal_slot_of(s, id, &slot) && portal_is_live(s, slot)) {
            ret->ids[ret->n++] = id;
        } else {
            ret->missing[ret->n_missing++] = text;
        }
    }
    sift(l, inside, ret);
    return true;
}

static void write_numbers(struct call *c, struct json_writer *w, const char *key,
                          const struct member_change *ch)
{
    json_key(w, str_from(key));
    json_begin_array(w);
    for (size_t i = 0; i < ch->n; i++) {
        json_put_str(w, call_number(c, ch->ids[i]));
    }
    json_end_array(w);
}

static void write_missing(struct json_writer *w, const struct member_change *ch)
{
    for (size_t i = 0; i < ch->n_missing; i++) {
        json_put_str(w, ch->missing[i]);
    }
}

// Adds the ones, removes the others (either may be absent) and answers.
static void change(struct call *c, struct list *l, const struct json *add,
                   const struct json *remove)
{
    struct member_change adding = {.n = 0};
    struct member_change removing = {.n = 0};
    int64_t now = clock_now_ms(c->sim->clock);
    if ((add && !read_change(c, l, *add, false, &adding)) ||
        (remove && !read_change(c, l, *remove, true, &removing))) {
        return;
    }
    if (!list_add_members(l, adding.ids, adding.n, now)) {
        call_error(c, 400, "VALIDATION_ERROR", "A list holds at most %d records", LIST_MEMBERS_MAX);
        return;
    }
    list_remove_members(l, removing.ids, removing.n);
    l->updated_ms = now;
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    write_numbers(c, &w, "recordsIdsAdded", &adding);
    write_numbers(c, &w, "recordIdsRemoved", &removing);
    json_key(&w, STR("recordIdsMissing"));
    json_begin_array(&w);
    write_missing(&w, &adding);
    write_missing(&w, &removing);
    json_end_array(&w);
    json_end_object(&w);
}

void endpoint_lists_add(struct call *c)
{
    struct json ids;
    struct list *l = settable(c);
    if (l && call_parse_array(c, LIST_CHANGE_MAX, &ids)) {
        change(c, l, &ids, NULL);
    }
}

void endpoint_lists_remove(struct call *c)
{
    struct json ids;
    struct list *l = settable(c);
    if (l && call_parse_array(c, LIST_CHANGE_MAX, &ids)) {
        change(c, l, NULL, &ids);
    }
}

void endpoint_lists_add_and_remove(struct call *c)
{
    struct json add;
    struct json remove;
    struct list *l = settable(c);
    if (!l || !call_parse_body(c) ||
        !field_array(c, c->body, "recordIdsToAdd", FIELD_REQUIRED, &add) ||
        !field_array(c, c->body, "recordIdsToRemove", FIELD_REQUIRED, &remove)) {
        return;
    }
    if (json_count(add) + json_count(remove) > LIST_CHANGE_MAX) {
        call_error(c, 400, "VALIDATION_ERROR", "At most %d records may be added and removed",
                   LIST_CHANGE_MAX);
        return;
    }
    change(c, l, &add, &remove);
}

void endpoint_lists_add_from(struct call *c)
{
    struct list *l = settable(c);
    struct list *from = l ? list_in_path(c, 1) : NULL;
    if (!from) {
        return;
    }
    if (from->object != l->object) {
        call_error(c, 400, "VALIDATION_ERROR", "Both lists must be of one object type");
        return;
    }
    struct members m = live_members(c, from, false);
    struct member_change ch = {.ids = ARENA_ARRAY(c->arena, uint64_t, m.n + 1)};
    for (size_t i = 0; i < m.n && m.n <= LIST_CHANGE_MAX; i++) {
        ch.ids[ch.n++] = m.items[i].record_id;
    }
    sift(l, false, &ch);
    if (m.n > LIST_CHANGE_MAX) {
        call_error(c, 400, "VALIDATION_ERROR",
                   "List %llu has %zu records; at most %d may be added by one call",
                   (unsigned long long)from->id, m.n, LIST_CHANGE_MAX);
    } else if (!list_add_members(l, ch.ids, ch.n, clock_now_ms(c->sim->clock))) {
        call_error(c, 400, "VALIDATION_ERROR", "A list holds at most %d records", LIST_MEMBERS_MAX);
    } else {
        l->updated_ms = clock_now_ms(c->sim->clock);
        c->response->status = 204;
    }
    free(m.items);
}

void endpoint_lists_clear(struct call *c)
{
    struct list *l = settable(c);
    if (!l) {
        return;
    }
    if (l->n_members > LIST_CHANGE_MAX) {
        call_error(c, 400, "VALIDATION_ERROR", "At most %d records may be removed by one call",
                   LIST_CHANGE_MAX);
        return;
    }
    list_clear(l);
    l->updated_ms = clock_now_ms(c->sim->clock);
    c->response->status = 204;
}

void endpoint_lists_of_record(struct call *c)
{
    struct portal *p = c->sim->portal;
    enum object_type object;
    uint64_t id;
    uint32_t slot;
    if (!call_object(c, 0, false, &object)) {
        return;
    }
    if (!str_to_uint64(c->params[1], &id) || !portal_slot_of(&p->shelves[object], id, &slot) ||
        !portal_is_live(&p->shelves[object], slot)) {
        call_not_found(c);
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = 0; i < p->lists.n; i++) {
        struct list *l = &p->lists.items[i];
        size_t at;
        if (l->deleted_ms > 0 || l->object != object) {
            continue;
        }
        list_work_out(c, l);
        if (list_position(l, id, &at)) {
            json_begin_object(&w);
            json_field_str(&w, "listId", call_number(c, l->id));
            json_field_int(&w, "listVersion", l->version);
            json_field_str(&w, "firstAddedTimestamp", call_iso(c, l->members[at].at_ms));
            json_field_str(&w, "lastAddedTimestamp", call_iso(c, l->members[at].at_ms));
            json_field_bool(&w, "isPublicList", false);
            json_end_object(&w);
        }
    }
    json_end_array(&w);
    json_end_object(&w);
}
