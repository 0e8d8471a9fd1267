#include "api/frame.h"

#include "core/limits.h"
#include "engine/engine.h"

enum { PAGE_DEFAULT = 10, PAGE_MAX = 100 };

bool api_need_store(struct api_frame *f)
{
    if (f->call.store) {
        return true;
    }
    struct error err;
    if (store_pool_lend(f->api->pool, &f->call.store, &f->call.sealing, &err)) {
        return true;
    }
    f->call.store = NULL;
    api_fail(&f->call, &err);
    return false;
}

// ---- the query

static const char *type_rule(enum api_type type)
{
    return type == API_INTEGER ? "an integer" : type == API_BOOLEAN ? "true or false" : "text";
}

static bool refuse_param(struct api_frame *f, const struct api_param *p, struct str value,
                         const char *rule)
{
    struct str shown = str_sub(value, 0, 64);
    struct str text = api_is_plain(shown) ? shown : STR("(not printable)");
    api_refuse(&f->call, 400, "config", "the query parameter %s is \"%.*s\": it must be %s",
               p->name, STR_ARG(text), rule);
    return false;
}

static bool is_boolean(struct str s)
{
    return str_eq(s, STR("true")) || str_eq(s, STR("false")) || str_eq(s, STR("1")) ||
           str_eq(s, STR("0"));
}

static bool check_choice(struct api_frame *f, const struct api_param *p, struct str value)
{
    struct str rest = str_from(p->choices);
    struct str choice;
    while (str_next(&rest, '|', &choice)) {
        if (str_eq(choice, value)) {
            return true;
        }
    }
    struct str rule = arena_printf(f->call.arena, "one of %s", p->choices);
    return refuse_param(f, p, value, arena_cstr(f->call.arena, rule));
}

static bool check_param(struct api_frame *f, const struct api_param *p, struct str value)
{
    int64_t n = 0;
    bool limited = p->min < 0 || p->min > 0 || p->max < 0 || p->max > 0;
    if (value.len > API_TEXT_MAX || !api_is_plain(value) ||
        (p->type == API_INTEGER && !str_to_int64(value, &n)) ||
        (p->type == API_BOOLEAN && !is_boolean(value))) {
        return refuse_param(f, p, value, type_rule(p->type));
    }
    if (p->type == API_INTEGER && limited && ((double)n < p->min || (double)n > p->max)) {
        struct str rule = arena_printf(f->call.arena, "from %.15g to %.15g", p->min, p->max);
        return refuse_param(f, p, value, arena_cstr(f->call.arena, rule));
    }
    return !p->choices || check_choice(f, p, value);
}

static bool read_param(struct api_frame *f, const struct api_param *p, struct str *ret)
{
    struct str value = http_server_query(f->call.http, p->name);
    if (value.len == 0) { // "" is what clients send for what is not set
        if (p->required) {
            api_refuse(&f->call, 400, "config", "the query parameter %s is missing: it is required",
                       p->name);
        }
        *ret = (struct str){NULL, 0};
        return !p->required;
    }
    *ret = value;
    return check_param(f, p, value);
}

static const struct api_param LIMIT_PARAM = {
    .name = "limit", .type = API_INTEGER, .min = 1, .max = PAGE_MAX};
static const struct api_param AFTER_PARAM = {.name = "starting_after", .type = API_STRING};

static bool read_query(struct api_frame *f)
{
    const struct api_route *route = f->call.route;
    for (size_t i = 0; i < API_QUERY_MAX && route->query[i].name; i++) {
        if (!read_param(f, &route->query[i], &f->query[i])) {
            return false;
        }
    }
    if (!(route->flags & API_PAGED)) {
        return true;
    }
    struct str limit;
    if (!read_param(f, &LIMIT_PARAM, &limit) ||
        !read_param(f, &AFTER_PARAM, &f->call.starting_after)) {
        return false;
    }
    int64_t n = PAGE_DEFAULT;
    f->call.limit = limit.len > 0 && str_to_int64(limit, &n) ? (size_t)n : PAGE_DEFAULT;
    return true;
}

struct str api_query(const struct api_call *c, const char *name)
{
    for (size_t i = 0; i < API_QUERY_MAX && c->route->query[i].name; i++) {
        const struct api_param *p = &c->route->query[i];
        if (strcmp(p->name, name) == 0) {
            return c->frame->query[i].ptr ? c->frame->query[i] : str_from(p->fallback);
        }
    }
    assert(!"the route's table names every parameter that is asked for");
    return (struct str){NULL, 0};
}

// ---- the body

static bool is_json_type(struct str type)
{
    struct str rest = type;
    struct str name;
    if (!str_next(&rest, ';', &name)) {
        return true;
    }
    name = str_trim(name);
    return name.len == 0 || str_eq_nocase(name, STR("application/json")) ||
           str_eq_nocase(name, STR("text/plain")) || str_eq_nocase(name, STR("text/json")) ||
           (name.len > 5 && str_eq_nocase(str_sub(name, name.len - 5, 5), STR("+json")));
}

static bool read_body(struct api_frame *f)
{
    const struct api_route *route = f->call.route;
    struct str body = str_trim(f->call.http->body);
    if (!route->body || (route->flags & API_RAW_BODY)) {
        return true;
    }
    if (route->body_optional && (body.len == 0 || str_eq(body, STR("null")))) {
        return true;
    }
    if (body.len == 0) {
        api_refuse(&f->call, 400, "config", "the request has no body: send a JSON object (%s)",
                   route->body->name);
        return false;
    }
    if (!is_json_type(http_server_header(f->call.http, "content-type"))) {
        api_refuse(&f->call, 415, "unsupported_media_type",
                   "the body must be JSON: send it with Content-Type: application/json");
        return false;
    }
    struct error err;
    struct json root;
    f->doc = json_doc_create();
    if (!json_parse(f->doc, body, &root, &err)) {
        api_refuse(&f->call, 400, "invalid_json", "the body cannot be read as JSON: %s",
                   err.message);
        return false;
    }
    void *value = arena_zalloc(f->call.arena, route->body->size);
    if (!api_shape_read(route->body, root, f->call.arena, value, &err)) {
        api_fail(&f->call, &err);
        return false;
    }
    f->call.body = value;
    return true;
}

// ---- the handler

static bool is_good(const struct api_frame *f)
{
    return f->call.response->status < 400 && !f->call.response->body.overflow;
}

static void run_handler(struct api_frame *f)
{
    f->call.route->handle(&f->call);
    assert(f->answered);
}

static void run_in_transaction(struct api_frame *f, struct idempotent *i)
{
    struct error err;
    if (!store_begin(f->call.store, &err)) {
        api_fail(&f->call, &err);
        return;
    }
    bool ran = api_idempotent_begin(f, i);
    if (ran) {
        run_handler(f);
    }
    bool good = ran && is_good(f) && api_idempotent_keep(f, i);
    if (!store_end(f->call.store, good, &err) && good) {
        api_unanswer(f);
        api_fail(&f->call, &err);
        good = false;
    }
    f->changed = good;
    f->wake = f->wake && good;
}

// What waits for others opens its transactions itself; that the answer is kept is one more. When
// that fails, it was carried out all the same: to answer otherwise would be worse than not to
// remember it.
static void run_alone(struct api_frame *f, struct idempotent *i)
{
    if (!api_idempotent_begin(f, i)) {
        return;
    }
    run_handler(f);
    f->changed = is_good(f);
    struct error err;
    if (!f->changed || i->key.len == 0 || !store_begin(f->call.store, &err)) {
        return;
    }
    bool kept = api_idempotent_store(f, i, &err);
    kept = store_end(f->call.store, kept, &err) && kept;
    if (!kept && f->call.site->log) {
        log_line(f->call.site->log, LOG_WARN, "an answer could not be kept for its Idempotency-Key",
                 LOG_S("request", f->request_id), LOG_C("error", err.message));
    }
}

// A list takes several statements, which are to see one state.
static void run_list(struct api_frame *f)
{
    struct error err;
    if (!store_begin_read(f->call.store, &err)) {
        api_fail(&f->call, &err);
        return;
    }
    run_handler(f);
    if (!store_end(f->call.store, is_good(f), &err) && is_good(f)) {
        api_unanswer(f);
        api_fail(&f->call, &err);
    }
}

static void run(struct api_frame *f)
{
    unsigned flags = f->call.route->flags;
    if (!(flags & (API_CHANGES | API_ALONE))) {
        if ((flags & API_PAGED) && f->call.store) {
            run_list(f);
        } else {
            run_handler(f);
        }
        return;
    }
    struct idempotent i;
    if (!api_idempotent_enter(f, &i)) {
        return;
    }
    if (flags & API_ALONE) {
        run_alone(f, &i);
    } else {
        run_in_transaction(f, &i);
    }
    api_idempotent_leave(f, &i);
}

static bool check_args(struct api_frame *f)
{
    for (size_t i = 0; i < API_PATH_ARGS_MAX && f->call.args[i].ptr; i++) {
        if (f->call.args[i].len > API_TEXT_MAX || !api_is_plain(f->call.args[i])) {
            api_refuse(&f->call, 400, "config",
                       "the path holds characters that no id has, or too many");
            return false;
        }
    }
    return true;
}

void api_carry_out(struct api_frame *f)
{
    unsigned flags = f->call.route->flags;
    bool ready = ((flags & API_PUBLIC) || api_authenticate(f)) && check_args(f) && read_query(f) &&
                 read_body(f) && ((flags & API_NO_STORE) || api_need_store(f));
    if (ready) {
        run(f);
    }
    if (f->call.store) {
        store_pool_return(f->api->pool, f->call.store);
    }
    if (f->changed && f->call.route->scope == API_KEY_ADMIN) {
        keyring_cache_clear(f->api->keys); // a key may have been revoked
    }
    if (f->wake && f->call.site->engine) {
        engine_wake(f->call.site->engine);
    }
    json_doc_destroy(f->doc);
    f->doc = NULL;
}
