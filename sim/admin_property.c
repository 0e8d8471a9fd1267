// Changing property definitions by hand.
#include "sim/admin_mutate.h"
#include "sim/property_tables.h"

static bool missing(const struct property_set *s, struct str name, struct property **ret,
                    struct error *err)
{
    *ret = property_find(s, name);
    if (!*ret) {
        error_set(err, ERR_NOT_FOUND, "Property \"%.*s\" does not exist", STR_ARG(name));
    }
    return *ret == NULL;
}

static bool name_is_free(const struct property_set *s, struct str name, struct error *err)
{
    if (name.len == 0 || name.len > 200) {
        return error_set(err, ERR_REQUEST, "a property's name must have 1 to 200 bytes");
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == ',' || (unsigned char)name.ptr[i] <= ' ') {
            return error_set(err, ERR_REQUEST,
                             "a property's name must be free of commas and blanks");
        }
    }
    if (property_find(s, name)) {
        return error_set(err, ERR_CONFLICT, "A property named '%.*s' already exists",
                         STR_ARG(name));
    }
    return true;
}

// Reads type, fieldType, options, label and fill over what *p has.
static bool read_definition(struct operation *o, struct property_set *s, struct property *p,
                            struct error *err)
{
    struct str text;
    struct json options;
    int64_t fill;
    enum property_type type = p->type;
    if (json_get_string(o->spec, STR("type"), &text) && !property_type_parse(text, &type)) {
        return error_set(
            err, ERR_REQUEST,
            "type is '%.*s'; it must be string, number, date, datetime, enumeration, bool, "
            "phone_number, json or object_coordinates",
            STR_ARG(text));
    }
    if (type != p->type || p->salt == 0) {
        struct property fresh = property_custom(p->name, type, 0);
        fresh.label = p->label;
        fresh.fill = p->fill;
        fresh.salt = p->salt;
        fresh.created_ms = p->created_ms;
        *p = fresh;
    }
    if (json_get_int(o->spec, STR("fill"), &fill)) {
        if (fill < 0 || fill > 100) {
            return error_set(err, ERR_REQUEST, "fill is a percentage from 0 to 100");
        }
        p->fill = (uint32_t)((uint64_t)UINT32_MAX * (uint64_t)fill / 100);
    }
    if (json_get_string(o->spec, STR("label"), &text)) {
        p->label = text;
    }
    if (json_get_string(o->spec, STR("fieldType"), &text)) {
        p->field_type = arena_cstr(&s->arena, text);
    }
    if (json_get(o->spec, STR("options"), &options) && json_count(options) > 0) {
        struct property_option *list =
            ARENA_ARRAY(&s->arena, struct property_option, json_count(options));
        struct json_iter it = json_iter(options);
        struct json v;
        size_t n = 0;
        while (json_next(&it, &v)) {
            if (!json_string(v, &text)) {
                return error_set(err, ERR_REQUEST, "options must be texts, the values");
            }
            list[n].value = arena_dup(&s->arena, text);
            list[n].label = list[n].value;
            n++;
        }
        p->options = list;
        p->n_options = n;
    }
    return true;
}

static bool create(struct operation *o, struct property_set *s, struct str name, struct error *err)
{
    struct property p = property_custom(name, PROPERTY_STRING, 40);
    if (!name_is_free(s, name, err) || !read_definition(o, s, &p, err)) {
        return false;
    }
    p.salt = 0;
    p.created_ms = o->mutate.time.at_ms;
    p.updated_ms = o->mutate.time.at_ms;
    property_add(s, &p);
    return true;
}

// As in HubSpot: the old property goes, another comes. Its values are the same, set by hand or not.
static bool rename_to(struct operation *o, struct property_set *s, struct property *old,
                      struct error *err)
{
    struct str to = STR("");
    json_get_string(o->spec, STR("to"), &to);
    if (!name_is_free(s, to, err)) {
        return false;
    }
    struct property p = *old;
    p.name = to;
    p.created_ms = o->mutate.time.at_ms;
    p.updated_ms = o->mutate.time.at_ms;
    property_remove(s, old, o->mutate.time.at_ms);
    const struct property *fresh = property_add(s, &p);
    struct shelf *shelf = &o->mutate.portal->shelves[o->mutate.object];
    for (size_t i = 0; i < shelf->overlays.cap; i++) {
        struct overlay *overlay = shelf->overlays.entries[i].value;
        for (uint32_t k = 0; overlay && k < overlay->n_changes; k++) {
            if (overlay->changes[k].property == old) {
                overlay->changes[k].property = fresh;
            }
        }
    }
    return true;
}

// The same name with another type: values made up anew, those set by hand stay as they are.
static bool retype(struct operation *o, struct property_set *s, struct property *p,
                   struct error *err)
{
    struct property changed = *p;
    if (!read_definition(o, s, &changed, err)) {
        return false;
    }
    p->type = changed.type;
    p->kind = changed.kind;
    p->field_type = changed.field_type;
    p->options = changed.options;
    p->n_options = changed.n_options;
    p->lo = changed.lo;
    p->hi = changed.hi;
    p->fill = changed.fill;
    p->label = arena_dup(&s->arena, changed.label);
    p->updated_ms = o->mutate.time.at_ms;
    return true;
}

bool admin_property(struct operation *o, struct error *err)
{
    struct str action = STR("");
    struct str name = STR("");
    struct property *p = NULL;
    if (!admin_object(o, "object", &o->mutate.object, err)) {
        return false;
    }
    struct property_set *s = &o->mutate.portal->shelves[o->mutate.object].properties;
    json_get_string(o->spec, STR("action"), &action);
    json_get_string(o->spec, STR("name"), &name);
    bool ok;
    if (str_eq(action, STR("create"))) {
        ok = create(o, s, name, err);
    } else if (!str_eq(action, STR("rename")) && !str_eq(action, STR("retype")) &&
               !str_eq(action, STR("delete"))) {
        return error_set(err, ERR_REQUEST,
                         "action is '%.*s'; it must be create, rename, retype or delete",
                         STR_ARG(action));
    } else if (missing(s, name, &p, err)) {
        return false;
    } else if (p->kind <= KIND_MODIFIED) {
        return error_set(err, ERR_REQUEST, "%.*s is part of every record and stays as it is",
                         STR_ARG(name));
    } else if (str_eq(action, STR("rename"))) {
        ok = rename_to(o, s, p, err);
    } else if (str_eq(action, STR("retype"))) {
        ok = retype(o, s, p, err);
    } else {
        property_remove(s, p, o->mutate.time.at_ms);
        ok = true;
    }
    o->mutate.portal->version++;
    o->mutate.portal->schema_version++;
    if (ok) {
        json_field_str(o->out, "action", action);
        json_field_str(o->out, "object", object_info(o->mutate.object)->plural);
        json_field_str(o->out, "name", name);
    }
    return ok;
}
