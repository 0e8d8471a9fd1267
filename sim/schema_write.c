#include "sim/schema_write.h"

#include "sim/property_write.h"
#include "sim/sim.h"

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char ch = s.ptr[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
        if (!letter && (i == 0 || !((ch >= '0' && ch <= '9') || ch == '_'))) {
            return false;
        }
    }
    return s.len > 0 && s.len <= SCHEMA_NAME_MAX;
}

bool schema_name_ok(struct call *c, struct str name)
{
    return is_name(name) ||
           call_error(c, 400, "VALIDATION_ERROR",
                      "name '%.*s' must begin with a letter and consist of at most %d letters, "
                      "digits and underscores",
                      STR_ARG(str_sub(name, 0, 2 * SCHEMA_NAME_MAX)), SCHEMA_NAME_MAX);
}

bool schema_read(struct call *c, struct json v, enum field_need need, struct schema *s)
{
    struct json labels;
    bool there = json_get(v, STR("labels"), &labels) && json_type(labels) == JSON_OBJECT;
    if (!there && need == FIELD_REQUIRED) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "Invalid input JSON: some required fields were not set: [labels]");
    }
    if (there && (!field_str(c, labels, "singular", need, &s->singular) ||
                  !field_str(c, labels, "plural", need, &s->plural))) {
        return false;
    }
    return field_str(c, v, "description", FIELD_OPTIONAL, &s->description) &&
           field_str(c, v, "primaryDisplayProperty", need, &s->primary_display) &&
           field_names(c, v, "secondaryDisplayProperties", &s->secondary_display) &&
           field_names(c, v, "requiredProperties", &s->required) &&
           field_names(c, v, "searchableProperties", &s->searchable);
}

static bool all_known(struct call *c, const struct property_set *set, const char *field,
                      struct str list)
{
    struct str name;
    while (list.len > 0 && str_next(&list, ',', &name)) {
        if (!property_find(set, name)) {
            call_error(c, 400, "VALIDATION_ERROR",
                       "%s names '%.*s', which is no property of the object type", field,
                       STR_ARG(name));
            return refuse_context(c, "propertyName", name);
        }
    }
    return true;
}

bool schema_names_ok(struct call *c, enum object_type object, const struct schema *s)
{
    const struct property_set *set = &c->sim->portal->shelves[object].properties;
    return all_known(c, set, "primaryDisplayProperty", s->primary_display) &&
           all_known(c, set, "secondaryDisplayProperties", s->secondary_display) &&
           all_known(c, set, "requiredProperties", s->required) &&
           all_known(c, set, "searchableProperties", s->searchable);
}

bool schema_take(struct call *c, struct schema *to, const struct schema *from)
{
    struct schema kept = *to;
    if (!call_keep(c, from->singular, &kept.singular) ||
        !call_keep(c, from->plural, &kept.plural) ||
        !call_keep(c, from->description, &kept.description) ||
        !call_keep(c, from->primary_display, &kept.primary_display) ||
        !call_keep(c, from->secondary_display, &kept.secondary_display) ||
        !call_keep(c, from->required, &kept.required) ||
        !call_keep(c, from->searchable, &kept.searchable)) {
        return false;
    }
    kept.updated_ms = clock_now_ms(c->sim->clock);
    *to = kept;
    c->sim->portal->shelves[to->object].searched = kept.searchable;
    return true;
}

static void write_names(struct json_writer *w, const char *field, struct str list)
{
    struct str name;
    json_key(w, str_from(field));
    json_begin_array(w);
    while (list.len > 0 && str_next(&list, ',', &name)) {
        json_put_str(w, name);
    }
    json_end_array(w);
}

static struct str short_name(const struct portal *p, enum object_type t)
{
    return object_is_custom(t) ? p->schemas.items[t - OBJECT_CUSTOM_FIRST].name
                               : object_info(t)->singular;
}

void schema_write_association(struct call *c, struct json_writer *w,
                              const struct association_pair *pair, size_t label, bool forward)
{
    const struct portal *p = c->sim->portal;
    const struct association_label *l = &pair->labels[label];
    enum object_type from = forward ? pair->a : pair->b;
    enum object_type to = forward ? pair->b : pair->a;
    const char *text = forward ? l->label : l->reverse_label;
    struct str name = text ? str_from(text)
                           : arena_printf(c->arena, "%.*s_to_%.*s", STR_ARG(short_name(p, from)),
                                          STR_ARG(short_name(p, to)));
    json_begin_object(w);
    json_field_str(w, "fromObjectTypeId", object_info(from)->type_id);
    json_field_str(w, "toObjectTypeId", object_info(to)->type_id);
    json_field_str(w, "name", name);
    json_field_str(w, "id", call_number(c, (uint64_t)(forward ? l->forward_id : l->reverse_id)));
    json_field_str(w, "createdAt", call_iso(c, portal_first_ms()));
    json_field_str(w, "updatedAt", call_iso(c, portal_first_ms()));
    json_end_object(w);
}

static void write_associations(struct call *c, struct json_writer *w, enum object_type object)
{
    const struct associations *all = &c->sim->portal->associations;
    json_key(w, STR("associations"));
    json_begin_array(w);
    for (size_t i = 0; association_pair_at(all, i); i++) {
        const struct association_pair *pair = association_pair_at(all, i);
        for (size_t k = 0; (pair->a == object || pair->b == object) && k < pair->n_labels; k++) {
            if (pair->live >> k & 1) {
                schema_write_association(c, w, pair, k, true);
                schema_write_association(c, w, pair, k, false);
            }
        }
    }
    json_end_array(w);
}

static void write_properties(struct call *c, struct json_writer *w, enum object_type object)
{
    const struct property_set *set = &c->sim->portal->shelves[object].properties;
    json_key(w, STR("properties"));
    json_begin_array(w);
    for (size_t i = 0; i < set->n; i++) {
        if (!set->items[i]->archived) {
            property_write(c, w, set->items[i]);
        }
    }
    json_end_array(w);
}

static void write_labels(struct json_writer *w, struct str singular, struct str plural)
{
    json_key(w, STR("labels"));
    json_begin_object(w);
    json_field_str(w, "singular", singular);
    json_field_str(w, "plural", plural);
    json_end_object(w);
}

void schema_write(struct call *c, struct json_writer *w, const struct schema *s, bool whole)
{
    struct str type_id = object_info(s->object)->type_id;
    json_begin_object(w);
    write_labels(w, s->singular, s->plural);
    write_names(w, "requiredProperties", s->required);
    write_names(w, "searchableProperties", s->searchable);
    json_field_str(w, "primaryDisplayProperty", s->primary_display);
    write_names(w, "secondaryDisplayProperties", s->secondary_display);
    if (s->description.len > 0) {
        json_field_str(w, "description", s->description);
    }
    json_field_bool(w, "archived", s->state != SCHEMA_LIVE);
    json_field_str(w, "fullyQualifiedName", s->qualified);
    json_field_int(w, "portalId", (int64_t)c->sim->portal->options.portal_id);
    json_field_str(w, "createdAt", call_iso(c, s->created_ms));
    json_field_str(w, "updatedAt", call_iso(c, s->updated_ms));
    json_field_str(w, "objectTypeId", type_id);
    json_field_str(w, "id", str_sub(type_id, 2, type_id.len));
    json_field_str(w, "name", s->name);
    if (whole) {
        write_properties(c, w, s->object);
        write_associations(c, w, s->object);
    }
    json_end_object(w);
}

void schema_write_standard(struct call *c, struct json_writer *w, enum object_type object)
{
    const struct object_info *info = object_info(object);
    json_begin_object(w);
    write_labels(w, info->singular, info->plural);
    write_names(w, "requiredProperties", STR(""));
    write_names(w, "searchableProperties", info->searched);
    write_names(w, "secondaryDisplayProperties", STR(""));
    json_field_bool(w, "archived", false);
    json_field_str(w, "fullyQualifiedName", info->upper);
    json_field_str(w, "createdAt", call_iso(c, portal_first_ms()));
    json_field_str(w, "updatedAt", call_iso(c, portal_first_ms()));
    json_field_str(w, "objectTypeId", info->type_id);
    json_field_str(w, "id", info->type_id);
    json_field_str(w, "name", info->upper);
    write_properties(c, w, object);
    write_associations(c, w, object);
    json_end_object(w);
}
