#include "sim/property_write.h"

#include "sim/fields.h"
#include "sim/property_tables.h"
#include "sim/sim.h"
#include "sim/visibility.h"

enum { NAME_MAX_BYTES = 100, LABEL_MAX_BYTES = 1000, OPTIONS_MAX = 5000 };

// Which field types fit which types.
static const struct {
    enum property_type type;
    const char *field_type;
} fits[] = {
    {PROPERTY_STRING, "text"},
    {PROPERTY_STRING, "textarea"},
    {PROPERTY_STRING, "html"},
    {PROPERTY_STRING, "file"},
    {PROPERTY_STRING, "phonenumber"},
    {PROPERTY_STRING, "calculation_equation"},
    {PROPERTY_NUMBER, "number"},
    {PROPERTY_NUMBER, "calculation_equation"},
    {PROPERTY_DATE, "date"},
    {PROPERTY_DATETIME, "date"},
    {PROPERTY_ENUMERATION, "select"},
    {PROPERTY_ENUMERATION, "radio"},
    {PROPERTY_ENUMERATION, "checkbox"},
    {PROPERTY_ENUMERATION, "booleancheckbox"},
    {PROPERTY_ENUMERATION, "calculation_equation"},
    {PROPERTY_BOOL, "booleancheckbox"},
    {PROPERTY_BOOL, "calculation_equation"},
    {PROPERTY_PHONE_NUMBER, "phonenumber"},
    {PROPERTY_JSON, "text"},
    {PROPERTY_COORDINATES, "text"},
};

static bool invalid(struct call *c, const char *field, const char *why, struct str value)
{
    call_error(c, 400, "VALIDATION_ERROR", "Property definition is not valid: %s '%.*s' %s", field,
               STR_ARG(value), why);
    return refuse_context(c, "propertyName", str_from(field));
}

static bool is_lower_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char ch = s.ptr[i];
        bool letter = ch >= 'a' && ch <= 'z';
        if (!letter && (i == 0 || !((ch >= '0' && ch <= '9') || ch == '_'))) {
            return false;
        }
    }
    return s.len > 0;
}

bool property_name_ok(struct call *c, const char *field, struct str name)
{
    if (name.len > NAME_MAX_BYTES) {
        return invalid(c, field, "is longer than 100 characters", str_sub(name, 0, NAME_MAX_BYTES));
    }
    return is_lower_name(name) ||
           invalid(c, field,
                   "must begin with a letter and consist of lower-case letters, digits and "
                   "underscores",
                   name);
}

size_t property_count_custom(const struct property_set *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        n += !s->items[i]->archived && !s->items[i]->hubspot_defined ? 1 : 0;
    }
    return n;
}

// Reads type and field type over what *p has; the kind of made-up values follows the type.
static bool read_type(struct call *c, struct json spec, enum field_need need, struct property *p)
{
    struct str type = str_from(property_type_name(p->type));
    struct str field = str_from(p->field_type);
    if (!field_str(c, spec, "type", need, &type) ||
        !field_str(c, spec, "fieldType", need, &field)) {
        return false;
    }
    enum property_type t;
    if (!property_type_parse(type, &t)) {
        return invalid(c, "type",
                       "is not one of string, number, date, datetime, enumeration, bool, "
                       "phone_number, json, object_coordinates",
                       type);
    }
    size_t i = 0;
    while (i < ARRAY_LEN(fits) &&
           !(fits[i].type == t && str_eq(field, str_from(fits[i].field_type)))) {
        i++;
    }
    if (i == ARRAY_LEN(fits)) {
        return invalid(c, "fieldType", "does not fit the type of the property", field);
    }
    if (t != p->type) {
        struct property fresh = property_custom(p->name, t, 0);
        p->kind = fresh.kind;
        p->lo = fresh.lo;
        p->hi = fresh.hi;
        p->options = t == PROPERTY_BOOL ? fresh.options : NULL;
        p->n_options = t == PROPERTY_BOOL ? fresh.n_options : 0;
        p->type = t;
    }
    p->field_type = fits[i].field_type;
    return true;
}

static bool same_option(const struct property_option *list, size_t n, struct str value)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(list[i].value, value)) {
            return true;
        }
    }
    return false;
}

static bool read_option(struct call *c, struct arena *arena, struct json v,
                        struct property_option *list, size_t n)
{
    struct property_option *o = &list[n];
    struct str value = STR("");
    struct str label = STR("");
    o->order = (int64_t)n;
    if (!field_str(c, v, "value", FIELD_REQUIRED, &value) ||
        !field_str(c, v, "label", FIELD_REQUIRED, &label) ||
        !field_str(c, v, "description", FIELD_OPTIONAL, &o->description) ||
        !field_int(c, v, "displayOrder", FIELD_OPTIONAL, &o->order) ||
        !field_bool(c, v, "hidden", &o->hidden)) {
        return false;
    }
    if (value.len == 0 || str_find_char(value, ';') >= 0) {
        return invalid(c, "options", "has an option value that is empty or holds a ';'", value);
    }
    if (same_option(list, n, value)) {
        return invalid(c, "options", "has this option value twice", value);
    }
    o->value = arena_dup(arena, value);
    o->label = arena_dup(arena, label);
    o->description = arena_dup(arena, o->description);
    return true;
}

static bool read_options(struct call *c, struct arena *arena, struct json spec, struct property *p)
{
    struct json array;
    struct json v;
    if (!json_get(spec, STR("options"), &array) || json_is_null(array)) {
        return true;
    }
    if (!field_array(c, spec, "options", FIELD_OPTIONAL, &array)) {
        return false;
    }
    size_t n = json_count(array);
    if (n == 0) {
        return true; // what clients send for a property without options
    }
    if (p->type != PROPERTY_ENUMERATION && p->type != PROPERTY_BOOL) {
        return invalid(c, "options", "fit only the types enumeration and bool",
                       str_from(property_type_name(p->type)));
    }
    if (n > OPTIONS_MAX) {
        return invalid(c, "options", "are more than 5000", p->name);
    }
    struct property_option *list = ARENA_ARRAY(arena, struct property_option, n);
    struct json_iter it = json_iter(array);
    for (size_t i = 0; json_next(&it, &v); i++) {
        if (!read_option(c, arena, v, list, i)) {
            return false;
        }
    }
    if (p->type == PROPERTY_BOOL &&
        !(n == 2 && same_option(list, n, STR("true")) && same_option(list, n, STR("false")))) {
        return invalid(c, "options", "of a bool must be true and false", p->name);
    }
    p->options = list;
    p->n_options = n;
    return true;
}

// What creating and changing have in common. Texts still point into the request.
static bool read_common(struct call *c, struct property_set *s, struct json spec,
                        struct property *p)
{
    bool form_field = !p->no_form_field;
    if (!field_str(c, spec, "groupName", FIELD_OPTIONAL, &p->group) ||
        !field_str(c, spec, "description", FIELD_OPTIONAL, &p->description) ||
        !field_str(c, spec, "calculationFormula", FIELD_OPTIONAL, &p->formula) ||
        !field_int(c, spec, "displayOrder", FIELD_OPTIONAL, &p->order) ||
        !field_bool(c, spec, "hidden", &p->hidden) ||
        !field_bool(c, spec, "formField", &form_field)) {
        return false;
    }
    p->no_form_field = !form_field;
    if (p->label.len == 0 || p->label.len > LABEL_MAX_BYTES) {
        return invalid(c, "label", "must have 1 to 1000 bytes", str_sub(p->label, 0, 40));
    }
    if (!property_group_find(s, p->group)) {
        return invalid(c, "groupName", "is not a property group of this object", p->group);
    }
    p->calculated = str_eq(str_from(p->field_type), STR("calculation_equation"));
    p->read_only = p->calculated;
    if (p->calculated && p->formula.len == 0) {
        return invalid(c, "calculationFormula", "is needed by the field type calculation_equation",
                       p->formula);
    }
    if (p->type == PROPERTY_ENUMERATION && p->n_options == 0 && !p->external_options) {
        return invalid(c, "options", "are needed by the type enumeration", p->name);
    }
    return true;
}

static bool within_limits(struct call *c, const struct property_set *s, const struct property *p)
{
    size_t unique = 0;
    size_t all = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct property *other = s->items[i];
        unique += !other->archived && !other->hubspot_defined && other->unique ? 1 : 0;
    }
    for (size_t t = 0; t < OBJECT_COUNT; t++) {
        all += property_count_custom(&c->sim->portal->shelves[t].properties);
    }
    if (p->unique && unique >= UNIQUE_PROPERTIES_MAX) {
        return invalid(c, "hasUniqueValue", "is set for 10 properties already; no more are allowed",
                       p->name);
    }
    if (property_count_custom(s) >= CUSTOM_PROPERTIES_MAX || all >= CUSTOM_PROPERTIES_ALL) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "The limit of %d custom properties of an object, or %d of the account, "
                          "has been reached",
                          CUSTOM_PROPERTIES_MAX, CUSTOM_PROPERTIES_ALL);
    }
    return true;
}

static bool read_sensitivity(struct call *c, struct json spec, enum property_sensitivity *ret)
{
    struct str text = STR("non_sensitive");
    if (!field_str(c, spec, "dataSensitivity", FIELD_OPTIONAL, &text)) {
        return false;
    }
    for (size_t i = SENSITIVITY_NONE; i <= SENSITIVITY_HIGH; i++) {
        if (str_eq(text, str_from(property_sensitivity_name((enum property_sensitivity)i)))) {
            *ret = (enum property_sensitivity)i;
            return true;
        }
    }
    return invalid(c, "dataSensitivity", "is not non_sensitive, sensitive or highly_sensitive",
                   text);
}

static bool name_is_free(struct call *c, const struct property_set *s, struct str name)
{
    if (str_starts(name, STR("hs_")) || str_starts(name, STR("hubspot_"))) {
        return invalid(c, "name", "begins with a prefix that is reserved for HubSpot", name);
    }
    if (property_find(s, name)) {
        call_error(c, 409, "CONFLICT", "A property named '%.*s' already exists.", STR_ARG(name));
        return refuse_with(c, "subCategory", STR("PropertyError.PROPERTY_EXISTS"));
    }
    return true;
}

// Definitions have an arena of their own; all that a request adds is a small multiple of it.
static bool has_room(struct call *c, const struct property_set *s)
{
    return s->arena.used + 8 * c->request->body.len + 65536 < s->arena.limit ||
           call_error(c, 400, "VALIDATION_ERROR",
                      "The simulated account holds no more definitions; reset it");
}

static void note_change(struct call *c)
{
    c->sim->portal->version++;
    c->sim->portal->schema_version++;
}

static bool may_define(struct call *c, enum object_type object, const struct property *p)
{
    struct str scope;
    return visibility_may_write(c, object, p->sensitivity, &scope) ||
           call_error(c, 403, "MISSING_SCOPES", "The scope %.*s is required to define %.*s",
                      STR_ARG(scope), STR_ARG(p->name));
}

bool property_create(struct call *c, enum object_type object, struct json spec, struct str group,
                     struct property **ret)
{
    struct property_set *s = &c->sim->portal->shelves[object].properties;
    struct str name = STR("");
    struct str referenced = STR("");
    if (!has_room(c, s) || !field_str(c, spec, "name", FIELD_REQUIRED, &name) ||
        !property_name_ok(c, "name", name) || !name_is_free(c, s, name)) {
        return false;
    }
    struct property p = property_custom(name, PROPERTY_STRING, 0);
    p.label = STR("");
    p.group = group;
    if (!field_str(c, spec, "label", FIELD_REQUIRED, &p.label) ||
        !field_str(c, spec, "groupName", group.ptr ? FIELD_OPTIONAL : FIELD_REQUIRED, &p.group) ||
        !read_type(c, spec, FIELD_REQUIRED, &p) || !read_options(c, &s->arena, spec, &p) ||
        !field_bool(c, spec, "hasUniqueValue", &p.unique) ||
        !field_bool(c, spec, "externalOptions", &p.external_options) ||
        !field_str(c, spec, "referencedObjectType", FIELD_OPTIONAL, &referenced) ||
        !read_sensitivity(c, spec, &p.sensitivity)) {
        return false;
    }
    if (p.external_options && !str_eq(referenced, STR("OWNER"))) {
        return invalid(c, "referencedObjectType", "must be OWNER with externalOptions", referenced);
    }
    p.kind = p.external_options ? KIND_OWNER : p.kind;
    if (!may_define(c, object, &p) || !read_common(c, s, spec, &p) || !within_limits(c, s, &p)) {
        return false;
    }
    p.created_ms = clock_now_ms(c->sim->clock);
    p.updated_ms = p.created_ms;
    *ret = property_add(s, &p);
    note_change(c);
    return true;
}

// What stays as it is for good.
static bool nothing_fixed(struct call *c, const struct property *p, struct json spec)
{
    struct str name = p->name;
    bool unique = p->unique;
    if (!field_str(c, spec, "name", FIELD_OPTIONAL, &name) ||
        !field_bool(c, spec, "hasUniqueValue", &unique)) {
        return false;
    }
    if (!str_eq(name, p->name)) {
        return invalid(c, "name", "cannot be changed; make another property", name);
    }
    return unique == p->unique ||
           invalid(c, "hasUniqueValue", "can be set only when a property is made", p->name);
}

bool property_update(struct call *c, enum object_type object, struct property *p, struct json spec)
{
    struct property_set *s = &c->sim->portal->shelves[object].properties;
    if (p->hubspot_defined) {
        return invalid(c, "name", "is defined by HubSpot and cannot be changed", p->name);
    }
    struct property changed = *p;
    if (!has_room(c, s) || !nothing_fixed(c, p, spec) ||
        !field_str(c, spec, "label", FIELD_OPTIONAL, &changed.label) ||
        !read_type(c, spec, FIELD_OPTIONAL, &changed) ||
        !read_options(c, &s->arena, spec, &changed) || !read_common(c, s, spec, &changed)) {
        return false;
    }
    changed.label = arena_dup(&s->arena, changed.label);
    changed.group = arena_dup(&s->arena, changed.group);
    changed.description = arena_dup(&s->arena, changed.description);
    changed.formula = arena_dup(&s->arena, changed.formula);
    changed.updated_ms = clock_now_ms(c->sim->clock);
    *p = changed;
    note_change(c);
    return true;
}

bool property_archivable(struct call *c, const struct property *p)
{
    return (!p->hubspot_defined && !p->calculated) ||
           invalid(c, "name", "is calculated or defined by HubSpot and cannot be archived",
                   p->name);
}

bool property_archive(struct call *c, enum object_type object, struct property *p)
{
    if (!property_archivable(c, p)) {
        return false;
    }
    property_remove(&c->sim->portal->shelves[object].properties, p, clock_now_ms(c->sim->clock));
    note_change(c);
    return true;
}

static void write_options(struct json_writer *w, const struct property *p)
{
    json_key(w, STR("options"));
    json_begin_array(w);
    for (size_t i = 0; i < p->n_options && !p->external_options; i++) {
        const struct property_option *o = &p->options[i];
        json_begin_object(w);
        json_field_str(w, "label", o->label);
        json_field_str(w, "value", o->value);
        if (o->description.len > 0) {
            json_field_str(w, "description", o->description);
        }
        json_field_int(w, "displayOrder", o->order != 0 ? o->order : (int64_t)i);
        json_field_bool(w, "hidden", o->hidden);
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_metadata(struct json_writer *w, const struct property *p)
{
    json_key(w, STR("modificationMetadata"));
    json_begin_object(w);
    json_field_bool(w, "archivable", !p->hubspot_defined && !p->calculated);
    json_field_bool(w, "readOnlyDefinition", p->hubspot_defined);
    json_field_bool(w, "readOnlyOptions", p->hubspot_defined);
    json_field_bool(w, "readOnlyValue", p->read_only);
    json_end_object(w);
}

void property_write(struct call *c, struct json_writer *w, const struct property *p)
{
    json_begin_object(w);
    json_field_str(w, "updatedAt", call_iso(c, p->updated_ms));
    json_field_str(w, "createdAt", call_iso(c, p->created_ms));
    json_field_str(w, "name", p->name);
    json_field_str(w, "label", p->label);
    json_field_str(w, "type", str_from(property_type_name(p->type)));
    json_field_str(w, "fieldType",
                   str_from(p->calculated ? "calculation_equation" : p->field_type));
    json_field_str(w, "description", p->description);
    json_field_str(w, "groupName", p->group);
    write_options(w, p);
    if (p->external_options) {
        json_field_str(w, "referencedObjectType", STR("OWNER"));
    }
    if (p->formula.len > 0) {
        json_field_str(w, "calculationFormula", p->formula);
    }
    if (p->archived) {
        json_field_str(w, "archivedAt", call_iso(c, p->updated_ms));
    }
    json_field_int(w, "displayOrder", p->order);
    json_field_bool(w, "calculated", p->calculated);
    json_field_bool(w, "externalOptions", p->external_options);
    json_field_bool(w, "archived", p->archived);
    json_field_bool(w, "hasUniqueValue", p->unique);
    json_field_bool(w, "hidden", p->hidden);
    json_field_bool(w, "hubspotDefined", p->hubspot_defined);
    write_metadata(w, p);
    json_field_bool(w, "formField", !p->read_only && !p->no_form_field);
    json_field_str(w, "dataSensitivity", str_from(property_sensitivity_name(p->sensitivity)));
    json_end_object(w);
}
