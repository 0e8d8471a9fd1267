#include "sim/admin_mutate.h"

#include "sim/query.h"
#include "sim/sim.h"

enum { OPERATION_RECORDS_MAX = 1000000, IDS_ANSWERED_MAX = 100000 };

bool admin_object(const struct operation *o, const char *field, enum object_type *ret,
                  struct error *err)
{
    struct str name = STR("");
    if (!json_get_string(o->spec, str_from(field), &name) ||
        !portal_object(o->mutate.portal, name, true, ret)) {
        return error_set(err, ERR_REQUEST,
                         "%s is '%.*s'; it must be an object type such as contacts or 0-1", field,
                         STR_ARG(name));
    }
    return true;
}

// A whole number of the operation within 0..most.
static bool read_count(struct json spec, const char *field, int64_t fallback, int64_t most,
                       int64_t *ret, struct error *err)
{
    struct json v;
    *ret = fallback;
    if (json_get(spec, str_from(field), &v) && (!json_int(v, ret) || *ret < 0 || *ret > most)) {
        return error_set(err, ERR_REQUEST, "%s must be a whole number from 0 to %lld", field,
                         (long long)most);
    }
    return true;
}

static bool in_state(const struct shelf *s, uint32_t slot, uint8_t state)
{
    return (s->flags[slot] & (RECORD_ARCHIVED | RECORD_GONE)) == state;
}

static const char *state_name(uint8_t state)
{
    return state == RECORD_ARCHIVED ? "archived" : "live";
}

static bool pick_ids(struct operation *o, const struct shelf *s, struct json ids, uint8_t state,
                     uint32_t *slots, struct error *err)
{
    struct json_iter it = json_iter(ids);
    struct json v;
    for (size_t n = 0; json_next(&it, &v); n++) {
        struct str text = STR("");
        int64_t number;
        if (json_int(v, &number) && number >= 0) {
            text = call_number(o->call, (uint64_t)number);
        } else {
            json_string(v, &text);
        }
        uint64_t id = 0;
        if (!str_to_uint64(text, &id) || !portal_slot_of(s, id, &slots[n]) ||
            !in_state(s, slots[n], state)) {
            return error_set(err, ERR_NOT_FOUND, "there is no %s record '%.*s' among the %.*s",
                             state_name(state), STR_ARG(text),
                             STR_ARG(object_info(s->type)->plural));
        }
    }
    return true;
}

// Fills slots with `n` records of the state: the first or last ones, or spread evenly over all.
static size_t pick_count(const struct shelf *s, uint8_t state, struct str pick, int64_t skip,
                         uint32_t *slots, size_t n)
{
    bool last = str_eq(pick, STR("last"));
    size_t total = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        total += in_state(s, i, state) ? 1 : 0;
    }
    size_t usable = total > (size_t)skip ? total - (size_t)skip : 0;
    size_t stride = str_eq(pick, STR("spread")) && n > 0 ? MAX(usable / n, (size_t)1) : 1;
    size_t start = last ? (usable > n ? usable - n : 0) : (size_t)skip;
    size_t end = last ? usable : total;
    size_t seen = 0;
    size_t taken = 0;
    for (uint32_t i = 0; i < s->n && taken < n; i++) {
        if (!in_state(s, i, state)) {
            continue;
        }
        if (seen >= start && seen < end && (seen - start) % stride == 0) {
            slots[taken++] = i;
        }
        seen++;
    }
    return taken;
}

bool admin_pick(struct operation *o, enum object_type object, const char *ids_field, uint8_t state,
                struct picked *ret, struct error *err)
{
    const struct shelf *s = &o->mutate.portal->shelves[object];
    struct json ids;
    if (json_get(o->spec, str_from(ids_field), &ids)) {
        size_t n = json_count(ids);
        uint32_t *slots = ARENA_ARRAY(o->call->arena, uint32_t, n + 1);
        if (json_type(ids) != JSON_ARRAY || n > OPERATION_RECORDS_MAX) {
            return error_set(err, ERR_REQUEST, "%s must be an array of at most %d ids", ids_field,
                             OPERATION_RECORDS_MAX);
        }
        if (!pick_ids(o, s, ids, state, slots, err)) {
            return false;
        }
        *ret = (struct picked){slots, n};
        return true;
    }
    int64_t count;
    int64_t skip;
    struct str pick = STR("first");
    if (!read_count(o->spec, "count", 1, OPERATION_RECORDS_MAX, &count, err) ||
        !read_count(o->spec, "skip", 0, PORTAL_RECORDS_MAX, &skip, err)) {
        return false;
    }
    json_get_string(o->spec, STR("pick"), &pick);
    if (!str_eq(pick, STR("first")) && !str_eq(pick, STR("last")) && !str_eq(pick, STR("spread"))) {
        return error_set(err, ERR_REQUEST, "pick is '%.*s'; it must be first, last or spread",
                         STR_ARG(pick));
    }
    ret->slots = ARENA_ARRAY(o->call->arena, uint32_t, (size_t)count + 1);
    ret->n = pick_count(s, state, pick, skip, ret->slots, (size_t)count);
    if (ret->n < (size_t)count) {
        return error_set(err, ERR_NOT_FOUND,
                         "only %zu %s records are left among the %.*s, not %lld", ret->n,
                         state_name(state), STR_ARG(object_info(object)->plural), (long long)count);
    }
    return true;
}

// One value of "properties": text, number, bool or null.
static bool read_value(struct operation *o, struct json v, struct str *ret, struct error *err)
{
    struct str text;
    bool flag;
    int64_t n;
    double d;
    if (json_is_null(v)) {
        *ret = (struct str){NULL, 0};
        return true;
    }
    if (json_bool(v, &flag)) {
        text = flag ? STR("true") : STR("false");
    } else if (json_int(v, &n)) {
        text = arena_printf(o->call->arena, "%lld", (long long)n);
    } else if (json_double(v, &d)) {
        text = arena_printf(o->call->arena, "%.15g", d);
    } else if (!json_string(v, &text)) {
        return error_set(err, ERR_REQUEST,
                         "a property's value must be a text, a number, true, false or null");
    }
    if (!mutate_keep(o->mutate.portal, text, ret)) {
        return error_set(err, ERR_LIMIT,
                         "no more room for values set by hand; POST /_sim/reset with data true");
    }
    return true;
}

static bool set_properties(struct operation *o, struct json properties, struct error *err)
{
    const struct shelf *s = &o->mutate.portal->shelves[o->mutate.object];
    struct json_iter it = json_iter(properties);
    struct str name;
    struct json v;
    while (json_next_field(&it, &name, &v)) {
        const struct property *p = property_find(&s->properties, name);
        struct str value = {NULL, 0};
        if (!p) {
            return error_set(err, ERR_REQUEST,
                             "Property \"%.*s\" does not exist among those of %.*s", STR_ARG(name),
                             STR_ARG(object_info(s->type)->plural));
        }
        if (p->kind <= KIND_MODIFIED) {
            return error_set(err, ERR_REQUEST, "%.*s cannot be set; use at for dates",
                             STR_ARG(name));
        }
        if (!read_value(o, v, &value, err)) {
            return false;
        }
        for (size_t i = 0; i < o->records.n; i++) {
            mutate_set(&o->mutate, o->records.slots[i], p, value);
        }
    }
    return true;
}

// What an update changes when it does not say: the first text that people write.
static const struct property *default_property(const struct shelf *s)
{
    for (size_t i = 0; i < s->properties.n; i++) {
        const struct property *p = s->properties.items[i];
        if (!p->archived && !p->read_only && !p->unique && p->type == PROPERTY_STRING) {
            return p;
        }
    }
    return NULL;
}

static bool change_something(struct operation *o, struct error *err)
{
    const struct property *p = default_property(&o->mutate.portal->shelves[o->mutate.object]);
    struct str text =
        arena_printf(o->call->arena, "Changed %llu", (unsigned long long)o->mutate.portal->version);
    struct str value = {NULL, 0};
    if (!p || !mutate_keep(o->mutate.portal, text, &value)) {
        return error_set(err, ERR_REQUEST, "name the properties to change");
    }
    for (size_t i = 0; i < o->records.n; i++) {
        mutate_set(&o->mutate, o->records.slots[i], p, value);
    }
    return true;
}

static bool touches(const struct operation *o, bool fallback)
{
    bool touch = fallback;
    json_get_bool(o->spec, STR("touch"), &touch);
    return touch;
}

static bool do_create(struct operation *o, struct error *err)
{
    int64_t count;
    struct json properties;
    if (!read_count(o->spec, "count", 1, OPERATION_RECORDS_MAX, &count, err)) {
        return false;
    }
    o->records.slots = ARENA_ARRAY(o->call->arena, uint32_t, (size_t)count + 1);
    for (; o->records.n < (size_t)count; o->records.n++) {
        if (!mutate_create(&o->mutate, &o->records.slots[o->records.n])) {
            return error_set(err, ERR_LIMIT, "there are %d records of this type already",
                             PORTAL_RECORDS_MAX);
        }
    }
    return !json_get(o->spec, STR("properties"), &properties) || set_properties(o, properties, err);
}

static bool do_update(struct operation *o, struct error *err)
{
    struct json properties;
    if (!admin_pick(o, o->mutate.object, "ids", 0, &o->records, err)) {
        return false;
    }
    bool ok = json_get(o->spec, STR("properties"), &properties) ? set_properties(o, properties, err)
                                                                : change_something(o, err);
    for (size_t i = 0; i < o->records.n && ok && touches(o, true); i++) {
        mutate_touch(&o->mutate, o->records.slots[i]);
    }
    return ok;
}

static bool do_archive(struct operation *o, struct error *err)
{
    if (!admin_pick(o, o->mutate.object, "ids", 0, &o->records, err)) {
        return false;
    }
    for (size_t i = 0; i < o->records.n; i++) {
        if (in_state(&o->mutate.portal->shelves[o->mutate.object], o->records.slots[i],
                     0)) { // an id may be there twice
            mutate_archive(&o->mutate, o->records.slots[i]);
        }
    }
    return true;
}

static bool do_restore(struct operation *o, struct error *err)
{
    if (!admin_pick(o, o->mutate.object, "ids", RECORD_ARCHIVED, &o->records, err)) {
        return false;
    }
    for (size_t i = 0; i < o->records.n; i++) {
        if (in_state(&o->mutate.portal->shelves[o->mutate.object], o->records.slots[i],
                     RECORD_ARCHIVED)) {
            mutate_restore(&o->mutate, o->records.slots[i]);
            if (touches(o, false)) {
                mutate_touch(&o->mutate, o->records.slots[i]);
            }
        }
    }
    return true;
}

static bool do_delete(struct operation *o, struct error *err)
{
    if (!admin_pick(o, o->mutate.object, "ids", 0, &o->records, err)) {
        return false;
    }
    for (size_t i = 0; i < o->records.n; i++) {
        if (in_state(&o->mutate.portal->shelves[o->mutate.object], o->records.slots[i], 0)) {
            mutate_delete(&o->mutate, o->records.slots[i]);
        }
    }
    return true;
}

// ids are [primary, other, other, ...]; with a count, so many pairs of neighbors are merged.
static bool do_merge(struct operation *o, struct error *err)
{
    struct json ids;
    int64_t count = 0;
    struct picked from = {0};
    const struct shelf *s = &o->mutate.portal->shelves[o->mutate.object];
    bool named = json_get(o->spec, STR("ids"), &ids);
    if (!read_count(o->spec, "count", 1, OPERATION_RECORDS_MAX / 2, &count, err)) {
        return false;
    }
    if (named) {
        if (!admin_pick(o, o->mutate.object, "ids", 0, &from, err)) {
            return false;
        }
        count = 1;
    } else {
        from.slots = ARENA_ARRAY(o->call->arena, uint32_t, (size_t)count * 2 + 1);
        from.n = pick_count(s, 0, STR("first"), 0, from.slots, (size_t)count * 2);
    }
    if (from.n < (size_t)count * 2 || from.n < 2) {
        return error_set(err, ERR_REQUEST, "a merge needs two live records: ids [primary, other]");
    }
    o->records.slots = ARENA_ARRAY(o->call->arena, uint32_t, (size_t)count + 1);
    for (size_t i = 0; i < (size_t)count; i++) {
        uint32_t survivor = from.slots[i * 2];
        size_t last = named ? from.n : i * 2 + 2;
        for (size_t k = i * 2 + 1; k < last; k++) {
            if (from.slots[k] == survivor || !in_state(s, from.slots[k], 0)) {
                return error_set(err, ERR_REQUEST,
                                 "a record cannot be merged twice or with itself");
            }
            if (!mutate_merge(&o->mutate, survivor, from.slots[k], &survivor)) {
                return error_set(err, ERR_LIMIT, "there are too many records of this type");
            }
        }
        o->records.slots[o->records.n++] = survivor;
    }
    return true;
}

static const struct {
    const char *name;
    bool (*run)(struct operation *o, struct error *err);
} operations[] = {
    {"create", do_create},   {"update", do_update}, {"archive", do_archive},
    {"restore", do_restore}, {"delete", do_delete}, {"merge", do_merge},
};

static bool read_time(struct call *c, struct json spec, struct mutate_time *ret, struct error *err)
{
    struct json v;
    struct str text;
    int64_t at = clock_now_ms(c->sim->clock);
    if (json_get(spec, STR("at"), &v) &&
        !(json_int(v, &at) || (json_string(v, &text) && query_time(text, &at)))) {
        return error_set(err, ERR_REQUEST,
                         "at must be milliseconds since 1970 or a time such as "
                         "2026-11-22T10:00:00.000Z");
    }
    if (at < 0 || at > INT64_C(4102444800000)) {
        return error_set(err, ERR_REQUEST, "at lies outside of the years 1970 to 2100");
    }
    *ret = (struct mutate_time){
        .at_ms = at,
        .now_us = clock_mono_us(c->sim->clock),
        .lag_us = c->sim->options->lag_min_ms * 1000,
        .lag_span_us = (c->sim->options->lag_max_ms - c->sim->options->lag_min_ms) * 1000,
    };
    return true;
}

static void write_result(struct operation *o)
{
    const struct shelf *s = &o->mutate.portal->shelves[o->mutate.object];
    json_field_str(o->out, "object", object_info(s->type)->plural);
    json_field_int(o->out, "count", (int64_t)o->records.n);
    json_key(o->out, STR("ids"));
    json_begin_array(o->out);
    for (size_t i = 0; i < MIN(o->records.n, (size_t)IDS_ANSWERED_MAX); i++) {
        json_put_str(o->out, call_number(o->call, portal_id_of(s, o->records.slots[i])));
    }
    json_end_array(o->out);
}

static bool run(struct operation *o, struct str op, struct error *err)
{
    if (str_eq(op, STR("associate")) || str_eq(op, STR("disassociate"))) {
        return admin_associate(o, str_eq(op, STR("disassociate")), err);
    }
    if (str_eq(op, STR("property"))) {
        return admin_property(o, err);
    }
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        if (!str_eq(op, str_from(operations[i].name))) {
            continue;
        }
        if (!admin_object(o, "object", &o->mutate.object, err) || !operations[i].run(o, err)) {
            return false;
        }
        write_result(o);
        return true;
    }
    return error_set(
        err, ERR_REQUEST,
        "op is '%.*s'; it must be create, update, archive, restore, delete, merge, associate, "
        "disassociate or property",
        STR_ARG(op));
}

// A misspelled field would make something else happen than was asked for.
static bool check_fields(struct json spec, struct error *err)
{
    static const char known[] = "op at object ids count pick skip properties touch from to toIds "
                                "labels action name type fieldType label options fill";
    struct json_iter it = json_iter(spec);
    struct str key;
    struct json v;
    while (json_next_field(&it, &key, &v)) {
        struct str rest = str_from(known);
        struct str name;
        bool found = false;
        while (!found && str_next(&rest, ' ', &name)) {
            found = str_eq(name, key);
        }
        if (!found) {
            return error_set(err, ERR_REQUEST, "an operation has no field '%.*s'; there are %s",
                             STR_ARG(str_sub(key, 0, 80)), known);
        }
    }
    return true;
}

bool admin_mutate(struct call *call, struct json spec, struct json_writer *out, struct error *err)
{
    struct operation o = {
        .call = call, .spec = spec, .mutate = {.portal = call->sim->portal}, .out = out};
    struct str op = STR("");
    json_get_string(spec, STR("op"), &op);
    if (!check_fields(spec, err) || !read_time(call, spec, &o.mutate.time, err)) {
        return false;
    }
    json_begin_object(out);
    json_field_str(out, "op", op);
    json_field_str(out, "at", call_iso(call, o.mutate.time.at_ms));
    if (!run(&o, op, err)) {
        return false; // the caller throws the half-written answer away
    }
    json_end_object(out);
    return true;
}
