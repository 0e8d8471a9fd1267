#include "sim/admin_rules.h"

static const char *const names[RULE_KIND_COUNT] = {
    [RULE_REQUIRED] = "required",
    [RULE_MIN] = "min",
    [RULE_MAX] = "max",
    [RULE_LENGTH] = "length",
};

const char *admin_rule_name(enum admin_rule_kind kind)
{
    return names[kind];
}

// "required" or "min=0"
static bool parse_kind(struct str text, struct admin_rule *ret)
{
    ptrdiff_t equals = str_find_char(text, '=');
    struct str name = equals < 0 ? text : str_sub(text, 0, (size_t)equals);
    for (size_t i = 0; i < RULE_KIND_COUNT; i++) {
        if (str_eq(name, str_from(names[i]))) {
            ret->kind = (enum admin_rule_kind)i;
            return ret->kind == RULE_REQUIRED
                       ? equals < 0
                       : equals >= 0 && str_to_double(str_sub(text, (size_t)equals + 1, text.len),
                                                      &ret->bound);
        }
    }
    return false;
}

static bool parse_rule(struct str text, struct admin_rule *ret)
{
    ptrdiff_t dot = str_find_char(text, '.');
    ptrdiff_t colon = str_find_char(text, ':');
    *ret = (struct admin_rule){0};
    if (dot <= 0 || colon <= dot + 1 ||
        !object_find(str_sub(text, 0, (size_t)dot), false, &ret->object)) {
        return false;
    }
    ret->property = str_sub(text, (size_t)dot + 1, (size_t)(colon - dot - 1));
    return parse_kind(str_sub(text, (size_t)colon + 1, text.len), ret);
}

bool admin_rules_parse(struct str text, struct admin_rules *ret, struct error *err)
{
    struct str one;
    ret->n = 0;
    while (text.len > 0 && str_next(&text, ',', &one)) {
        if (ret->n == ADMIN_RULES_MAX) {
            return error_set(err, ERR_USAGE, "--admin-rules has more than %d rules",
                             ADMIN_RULES_MAX);
        }
        if (!parse_rule(one, &ret->items[ret->n++])) {
            return error_set(err, ERR_USAGE,
                             "--admin-rules has '%.*s'; a rule is TYPE.PROPERTY:required, "
                             "TYPE.PROPERTY:min=N, :max=N or :length=N, like deals.amount:min=0",
                             STR_ARG(one));
        }
    }
    return true;
}

static bool breaks(const struct admin_rule *r, struct str value)
{
    double d;
    if (r->kind == RULE_LENGTH) {
        return (double)value.len > r->bound;
    }
    if (r->kind == RULE_REQUIRED || !str_to_double(value, &d)) {
        return false;
    }
    return r->kind == RULE_MIN ? d < r->bound : d > r->bound;
}

const struct admin_rule *admin_rules_broken(const struct admin_rules *rules,
                                            enum object_type object, struct str property,
                                            struct str value)
{
    for (size_t i = 0; i < rules->n; i++) {
        const struct admin_rule *r = &rules->items[i];
        if (r->object == object && str_eq(r->property, property) && breaks(r, value)) {
            return r;
        }
    }
    return NULL;
}
