#include "sim/write.h"

#include "core/limits.h"
#include "sim/generate.h"
#include "sim/lifecycle.h"
#include "sim/lookup.h"
#include "sim/sim.h"
#include "sim/validate.h"
#include "sim/visibility.h"
#include "sim/write_links.h"

struct mutate write_mutate(struct call *c, enum object_type object)
{
    const struct sim *sim = c->sim;
    return (struct mutate){
        .portal = sim->portal,
        .object = object,
        .time = {.at_ms = clock_now_ms(sim->clock),
                 .now_us = clock_mono_us(sim->clock),
                 .lag_us = sim->options->lag_min_ms * 1000,
                 .lag_span_us = (sim->options->lag_max_ms - sim->options->lag_min_ms) * 1000},
        .app_id = c->caller.app ? c->caller.app->id : SIM_APP_ID,
    };
}

bool write_object(struct call *c, enum object_type *ret)
{
    if (!call_object(c, 0, false, ret)) {
        return false;
    }
    return !object_info(*ret)->read_only ||
           call_error(c, 405, NULL, "HTTP 405 Method Not Allowed: %.*s can only be read",
                      STR_ARG(object_info(*ret)->plural));
}

// What is being put together while an input is read.
struct reading {
    struct write *w;
    struct call *call;
    const struct shelf *shelf;
    struct invalids invalids;
    struct buf scratch;
};

// The value that the record has now, in scratch; empty when it has none or does not exist yet.
static struct str stored(struct reading *r, const struct property *p)
{
    buf_reset(&r->scratch);
    if (r->w->creates) {
        return STR("");
    }
    struct record record = portal_record(r->call->sim->portal, r->w->object, r->w->slot);
    return generate_value(&record, p, &r->scratch) ? buf_str(&r->scratch) : STR("");
}

static bool value_text(struct call *c, struct json v, struct str *ret)
{
    bool flag;
    int64_t n;
    double d;
    if (json_is_null(v)) {
        *ret = STR("");
    } else if (json_bool(v, &flag)) {
        *ret = flag ? STR("true") : STR("false");
    } else if (json_int(v, &n)) {
        *ret = arena_printf(c->arena, "%lld", (long long)n);
    } else if (json_double(v, &d)) {
        *ret = arena_printf(c->arena, "%.15g", d);
    } else {
        return json_string(v, ret);
    }
    return true;
}

// A leading ';' adds to what is stored: the stored options, then those that are not among them.
static struct str append_options(struct reading *r, const struct property *p, struct str value)
{
    struct buf all;
    buf_init(&all, LIMIT_VALUE_BYTES);
    buf_add(&all, stored(r, p));
    struct str rest = value;
    struct str one;
    while (rest.len > 0 && str_next(&rest, ';', &one)) {
        bool there = one.len == 0;
        struct str have = buf_str(&all);
        struct str known;
        while (have.len > 0 && !there && str_next(&have, ';', &known)) {
            there = str_eq(known, one);
        }
        if (!there) {
            buf_add(&all, all.len > 0 ? STR(";") : STR(""));
            buf_add(&all, one);
        }
    }
    struct str joined = arena_dup(r->call->arena, buf_str(&all));
    buf_done(&all);
    return joined;
}

static void add_value(struct reading *r, const struct property *p, struct str value)
{
    struct write *w = r->w;
    for (size_t i = 0; i < w->n_values; i++) {
        if (w->values[i].property == p) { // sent twice: the last counts
            w->values[i].value = value;
            return;
        }
    }
    w->values[w->n_values++] = (struct write_value){p, value};
}

// From 2026-09 on, what the admins demand counts for the API too.
static bool enforces_rules(const struct call *c)
{
    return str_find(c->request->path, STR("/2026-09/")) >= 0;
}

static bool keeps_rules(struct reading *r, const struct property *p, struct str value)
{
    const struct admin_rule *broken =
        enforces_rules(r->call)
            ? admin_rules_broken(&r->call->sim->options->admin_rules, r->w->object, p->name, value)
            : NULL;
    return !broken || invalids_add(r->call, &r->invalids, p->name, "VALIDATION_RULE",
                                   "%.*s breaks a rule of this account: %s is %g", STR_ARG(value),
                                   admin_rule_name(broken->kind), broken->bound);
}

// One property of the input; what is wrong with it is noted and the rest read on.
static void read_property(struct reading *r, struct str name, struct str text)
{
    const struct property *p = property_find(&r->shelf->properties, name);
    if (!p) {
        invalids_add(r->call, &r->invalids, name, "PROPERTY_DOESNT_EXIST",
                     "Property \"%.*s\" does not exist", STR_ARG(name));
        return;
    }
    if (p->read_only) {
        invalids_add(r->call, &r->invalids, name, "READ_ONLY_VALUE",
                     "\"%.*s\" is a read only property; its value cannot be set.", STR_ARG(name));
        return;
    }
    struct str value = text;
    if (text.len > 0 &&
        (!validate_value(r->call, p, text, &value, &r->invalids) || !keeps_rules(r, p, value))) {
        return;
    }
    if (text.len > 0 && text.ptr[0] == ';' && validate_is_multiple(p)) {
        value = append_options(r, p, text);
    }
    if (lifecycle_is_stage(p) && !lifecycle_allows(p, stored(r, p), value)) {
        return; // backwards: passed over without a word
    }
    add_value(r, p, value);
}

static bool read_properties(struct reading *r, struct json input, const struct write_key *key,
                            struct refusal *ret)
{
    struct json properties;
    bool there = json_get(input, STR("properties"), &properties) && !json_is_null(properties);
    if (!there ? !r->w->creates : json_type(properties) != JSON_OBJECT) {
        return refuse(r->call, ret, 400, "VALIDATION_ERROR",
                      "Invalid input JSON: 'properties' is missing; it must be an object");
    }
    size_t n = there ? json_count(properties) : 0;
    struct write *w = r->w;
    w->values = ARENA_ARRAY(r->call->arena, struct write_value, n + 1);
    struct buf names;
    buf_init(&names, LIMIT_REQUEST_BODY);
    if (key) {
        read_property(r, key->property->name, key->value);
        buf_add(&names, key->property->name);
    }
    struct json_iter it = there ? json_iter(properties) : (struct json_iter){0};
    struct str name;
    struct json v;
    struct str text;
    bool ok = true;
    while (n > 0 && ok && json_next_field(&it, &name, &v)) {
        ok = value_text(r->call, v, &text) ||
             refuse(r->call, ret, 400, "VALIDATION_ERROR",
                    "Invalid input JSON: the value of '%.*s' must be a text, a number or a bool",
                    STR_ARG(name));
        if (ok) {
            read_property(r, name, text);
            buf_add(&names, names.len > 0 ? STR(",") : STR(""));
            buf_add(&names, name);
        }
    }
    w->names = arena_dup(r->call->arena, buf_str(&names));
    buf_done(&names);
    return ok;
}

static struct write_value *value_of(const struct write *w, const struct property *p)
{
    for (size_t i = 0; i < w->n_values; i++) {
        if (w->values[i].property == p) {
            return &w->values[i];
        }
    }
    return NULL;
}

static bool has_value(const void *write, struct str name)
{
    const struct write *w = write;
    for (size_t i = 0; i < w->n_values; i++) {
        if (str_eq(w->values[i].property->name, name)) {
            return w->values[i].value.len > 0;
        }
    }
    return false;
}

static struct str add_name(struct arena *arena, struct str list, struct str name)
{
    return list.len == 0 ? name : arena_printf(arena, "%.*s,%.*s", STR_ARG(list), STR_ARG(name));
}

// What lacks by HubSpot's demand, and by the admins'.
static struct str missing_names(struct reading *r)
{
    struct str missing = validate_missing(r->call, r->w->object, has_value, r->w);
    const struct admin_rules *rules = &r->call->sim->options->admin_rules;
    for (size_t i = 0; i < rules->n && enforces_rules(r->call); i++) {
        const struct admin_rule *rule = &rules->items[i];
        if (rule->kind == RULE_REQUIRED && rule->object == r->w->object &&
            !has_value(r->w, rule->property)) {
            missing = add_name(r->call->arena, missing, rule->property);
        }
    }
    return missing;
}

static bool check_required(struct reading *r, struct refusal *ret)
{
    struct str missing = missing_names(r);
    if (!r->w->creates || missing.len == 0) {
        return true;
    }
    refuse(r->call, ret, 400, "VALIDATION_ERROR",
           "Error creating %.*s. Some required properties were not set.",
           STR_ARG(object_info(r->w->object)->upper));
    struct buf list;
    buf_init(&list, LIMIT_VALUE_BYTES);
    struct str one;
    while (missing.len > 0 && str_next(&missing, ',', &one)) {
        buf_add(&list, list.len > 0 ? STR(",") : STR(""));
        json_escape(&list, one);
    }
    ret->context = arena_printf(r->call->arena, "\"properties\":[%.*s]", STR_ARG(buf_str(&list)));
    buf_done(&list);
    return false;
}

// Where the write would leave the record: what is sent, else what is stored.
static void check_placement(struct reading *r)
{
    struct placement p;
    if (!lifecycle_placement(r->shelf, &p)) {
        return;
    }
    const struct write_value *pipeline = value_of(r->w, p.pipeline);
    const struct write_value *stage = value_of(r->w, p.stage);
    if (!pipeline && !stage) {
        return;
    }
    p.pipeline_id = pipeline ? pipeline->value : arena_dup(r->call->arena, stored(r, p.pipeline));
    p.stage_id = stage ? stage->value : arena_dup(r->call->arena, stored(r, p.stage));
    if (p.pipeline_id.len > 0 &&
        !lifecycle_check_placement(r->call, r->w->object, &p, &r->invalids)) {
        return;
    }
}

// Values of sensitive properties need a scope of their own.
static bool check_scopes(struct reading *r, struct refusal *ret)
{
    const struct write *w = r->w;
    struct str scope;
    for (size_t i = 0; i < w->n_values; i++) {
        const struct property *p = w->values[i].property;
        if (!visibility_may_write(r->call, w->object, p->sensitivity, &scope)) {
            return refuse(r->call, ret, 403, "MISSING_SCOPES",
                          "The scope %.*s is required to set %.*s", STR_ARG(scope),
                          STR_ARG(p->name));
        }
    }
    return true;
}

// Nobody else may have a unique value that is to be written.
static bool check_unique(struct reading *r, struct refusal *ret)
{
    const struct write *w = r->w;
    struct portal *portal = r->call->sim->portal;
    for (size_t i = 0; i < w->n_values; i++) {
        const struct property *p = w->values[i].property;
        struct str value = w->values[i].value;
        uint32_t holder;
        if (!p->unique || value.len == 0 ||
            !lookup_by_value(portal, w->object, p, value, false, &holder) ||
            (!w->creates && holder == w->slot)) {
            continue;
        }
        unsigned long long id = (unsigned long long)portal_id_of(r->shelf, holder);
        if (p->kind == KIND_EMAIL) {
            return refuse(r->call, ret, 409, "CONFLICT",
                          "Contact already exists. Existing ID: %llu", id);
        }
        return refuse(r->call, ret, 400, "VALIDATION_ERROR",
                      "Cannot set the value %.*s of the unique property %.*s. %llu already has "
                      "that value.",
                      STR_ARG(value), STR_ARG(p->name), id);
    }
    return true;
}

// E-mail addresses that were deleted for good before they were known.
static bool check_blocked(struct reading *r, struct refusal *ret)
{
    const struct write *w = r->w;
    for (size_t i = 0; i < w->n_values; i++) {
        const struct property *p = w->values[i].property;
        if (p->kind == KIND_EMAIL && lookup_is_blocked(r->shelf, p, w->values[i].value)) {
            return refuse(r->call, ret, 400, "VALIDATION_ERROR",
                          "%.*s is blocked, since its permanent deletion was asked for",
                          STR_ARG(w->values[i].value));
        }
    }
    return true;
}

bool write_read(struct write *w, struct json input, const struct write_key *key,
                struct refusal *ret)
{
    struct reading r = {
        .w = w, .call = w->call, .shelf = &w->call->sim->portal->shelves[w->object]};
    buf_init(&r.scratch, LIMIT_VALUE_BYTES);
    bool ok = read_properties(&r, input, key, ret);
    if (ok && r.invalids.n == 0) {
        check_placement(&r);
    }
    if (ok && r.invalids.n > 0) {
        ok = invalids_refuse(w->call, &r.invalids, ret);
    }
    ok = ok && check_scopes(&r, ret) && check_required(&r, ret) && check_blocked(&r, ret) &&
         check_unique(&r, ret) && write_links_read(w, input, ret);
    buf_done(&r.scratch);
    return ok;
}

bool write_collides(const struct write *w, const struct write *other, struct str *ret_value)
{
    for (size_t i = 0; i < w->n_values; i++) {
        const struct write_value *v = &w->values[i];
        const struct write_value *twin = value_of(other, v->property);
        if (v->property->unique && v->value.len > 0 && twin &&
            str_eq_nocase(twin->value, v->value)) {
            *ret_value = v->value;
            return true;
        }
    }
    return false;
}
