// Associations: many records at once, one record's list, and the labels there are.
#include "sim/batch.h"
#include "sim/endpoints.h"
#include "sim/render.h"
#include "sim/sim.h"

enum { INPUTS_MAX = 1000, PAGE_MAX = 500 };

// Between which types the call is, and the pair's table row (NULL: nothing can be associated).
struct ends {
    enum object_type from;
    enum object_type to;
    const struct association_pair *pair;
};

static bool read_ends(struct call *c, size_t from, size_t to, struct ends *ret)
{
    bool forward;
    if (!call_object(c, from, true, &ret->from) || !call_object(c, to, true, &ret->to)) {
        return false;
    }
    ret->pair = association_pair_of(&c->sim->portal->associations, ret->from, ret->to, &forward);
    return true;
}

static void write_types(struct buf *out, const struct association_pair *pair,
                        const struct neighbor *n)
{
    buf_add(out, STR(",\"associationTypes\":["));
    for (size_t i = 0; i < pair->n_labels; i++) {
        const struct association_label *l = &pair->labels[i];
        if (!(n->mask >> i & 1)) {
            continue;
        }
        const char *label = n->forward ? l->label : l->reverse_label;
        buf_add(out, l->user_defined ? STR("{\"category\":\"USER_DEFINED\",\"typeId\":")
                                     : STR("{\"category\":\"HUBSPOT_DEFINED\",\"typeId\":"));
        buf_add_int(out, n->forward ? l->forward_id : l->reverse_id);
        buf_add(out, STR(",\"label\":"));
        if (label) {
            json_escape(out, str_from(label));
        } else {
            buf_add(out, STR("null"));
        }
        buf_add(out, STR("},"));
    }
    out->len--;
    buf_add_char(out, ']');
}

static void write_neighbor(struct buf *out, const struct shelf *to, const struct ends *e,
                           const struct neighbor *n)
{
    buf_add(out, STR("{\"toObjectId\":"));
    buf_add_int(out, (int64_t)portal_id_of(to, n->slot));
    write_types(out, e->pair, n);
    buf_add(out, STR("},"));
}

// The cursor is base64 of "typeId-recordId" of the next record, as HubSpot's is; clients must not
// look inside.
static struct str make_after(struct call *c, const struct ends *e, const struct neighbor *next,
                             uint64_t id)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const struct association_label *l = &e->pair->labels[0];
    struct str plain = arena_printf(
        c->arena, "%d-%llu", next->forward ? l->forward_id : l->reverse_id, (unsigned long long)id);
    char *out = arena_alloc(c->arena, plain.len * 2 + 8);
    char *to = out;
    for (size_t i = 0; i < plain.len; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++) {
            bits = bits << 8 | (i + k < plain.len ? (unsigned char)plain.ptr[i + k] : 0);
        }
        for (size_t k = 0; k < 4; k++) {
            *to++ = i + k <= plain.len ? digits[bits >> (18 - 6 * k) & 63] : '=';
        }
    }
    return (struct str){out, (size_t)(to - out)};
}

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool read_after(struct call *c, struct str after, uint64_t *ret_id)
{
    char *plain = arena_alloc(c->arena, after.len + 4);
    size_t n = 0;
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < after.len && after.ptr[i] != '='; i++) {
        int digit = digit_of(after.ptr[i]);
        if (digit < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            plain[n++] = (char)(bits >> have & 255);
        }
    }
    struct str text = {plain, n};
    ptrdiff_t dash = str_find_char(text, '-');
    return dash > 0 && str_to_uint64(str_sub(text, (size_t)dash + 1, n), ret_id);
}

// "results":[...] of one record from the cursor on, and its paging; false when there are none.
static bool write_list(struct call *c, const struct ends *e, uint32_t slot, uint64_t after,
                       size_t limit, struct neighbors *scratch)
{
    const struct portal *p = c->sim->portal;
    const struct shelf *to = &p->shelves[e->to];
    struct buf *out = &c->response->body;
    associations_list(p, e->from, slot, e->to, scratch);
    size_t i = 0;
    uint32_t first = after > 0 ? portal_lower_bound(to, after) : 0;
    while (i < scratch->n && scratch->items[i].slot < first) {
        i++;
    }
    if (i == scratch->n) {
        return false;
    }
    size_t end = MIN(i + limit, scratch->n);
    for (; i < end; i++) {
        write_neighbor(out, to, e, &scratch->items[i]);
    }
    out->len--;
    buf_add_char(out, ']');
    if (end < scratch->n) {
        uint64_t next = portal_id_of(to, scratch->items[end].slot);
        call_add_paging(c, make_after(c, e, &scratch->items[end], next), true);
    }
    return true;
}

static bool slot_of_id(const struct shelf *s, struct str id, uint32_t *ret)
{
    uint64_t n;
    return str_to_uint64(id, &n) && portal_slot_of(s, n, ret) && portal_is_live(s, *ret);
}

// The errors of a batch, each followed by a comma.
struct errors {
    struct buf text;
    size_t n;
};

static void add_error(struct errors *errors, const struct ends *e, struct str id)
{
    const struct object_info *from = object_info(e->from);
    const struct object_info *to = object_info(e->to);
    errors->n++;
    buf_printf(&errors->text,
               "{\"status\":\"error\",\"category\":\"OBJECT_NOT_FOUND\",\"subCategory\":"
               "\"crm.associations.NO_ASSOCIATIONS_FOUND\",\"message\":\"No %.*s is associated "
               "with %.*s %.*s.\","
               "\"context\":{\"fromObjectId\":[\"%.*s\"],\"fromObjectType\":[\"%.*s\"],"
               "\"toObjectType\":[\"%.*s\"]}},",
               STR_ARG(to->singular), STR_ARG(from->singular), STR_ARG(id), STR_ARG(id),
               STR_ARG(from->singular), STR_ARG(to->singular));
}

static bool read_input(struct call *c, struct json v, struct str *ret_id, uint64_t *ret_after)
{
    struct str after;
    int64_t number;
    *ret_after = 0;
    if (json_get_int(v, STR("id"), &number) && number >= 0) {
        *ret_id = call_number(c, (uint64_t)number);
    } else if (!json_get_string(v, STR("id"), ret_id)) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "Invalid input JSON: every input needs an 'id'");
    }
    if (json_get_string(v, STR("after"), &after) && after.len > 0 &&
        !read_after(c, after, ret_after)) {
        return call_error(c, 400, "VALIDATION_ERROR", "Invalid after: %.*s", STR_ARG(after));
    }
    return true;
}

static bool is_digits(struct str s)
{
    uint64_t n;
    return str_to_uint64(s, &n);
}

// All inputs into the response, those without associations into `errors`.
static bool write_batch(struct call *c, const struct ends *e, struct json inputs,
                        struct errors *errors, struct neighbors *scratch)
{
    const struct shelf *from = &c->sim->portal->shelves[e->from];
    struct buf *out = &c->response->body;
    struct json_iter it = json_iter(inputs);
    struct json v;
    size_t empty = out->len;
    while (json_next(&it, &v)) {
        struct str id;
        uint64_t after;
        uint32_t slot;
        if (!read_input(c, v, &id, &after)) {
            return false;
        }
        if (!is_digits(id)) {
            return call_error(c, 400, "VALIDATION_ERROR",
                              "Invalid input JSON: '%.*s' is not an object id", STR_ARG(id));
        }
        size_t before = out->len;
        buf_add(out, STR("{\"from\":{\"id\":"));
        json_escape(out, id);
        buf_add(out, STR("},\"to\":["));
        if (e->pair && slot_of_id(from, id, &slot) &&
            write_list(c, e, slot, after, PAGE_MAX, scratch)) {
            buf_add(out, STR("},"));
        } else {
            out->len = before;
            add_error(errors, e, id);
        }
    }
    if (out->len > empty) {
        out->len--;
    }
    return true;
}

void endpoint_associations_batch_read(struct call *c)
{
    struct ends e;
    struct json inputs;
    if (!read_ends(c, 0, 1, &e) || !call_parse_body(c) || !batch_inputs(c, INPUTS_MAX, &inputs)) {
        return;
    }
    struct errors errors = {.n = 0};
    struct neighbors scratch = {0};
    buf_init(&errors.text, 8 * 1024 * 1024);
    batch_begin(c);
    if (write_batch(c, &e, inputs, &errors, &scratch)) {
        struct buf *out = &c->response->body;
        buf_add_char(out, ']');
        if (errors.n > 0) {
            buf_printf(out, ",\"numErrors\":%zu,\"errors\":[", errors.n);
            buf_add(out, str_sub(buf_str(&errors.text), 0, errors.text.len - 1));
            buf_add_char(out, ']');
            c->response->status = 207;
        }
        buf_add_char(out, '}');
    }
    neighbors_done(&scratch);
    buf_done(&errors.text);
}

void endpoint_associations_list(struct call *c)
{
    struct ends e;
    int64_t limit;
    uint64_t after = 0;
    uint32_t slot;
    if (!read_ends(c, 0, 2, &e) || !call_limit(c, PAGE_MAX, PAGE_MAX, &limit)) {
        return;
    }
    struct str text = http_server_query(c->request, "after");
    if (text.len > 0 && !read_after(c, text, &after)) {
        call_error(c, 400, "VALIDATION_ERROR", "Invalid after: %.*s", STR_ARG(text));
        return;
    }
    if (!slot_of_id(&c->sim->portal->shelves[e.from], c->params[1], &slot)) {
        call_not_found(c);
        return;
    }
    struct neighbors scratch = {0};
    struct buf *out = &c->response->body;
    buf_add(out, STR("{\"results\":["));
    if (!e.pair || !write_list(c, &e, slot, after, (size_t)limit, &scratch)) {
        buf_add_char(out, ']');
    }
    buf_add_char(out, '}');
    neighbors_done(&scratch);
}
