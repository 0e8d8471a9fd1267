// The validation rules of properties: what --admin-rules says of values.
#include "sim/endpoints.h"
#include "sim/sim.h"

static const char *const types[RULE_KIND_COUNT] = {
    [RULE_MIN] = "MIN_NUMBER",
    [RULE_MAX] = "MAX_NUMBER",
    [RULE_LENGTH] = "MAX_LENGTH",
};

static bool applies(const struct admin_rule *rule, enum object_type object)
{
    return rule->object == object && types[rule->kind]; // what is required is no rule of a value
}

static void write_rules(struct call *c, struct json_writer *w, enum object_type object,
                        struct str property)
{
    const struct admin_rules *rules = &c->sim->options->admin_rules;
    json_begin_array(w);
    for (size_t i = 0; i < rules->n; i++) {
        const struct admin_rule *rule = &rules->items[i];
        if (applies(rule, object) && str_eq(rule->property, property)) {
            json_begin_object(w);
            json_field_str(w, "ruleType", str_from(types[rule->kind]));
            json_key(w, STR("ruleArguments"));
            json_begin_array(w);
            json_put_str(w, arena_printf(c->arena, "%g", rule->bound));
            json_end_array(w);
            json_end_object(w);
        }
    }
    json_end_array(w);
}

// Whether a rule before the i-th is about the same property, which is then done.
static bool seen_before(const struct admin_rules *rules, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (applies(&rules->items[k], rules->items[i].object) &&
            str_eq(rules->items[k].property, rules->items[i].property)) {
            return true;
        }
    }
    return false;
}

void endpoint_property_validations(struct call *c)
{
    const struct admin_rules *rules = &c->sim->options->admin_rules;
    enum object_type object;
    if (!call_object(c, 0, true, &object)) {
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = 0; i < rules->n; i++) {
        if (applies(&rules->items[i], object) && !seen_before(rules, i)) {
            json_begin_object(&w);
            json_field_str(&w, "propertyName", rules->items[i].property);
            json_key(&w, STR("propertyValidationRules"));
            write_rules(c, &w, object, rules->items[i].property);
            json_end_object(&w);
        }
    }
    json_end_array(&w);
    json_end_object(&w);
}

void endpoint_property_validation(struct call *c)
{
    enum object_type object;
    if (!call_object(c, 0, true, &object)) {
        return;
    }
    if (!property_find(&c->sim->portal->shelves[object].properties, c->params[1])) {
        call_error(c, 404, "OBJECT_NOT_FOUND", "No property exists with the name \"%.*s\"",
                   STR_ARG(c->params[1]));
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    write_rules(c, &w, object, c->params[1]);
    json_end_object(&w);
}
