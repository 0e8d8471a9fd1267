#include "sim/visibility.h"

#include "sim/scopes.h"

// "crm.objects.contacts.read" -> "crm.objects.contacts.sensitive.write"; tickets have one scope for
// both: "tickets.sensitive".
static struct str scope_for(struct arena *arena, enum object_type object,
                            enum property_sensitivity sensitivity, const char *access)
{
    struct str scope = object_info(object)->scope;
    struct str end = STR(".read");
    const char *kind = sensitivity == SENSITIVITY_HIGH ? "highly_sensitive" : "sensitive";
    if (!str_ends(scope, end)) {
        return arena_printf(arena, "%.*s.%s", STR_ARG(scope), kind);
    }
    return arena_printf(arena, "%.*s.%s.%s", STR_ARG(str_sub(scope, 0, scope.len - end.len)), kind,
                        access);
}

// Calls that the simulator makes of itself have no app and see everything.
static bool sees_all(const struct call *c)
{
    return !c->caller.app || c->caller.all_scopes;
}

unsigned visibility_of(const struct call *c, enum object_type object)
{
    if (sees_all(c)) {
        return SEES_ALL;
    }
    struct str granted = c->caller.scopes;
    unsigned seen = 0;
    if (scopes_have(granted, scope_for(c->arena, object, SENSITIVITY_SENSITIVE, "read"))) {
        seen |= SEES_SENSITIVE;
    }
    if (scopes_have(granted, scope_for(c->arena, object, SENSITIVITY_HIGH, "read"))) {
        seen |= SEES_HIGHLY_SENSITIVE;
    }
    if (scopes_have(granted, STR("sales-email-read"))) {
        seen |= SEES_EMAIL_CONTENTS;
    }
    return seen;
}

static bool is_email_content(const struct property *p)
{
    static const struct str names[] = {STR_INIT("hs_email_subject"), STR_INIT("hs_email_html"),
                                       STR_INIT("hs_email_text"), STR_INIT("hs_email_headers")};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(p->name, names[i])) {
            return true;
        }
    }
    return false;
}

bool visibility_permits(unsigned seen, enum object_type object, const struct property *p)
{
    static const unsigned needed[] = {
        [SENSITIVITY_NONE] = 0,
        [SENSITIVITY_SENSITIVE] = SEES_SENSITIVE,
        [SENSITIVITY_HIGH] = SEES_HIGHLY_SENSITIVE,
    };
    unsigned need = needed[p->sensitivity];
    if (object == OBJECT_EMAILS && is_email_content(p)) {
        need |= SEES_EMAIL_CONTENTS;
    }
    return (need & ~seen) == 0;
}

bool visibility_may_write(const struct call *c, enum object_type object,
                          enum property_sensitivity sensitivity, struct str *ret_scope)
{
    if (sees_all(c) || sensitivity == SENSITIVITY_NONE) {
        return true;
    }
    struct str scope = scope_for(c->arena, object, sensitivity, "write");
    if (scopes_have(c->caller.scopes, scope)) {
        return true;
    }
    *ret_scope = scope;
    return false;
}
