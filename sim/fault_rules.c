#include "sim/fault_rules.h"

#include "sim/routes.h"

static const char *const action_names[FAULT_ACTIONS] = {
    [FAULT_STATUS] = "status",
    [FAULT_HTML] = "html",
    [FAULT_FORBID] = "forbid",
    [FAULT_DROP] = "drop",
    [FAULT_CUT] = "cut",
    [FAULT_STALL] = "stall",
    [FAULT_DELAY] = "delay",
    [FAULT_TRUNCATE] = "truncate",
    [FAULT_WRONG_LENGTH] = "wrong_length",
    [FAULT_BAD_UTF8] = "bad_utf8",
    [FAULT_NUL] = "nul",
    [FAULT_CONTROL] = "control",
    [FAULT_SHORT_PAGE] = "short_page",
    [FAULT_EMPTY_PAGE] = "empty_page",
    [FAULT_DROP_ROWS] = "drop_rows",
    [FAULT_REPEAT_ROWS] = "repeat_rows",
    [FAULT_CLOUDFLARE] = "cloudflare",
    [FAULT_RATE_LIMIT] = "rate_limit",
    [FAULT_REDIRECT] = "redirect",
    [FAULT_SHORT_LENGTH] = "short_length",
    [FAULT_TRICKLE] = "trickle",
    [FAULT_BAD_JSON] = "bad_json",
    [FAULT_HUGE_BODY] = "huge_body",
    [FAULT_HEADERS] = "headers",
};

enum field_type { FIELD_TEXT, FIELD_COUNT, FIELD_RATE };

static const struct {
    const char *name;
    enum field_type type;
    size_t offset;
    int64_t most;
} fields[] = {
    {"endpoint", FIELD_TEXT, offsetof(struct fault_rule, endpoint), 0},
    {"path", FIELD_TEXT, offsetof(struct fault_rule, path), 0},
    {"method", FIELD_TEXT, offsetof(struct fault_rule, method), 0},
    {"after", FIELD_COUNT, offsetof(struct fault_rule, after), INT64_MAX},
    {"nth", FIELD_COUNT, offsetof(struct fault_rule, nth), INT64_MAX},
    {"every", FIELD_COUNT, offsetof(struct fault_rule, every), INT64_MAX},
    {"rate", FIELD_RATE, offsetof(struct fault_rule, rate), 0},
    {"seed", FIELD_COUNT, offsetof(struct fault_rule, seed), INT64_MAX},
    {"times", FIELD_COUNT, offsetof(struct fault_rule, times), INT64_MAX},
    {"status", FIELD_COUNT, offsetof(struct fault_rule, status), 599},
    {"category", FIELD_TEXT, offsetof(struct fault_rule, category), 0},
    {"message", FIELD_TEXT, offsetof(struct fault_rule, message), 0},
    {"body", FIELD_TEXT, offsetof(struct fault_rule, body), 0},
    {"property", FIELD_TEXT, offsetof(struct fault_rule, property), 0},
    {"policy", FIELD_TEXT, offsetof(struct fault_rule, policy), 0},
    {"url", FIELD_TEXT, offsetof(struct fault_rule, url), 0},
    {"code", FIELD_COUNT, offsetof(struct fault_rule, code), 9999},
    {"ms", FIELD_COUNT, offsetof(struct fault_rule, ms), 600000},
    {"bytes", FIELD_COUNT, offsetof(struct fault_rule, bytes), 1LL << 32},
    {"count", FIELD_COUNT, offsetof(struct fault_rule, count), 100000},
    {"retry_after", FIELD_COUNT, offsetof(struct fault_rule, retry_after_s), 86400},
};

static void write_field(const struct fault_rule *r, size_t i, struct json_writer *w)
{
    const char *field = (const char *)r + fields[i].offset;
    struct str text;
    int64_t n;
    double d;
    if (fields[i].type == FIELD_TEXT) {
        memcpy(&text, field, sizeof(text));
        if (text.len > 0) {
            json_field_str(w, fields[i].name, text);
        }
    } else if (fields[i].type == FIELD_COUNT) {
        memcpy(&n, field, sizeof(n));
        if (n != 0) {
            json_field_int(w, fields[i].name, n);
        }
    } else {
        memcpy(&d, field, sizeof(d));
        if (d > 0) {
            json_field_double(w, fields[i].name, d);
        }
    }
}

void fault_rule_write(const struct fault_rule *r, struct json_writer *w)
{
    json_begin_object(w);
    json_field_str(w, "action", str_from(action_names[r->action]));
    if (r->object >= 0) {
        enum object_type t = (enum object_type)r->object;
        const struct object_info *o = object_info(t);
        json_field_str(w, "object", object_is_custom(t) ? o->type_id : o->plural);
    }
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        write_field(r, i, w);
    }
    json_field_int(w, "matched", r->matched);
    json_field_int(w, "fired", r->fired);
    json_end_object(w);
}

bool fault_policy(struct str name, enum limits_policy *ret)
{
    for (size_t i = 0; i < LIMITS_POLICIES; i++) {
        if (str_eq(name, str_from(limits_policy_name((enum limits_policy)i)))) {
            *ret = (enum limits_policy)i;
            return true;
        }
    }
    return false;
}

static bool read_action(struct json v, struct fault_rule *rule, struct error *err)
{
    struct str text = {"", 0};
    if (json_string(v, &text)) {
        for (size_t i = 0; i < FAULT_ACTIONS; i++) {
            if (str_eq(text, str_from(action_names[i]))) {
                rule->action = (enum fault_action)i;
                return true;
            }
        }
    }
    struct buf names;
    buf_init(&names, 1024);
    for (size_t i = 0; i < FAULT_ACTIONS; i++) {
        buf_printf(&names, "%s%s", i > 0 ? ", " : "", action_names[i]);
    }
    error_set(err, ERR_REQUEST, "action is '%.*s'; it must be one of %s",
              STR_ARG(str_sub(text, 0, 80)), buf_cstr(&names));
    buf_done(&names);
    return false;
}

static bool read_object(struct json v, struct fault_rule *rule, struct error *err)
{
    struct str text = {"", 0};
    enum object_type object;
    if (!json_string(v, &text) || !object_find(text, false, &object)) {
        return error_set(err, ERR_REQUEST,
                         "object is '%.*s'; it must be a type such as contacts or 0-1",
                         STR_ARG(text));
    }
    rule->object = (int)object;
    return true;
}

static bool read_field(size_t i, struct json v, struct arena *arena, struct fault_rule *rule,
                       struct error *err)
{
    char *field = (char *)rule + fields[i].offset;
    struct str text;
    int64_t n;
    double d;
    if (fields[i].type == FIELD_TEXT && json_string(v, &text)) {
        text = arena_dup(arena, text);
        memcpy(field, &text, sizeof(text));
        return true;
    }
    if (fields[i].type == FIELD_COUNT && json_int(v, &n) && n >= 0 && n <= fields[i].most) {
        memcpy(field, &n, sizeof(n));
        return true;
    }
    if (fields[i].type == FIELD_RATE && json_double(v, &d) && d > 0 && d <= 1) {
        memcpy(field, &d, sizeof(d));
        return true;
    }
    static const char *const wanted[] = {"a text", "a whole number within its limits",
                                         "a number above 0, up to 1"};
    return error_set(err, ERR_REQUEST, "%s must be %s", fields[i].name, wanted[fields[i].type]);
}

static bool check_endpoint(struct str endpoint, struct error *err)
{
    return endpoint.len == 0 || route_name_known(endpoint) || str_ends(endpoint, STR(".")) ||
           error_set(err, ERR_REQUEST,
                     "endpoint is '%.*s', which is none; it must be a name such as objects.list, "
                     "or the first half with its dot, such as objects.",
                     STR_ARG(str_sub(endpoint, 0, 80)));
}

// What an action cannot do without.
static bool check(const struct fault_rule *r, struct error *err)
{
    enum limits_policy policy;
    const char *action = action_names[r->action];
    bool takes_time =
        r->action == FAULT_STALL || r->action == FAULT_DELAY || r->action == FAULT_TRICKLE;
    if (r->action == FAULT_STATUS && (r->status < 200 || r->status == 204)) {
        return error_set(err, ERR_REQUEST,
                         "action status needs a status between 200 and 599, such as 502");
    }
    if (takes_time && r->ms == 0) {
        return error_set(err, ERR_REQUEST, "action %s needs ms, how long", action);
    }
    if (r->action == FAULT_REDIRECT && r->url.len == 0) {
        return error_set(err, ERR_REQUEST, "action redirect needs url, where to");
    }
    if (r->action == FAULT_RATE_LIMIT && !fault_policy(r->policy, &policy)) {
        return error_set(err, ERR_REQUEST,
                         "policy is '%.*s'; it must be TEN_SECONDLY_ROLLING, SECONDLY or DAILY",
                         STR_ARG(str_sub(r->policy, 0, 80)));
    }
    if (r->action == FAULT_CLOUDFLARE && !fault_cloudflare(r->code)) {
        return error_set(err, ERR_REQUEST,
                         "code is %lld; it must be 1006, 1015, 1018 or 520 to 526",
                         (long long)r->code);
    }
    if (r->action == FAULT_HUGE_BODY && (r->bytes == 0 || r->bytes > FAULT_HUGE_MAX)) {
        return error_set(err, ERR_REQUEST, "action huge_body needs bytes, at most %d",
                         (int)FAULT_HUGE_MAX);
    }
    if (r->action == FAULT_HEADERS &&
        MAX(r->count, INT64_C(1)) * (r->bytes + 20) > FAULT_HEADERS_MAX) {
        return error_set(err, ERR_REQUEST,
                         "count headers of so many bytes are more than %d bytes together",
                         (int)FAULT_HEADERS_MAX);
    }
    return check_endpoint(r->endpoint, err);
}

bool fault_rule_parse(struct json v, struct arena *arena, struct fault_rule *ret, struct error *err)
{
    if (json_type(v) != JSON_OBJECT) {
        return error_set(err, ERR_REQUEST, "a rule must be a JSON object with at least an action");
    }
    struct fault_rule rule = {.object = -1, .action = FAULT_ACTIONS};
    struct json_iter it = json_iter(v);
    struct str key;
    struct json value;
    while (json_next_field(&it, &key, &value)) {
        bool ok = false;
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(fields) && !known; i++) {
            known = str_eq(key, str_from(fields[i].name));
            ok = known && read_field(i, value, arena, &rule, err);
        }
        if (str_eq(key, STR("action"))) {
            known = true;
            ok = read_action(value, &rule, err);
        } else if (str_eq(key, STR("object"))) {
            known = true;
            ok = read_object(value, &rule, err);
        }
        if (!known) {
            return error_set(err, ERR_REQUEST, "a rule has no field '%.*s'", STR_ARG(key));
        }
        if (!ok) {
            return false;
        }
    }
    if (rule.action == FAULT_ACTIONS) {
        return error_set(err, ERR_REQUEST, "a rule needs an action, such as \"action\":\"status\"");
    }
    if (!check(&rule, err)) {
        return false;
    }
    *ret = rule;
    return true;
}
