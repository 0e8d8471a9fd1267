#include "sim/scopes.h"

#include "sim/apps.h"
#include "sim/routes.h"

// What endpoints need, by the first half of their names; the first row that fits holds. '|' stands
// between alternatives. Where no row fits, it is the scope of the object type in the path.
static const struct {
    const char *endpoint;
    const char *read;
    const char *write; // NULL: as for reading
} rules[] = {
    {"account.", "oauth", NULL},
    {"token.", "", NULL},
    {"oauth.", "", NULL},
    {"appinstalls.", "", NULL},
    {"owners.", "crm.objects.owners.read", NULL},
    {"schemas.", "crm.schemas.custom.read", "crm.schemas.custom.write"},
    {"lists.", "crm.lists.read", "crm.lists.write"},
    {"forms.", "forms", NULL},
    {"submissions.", "forms", NULL},
    {"email_events.", "content", NULL},
    {"exports.", "crm.export", NULL},
    {"limits.", "", NULL},
    {"webhooks.", "", NULL},
};

#define KNOWN_BOTH(x)      " crm.objects." x ".read crm.objects." x ".write"
#define KNOWN_SENSITIVE(x) KNOWN_BOTH(x ".sensitive") KNOWN_BOTH(x ".highly_sensitive")

struct str scopes_known(void)
{
    return STR(
        "oauth" KNOWN_BOTH("contacts") KNOWN_BOTH("companies") KNOWN_BOTH("deals") KNOWN_BOTH(
            "custom") KNOWN_BOTH("line_items") KNOWN_BOTH("products") KNOWN_BOTH("quotes")
            KNOWN_BOTH("leads") KNOWN_BOTH("invoices") KNOWN_BOTH("orders") KNOWN_BOTH("carts")
                KNOWN_BOTH("services") KNOWN_BOTH("courses") KNOWN_BOTH("listings") KNOWN_BOTH(
                    "appointments") KNOWN_BOTH("users") KNOWN_BOTH("goals")
                    KNOWN_BOTH("marketing_events") KNOWN_BOTH("subscriptions") KNOWN_BOTH(
                        "commercepayments") " crm.objects.owners.read "
                                            "crm.objects.feedback_submissions.read"
                                            " crm.schemas.contacts.read crm.schemas.contacts.write"
                                            " crm.schemas.companies.read "
                                            "crm.schemas.companies.write"
                                            " crm.schemas.deals.read crm.schemas.deals.write"
                                            " crm.schemas.custom.read crm.schemas.custom.write"
                                            " crm.lists.read crm.lists.write crm.export "
                                            "crm.import" KNOWN_SENSITIVE(
                                                "contacts") KNOWN_SENSITIVE("companies")
                                                KNOWN_SENSITIVE("deals") KNOWN_SENSITIVE(
                                                    "custom") " tickets tickets.sensitive "
                                                              "tickets.highly_sensitive e-commerce "
                                                              "sales-email-read forms content "
                                                              "automation"
                                                              " settings.users.read "
                                                              "settings.users.write "
                                                              "settings.users.teams.read"
                                                              " marketing.campaigns.read "
                                                              "business-intelligence "
                                                              "timeline"
                                                              " developer.webhooks_journal.read "
                                                              "developer.webhooks_journal."
                                                              "subscriptions.read"
                                                              " developer.webhooks_journal."
                                                              "subscriptions.write"
                                                              " developer.webhooks_journal."
                                                              "snapshots.read"
                                                              " developer.webhooks_journal."
                                                              "snapshots.write");
}

static bool next_scope(struct str *rest, struct str *ret)
{
    *rest = str_trim(*rest);
    size_t n = 0;
    while (n < rest->len && rest->ptr[n] != ' ' && rest->ptr[n] != '\t' && rest->ptr[n] != '\n') {
        n++;
    }
    *ret = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n, rest->len);
    return n > 0;
}

bool scopes_have(struct str list, struct str scope)
{
    struct str one;
    while (next_scope(&list, &one)) {
        if (str_eq(one, scope)) {
            return true;
        }
    }
    return false;
}

// What of `list` is in `other`, or is not.
static struct str pick(struct arena *arena, struct str list, struct str other, bool wanted)
{
    char *text = arena_alloc(arena, list.len + 1);
    struct str picked = {text, 0};
    struct str one;
    while (next_scope(&list, &one)) {
        if (scopes_have(other, one) == wanted && !scopes_have(picked, one)) {
            if (picked.len > 0) {
                text[picked.len++] = ' ';
            }
            memcpy(text + picked.len, one.ptr, one.len);
            picked.len += one.len;
        }
    }
    return picked;
}

struct str scopes_without(struct arena *arena, struct str list, struct str out)
{
    return pick(arena, list, out, false);
}

struct str scopes_common(struct arena *arena, struct str list, struct str other)
{
    return pick(arena, list, other, true);
}

struct str scopes_normal(struct arena *arena, struct str list)
{
    return pick(arena, list, STR(""), false);
}

struct str scopes_join(struct arena *arena, struct str a, struct str b)
{
    return scopes_normal(arena, arena_printf(arena, "%.*s %.*s", STR_ARG(a), STR_ARG(b)));
}

void scopes_write(struct json_writer *w, struct str list)
{
    struct str one;
    json_begin_array(w);
    while (next_scope(&list, &one)) {
        json_put_str(w, one);
    }
    json_end_array(w);
}

static void add(struct scope_need *need, struct str scope)
{
    if (scope.len > 0 && need->n < SCOPES_ALTERNATIVES) {
        need->any_of[need->n++] = scope;
    }
}

static struct str writing(struct arena *arena, struct str read)
{
    struct str end = STR(".read");
    return str_ends(read, end)
               ? arena_printf(arena, "%.*s.write", STR_ARG(str_sub(read, 0, read.len - end.len)))
               : read;
}

// Some reads take the lock for writing, too: what they look at may have to be made first.
static bool changes(const struct route *r)
{
    return r->writes && strcmp(r->method, "GET") != 0;
}

static struct scope_need need_object(const struct call *c, enum object_type object)
{
    struct scope_need need = {.n = 0};
    struct str read = object_info(object)->scope;
    struct str front = STR("crm.objects.");
    if (str_starts(str_from(c->route->name), STR("properties.")) && str_starts(read, front)) {
        struct str rest = str_sub(read, front.len, read.len);
        struct str schema = arena_printf(c->arena, "crm.schemas.%.*s", STR_ARG(rest));
        add(&need, changes(c->route) ? writing(c->arena, schema) : schema);
    }
    if (need.n == 0 || !changes(c->route)) {
        add(&need, changes(c->route) ? writing(c->arena, read) : read);
    }
    if (object == OBJECT_PRODUCTS || object == OBJECT_LINE_ITEMS || object == OBJECT_QUOTES) {
        add(&need, STR("e-commerce")); // older than the scopes of each, and still enough
    }
    return need;
}

static struct scope_need need_of_rule(const char *text)
{
    struct scope_need need = {.n = 0};
    struct str rest = str_from(text);
    struct str one;
    while (rest.len > 0 && str_next(&rest, '|', &one)) {
        add(&need, one);
    }
    return need;
}

// The path of an association names two types.
static bool second_object(const struct call *c, enum object_type *ret)
{
    for (size_t i = 1; i < CALL_PARAMS_MAX && c->params[i].ptr; i++) {
        if (object_find(c->params[i], true, ret)) {
            return true;
        }
    }
    return false;
}

size_t scopes_needed(const struct call *c, struct scope_need needs[SCOPES_NEEDS])
{
    if (!c->route) {
        return 0;
    }
    struct str name = str_from(c->route->name);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (str_starts(name, str_from(rules[i].endpoint))) {
            bool write = changes(c->route) && rules[i].write;
            needs[0] = need_of_rule(write ? rules[i].write : rules[i].read);
            return needs[0].n > 0 ? 1 : 0;
        }
    }
    if (!c->object_known) {
        return 0;
    }
    needs[0] = need_object(c, c->object);
    enum object_type other;
    if (!str_starts(name, STR("associations.")) || !second_object(c, &other)) {
        return 1;
    }
    needs[1] = need_object(c, other);
    return str_eq(needs[0].any_of[0], needs[1].any_of[0]) ? 1 : 2;
}

static bool meets(struct str granted, const struct scope_need *need)
{
    for (size_t i = 0; i < need->n; i++) {
        if (scopes_have(granted, need->any_of[i])) {
            return true;
        }
    }
    return false;
}

bool scopes_permit(struct call *c)
{
    struct scope_need needs[SCOPES_NEEDS];
    if (c->caller.all_scopes) {
        return true;
    }
    size_t n = scopes_needed(c, needs);
    for (size_t i = 0; i < n; i++) {
        if (!meets(c->caller.scopes, &needs[i])) {
            scopes_refuse(c);
            return false;
        }
    }
    return true;
}

void scopes_refuse(struct call *c)
{
    struct scope_need needs[SCOPES_NEEDS];
    size_t n = scopes_needed(c, needs);
    call_error(c, 403, "MISSING_SCOPES",
               "This app hasn't been granted all required scopes to make this call. Read more "
               "about required scopes here: https://developers.hubspot.com/scopes.");
    struct buf *body = &c->response->body;
    body->len--; // reopen the object
    buf_add(body, STR(",\"errors\":[{\"message\":\""));
    buf_add(body, n > 1 ? STR("All of the following scopes are required.")
                        : STR("One or more of the following scopes are required."));
    buf_add(body, STR("\",\"context\":{\"requiredGranularScopes\":["));
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < needs[i].n && (n == 1 || k == 0); k++) {
            buf_add(body, first ? STR("\"") : STR(",\""));
            buf_add(body, needs[i].any_of[k]);
            buf_add_char(body, '"');
            first = false;
        }
    }
    buf_add(body, STR("]}}],\"links\":{\"scopes\":\"https://developers.hubspot.com/scopes\"}}"));
}
