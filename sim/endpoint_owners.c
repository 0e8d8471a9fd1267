// Owners.
#include "sim/endpoints.h"
#include "sim/sim.h"

enum { OWNERS_DEFAULT = 100, OWNERS_MAX = 500 };

static void write_owner(struct call *c, struct json_writer *w, const struct owner *o)
{
    json_begin_object(w);
    json_field_str(w, "id", call_number(c, o->id));
    json_field_str(w, "email", o->email);
    json_field_str(w, "type", o->queue ? STR("QUEUE") : STR("PERSON"));
    json_field_str(w, "firstName", o->first_name);
    json_field_str(w, "lastName", o->last_name);
    if (o->archived) {
        json_field_null(w, "userId");
    } else {
        json_field_int(w, "userId", (int64_t)o->user_id);
    }
    json_field_int(w, "userIdIncludingInactive", (int64_t)o->user_id);
    json_field_str(w, "createdAt", call_iso(c, o->created_ms));
    json_field_str(w, "updatedAt", call_iso(c, o->updated_ms));
    json_field_bool(w, "archived", o->archived);
    if (o->n_teams > 0) {
        json_key(w, STR("teams"));
        json_begin_array(w);
        for (size_t i = 0; i < o->n_teams; i++) {
            json_begin_object(w);
            json_field_str(w, "id", call_number(c, o->teams[i]->id));
            json_field_str(w, "name", o->teams[i]->name);
            json_field_bool(w, "primary", i == 0);
            json_end_object(w);
        }
        json_end_array(w);
    }
    json_end_object(w);
}

static size_t next_owner(const struct owners *o, size_t i, bool archived, struct str email)
{
    while (i < o->n && (o->items[i].archived != archived ||
                        (email.len > 0 && !str_eq_nocase(email, o->items[i].email)))) {
        i++;
    }
    return i;
}

void endpoint_owners_list(struct call *c)
{
    const struct owners *o = &c->sim->portal->owners;
    int64_t limit;
    uint64_t after = 0;
    struct str after_text = http_server_query(c->request, "after");
    if (!call_limit(c, OWNERS_DEFAULT, OWNERS_MAX, &limit)) {
        return;
    }
    if (after_text.len > 0 && !str_to_uint64(after_text, &after)) {
        call_error(c, 400, "VALIDATION_ERROR", "Invalid after: %.*s", STR_ARG(after_text));
        return;
    }
    bool archived = call_flag(c, "archived");
    struct str email = http_server_query(c->request, "email");
    size_t i = 0;
    while (i < o->n && o->items[i].id < after) {
        i++;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    i = next_owner(o, i, archived, email);
    for (int64_t n = 0; n < limit && i < o->n; n++) {
        write_owner(c, &w, &o->items[i]);
        i = next_owner(o, i + 1, archived, email);
    }
    json_end_array(&w);
    if (i < o->n) {
        call_add_paging(c, call_number(c, o->items[i].id), true);
    }
    json_end_object(&w);
}

// The owner that `idProperty` means: by the owner's id or by the user's, and archived or not.
static bool find_owner(struct call *c, const struct owner **ret)
{
    const struct owners *o = &c->sim->portal->owners;
    struct str by = http_server_query(c->request, "idProperty");
    bool by_user = str_eq(by, STR("userId"));
    uint64_t id;
    *ret = NULL;
    if (by.len > 0 && !by_user && !str_eq(by, STR("id"))) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "Invalid idProperty: %.*s. It must be id or userId.", STR_ARG(by));
    }
    if (!str_to_uint64(c->params[0], &id)) {
        return true;
    }
    if (!by_user) {
        *ret = owners_find(o, id);
        return true;
    }
    for (size_t i = 0; i < o->n && !*ret; i++) {
        *ret = o->items[i].user_id == id ? &o->items[i] : NULL;
    }
    return true;
}

void endpoint_owners_get(struct call *c)
{
    const struct owner *o;
    if (!find_owner(c, &o)) {
        return;
    }
    if (!o || o->archived != call_flag(c, "archived")) {
        call_not_found(c);
        return;
    }
    struct json_writer w = call_writer(c);
    write_owner(c, &w, o);
}
