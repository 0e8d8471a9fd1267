// Property definitions.
#include "sim/endpoints.h"
#include "sim/sim.h"

static void write_options(struct json_writer *w, const struct property *p)
{
    json_key(w, STR("options"));
    json_begin_array(w);
    for (size_t i = 0; i < p->n_options && !p->external_options; i++) {
        json_begin_object(w);
        json_field_str(w, "label", p->options[i].label);
        json_field_str(w, "value", p->options[i].value);
        json_field_int(w, "displayOrder", (int64_t)i);
        json_field_bool(w, "hidden", false);
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_definition(struct call *c, struct json_writer *w, const struct property *p)
{
    json_begin_object(w);
    json_field_str(w, "updatedAt", call_iso(c, p->updated_ms));
    json_field_str(w, "createdAt", call_iso(c, p->created_ms));
    json_field_str(w, "name", p->name);
    json_field_str(w, "label", p->label);
    json_field_str(w, "type", str_from(property_type_name(p->type)));
    json_field_str(w, "fieldType",
                   str_from(p->calculated ? "calculation_equation" : p->field_type));
    json_field_str(w, "description", STR(""));
    json_field_str(w, "groupName", p->group);
    write_options(w, p);
    if (p->external_options) {
        json_field_str(w, "referencedObjectType", STR("OWNER"));
    }
    if (p->archived) {
        json_field_str(w, "archivedAt", call_iso(c, p->updated_ms));
    }
    json_field_int(w, "displayOrder", -1);
    json_field_bool(w, "calculated", p->calculated);
    json_field_bool(w, "externalOptions", p->external_options);
    json_field_bool(w, "archived", p->archived);
    json_field_bool(w, "hasUniqueValue", p->unique);
    json_field_bool(w, "hidden", p->hidden);
    json_field_bool(w, "hubspotDefined", p->hubspot_defined);
    json_key(w, STR("modificationMetadata"));
    json_begin_object(w);
    json_field_bool(w, "archivable", !p->hubspot_defined);
    json_field_bool(w, "readOnlyDefinition", p->hubspot_defined);
    json_field_bool(w, "readOnlyOptions", p->hubspot_defined);
    json_field_bool(w, "readOnlyValue", p->read_only);
    json_end_object(w);
    json_field_bool(w, "formField", !p->read_only);
    json_field_str(w, "dataSensitivity", STR("non_sensitive"));
    json_end_object(w);
}

void endpoint_properties_list(struct call *c)
{
    enum object_type object;
    if (!call_object(c, 0, true, &object)) {
        return;
    }
    const struct property_set *set = &c->sim->portal->shelves[object].properties;
    bool archived = call_flag(c, "archived");
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = 0; i < set->n; i++) {
        if (set->items[i]->archived == archived) {
            write_definition(c, &w, set->items[i]);
        }
    }
    json_end_array(&w);
    json_end_object(&w);
}

void endpoint_properties_get(struct call *c)
{
    enum object_type object;
    if (!call_object(c, 0, true, &object)) {
        return;
    }
    const struct property *p =
        property_find(&c->sim->portal->shelves[object].properties, c->params[1]);
    if (!p) {
        call_error(c, 404, "OBJECT_NOT_FOUND", "No property exists with the name \"%.*s\"",
                   STR_ARG(c->params[1]));
        return;
    }
    struct json_writer w = call_writer(c);
    write_definition(c, &w, p);
}
