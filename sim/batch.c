#include "sim/batch.h"

#include "sim/sim.h"

bool batch_inputs(struct call *c, size_t most, struct json *ret)
{
    struct json inputs;
    if (!json_get(c->body, STR("inputs"), &inputs) || json_type(inputs) != JSON_ARRAY) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "Invalid input JSON: 'inputs' is missing; it must be an array");
    }
    if (json_count(inputs) > most) {
        return call_error(
            c, 400, "VALIDATION_ERROR",
            "The maximum number of inputs supported in a batch is %zu. Please reduce the number of "
            "items and try again",
            most);
    }
    *ret = inputs;
    return true;
}

void batch_begin(struct call *c)
{
    struct str now = call_iso(c, clock_now_ms(c->sim->clock));
    buf_printf(
        &c->response->body,
        "{\"status\":\"COMPLETE\",\"startedAt\":\"%.*s\",\"completedAt\":\"%.*s\",\"results\":[",
        STR_ARG(now), STR_ARG(now));
}

struct str batch_names(struct call *c, struct json array)
{
    size_t len = 0;
    struct json_iter it = json_iter(array);
    struct json v;
    struct str name;
    while (json_next(&it, &v)) {
        len += json_string(v, &name) ? name.len + 1 : 0;
    }
    char *text = arena_alloc(c->arena, len + 1);
    char *to = text;
    it = json_iter(array);
    while (json_next(&it, &v)) {
        if (json_string(v, &name)) {
            memcpy(to, name.ptr, name.len);
            to += name.len;
            *to++ = ',';
        }
    }
    return (struct str){text, to > text ? (size_t)(to - text) - 1 : 0};
}
