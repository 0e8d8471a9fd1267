#include "sim/list_write.h"

#include "sim/list_filter.h"
#include "sim/sim.h"

bool list_not_found(struct call *c, struct str id)
{
    call_error(c, 404, "OBJECT_NOT_FOUND", "List does not exist with ID %.*s.", STR_ARG(id));
    return refuse_with(c, "subCategory", STR("ILS.LIST_NOT_FOUND"));
}

struct list *list_in_path(struct call *c, size_t i)
{
    uint64_t id;
    struct list *l =
        str_to_uint64(c->params[i], &id) ? lists_find(&c->sim->portal->lists, id) : NULL;
    if (!l || l->deleted_ms != 0) {
        list_not_found(c, c->params[i]);
        return NULL;
    }
    return l;
}

size_t list_size(struct call *c, struct list *l)
{
    const struct shelf *s = &c->sim->portal->shelves[l->object];
    size_t n = 0;
    list_work_out(c, l);
    for (size_t i = 0; i < l->n_members; i++) {
        uint32_t slot;
        n += portal_slot_of(s, l->members[i].record_id, &slot) && portal_is_live(s, slot) ? 1 : 0;
    }
    return n;
}

static void write_common(struct call *c, struct json_writer *w, const struct list *l)
{
    json_field_str(w, "listId", call_number(c, l->id));
    json_field_int(w, "listVersion", l->version);
    json_field_str(w, "name", l->name);
    json_field_str(w, "objectTypeId", object_info(l->object)->type_id);
    json_field_str(w, "processingType", str_from(list_processing_name(l->processing)));
    json_field_str(w, "processingStatus", STR("COMPLETE"));
    json_field_str(w, "createdAt", call_iso(c, l->created_ms));
    json_field_str(w, "updatedAt", call_iso(c, l->updated_ms));
    json_field_str(w, "createdById", STR("8200000"));
    json_field_str(w, "updatedById", STR("8200000"));
    if (l->filters_ms > 0) {
        json_field_str(w, "filtersUpdatedAt", call_iso(c, l->filters_ms));
    }
}

void list_write(struct call *c, struct json_writer *w, struct list *l, bool filters)
{
    json_begin_object(w);
    write_common(c, w, l);
    json_field_int(w, "size", (int64_t)list_size(c, l));
    if (filters && l->filter.len > 0) {
        json_key(w, STR("filterBranch"));
        json_put_raw(w, l->filter);
    }
    json_end_object(w);
}

// A property of a list as text; ptr NULL: there is none of that name.
static struct str property_text(struct call *c, struct list *l, struct str name)
{
    if (str_eq(name, STR("hs_list_size"))) {
        return call_number(c, list_size(c, l));
    }
    if (str_eq(name, STR("hs_lastmodifieddate"))) {
        return call_number(c, (uint64_t)l->updated_ms);
    }
    if (str_eq(name, STR("hs_createdate"))) {
        return call_number(c, (uint64_t)l->created_ms);
    }
    return (struct str){NULL, 0};
}

void list_write_found(struct call *c, struct json_writer *w, struct list *l, struct str properties)
{
    struct str name;
    json_begin_object(w);
    write_common(c, w, l);
    json_key(w, STR("additionalProperties"));
    json_begin_object(w);
    while (properties.len > 0 && str_next(&properties, ',', &name)) {
        struct str text = property_text(c, l, name);
        if (text.ptr) {
            json_key(w, name);
            json_put_str(w, text);
        }
    }
    json_end_object(w);
    json_end_object(w);
}
