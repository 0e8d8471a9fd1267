#include "hubspot/endpoints.h"

#include "core/nearest.h"
#include "core/timestamp.h"
#include "http/url.h"

enum { DAY_MS = 24 * 3600 * 1000, SHOWN_MAX = 80 };

// What HubSpot has announced for legacy paths (2026). A month without a day counts from its first.
#define ERA_V3                                                                                     \
    {                                                                                              \
        .kind = END_UNSUPPORTED, .date = "2027-09"                                                 \
    } // v1 to v3
#define ERA_V4                                                                                     \
    {                                                                                              \
        .kind = END_UNSUPPORTED, .date = "2027-03-30"                                              \
    }

static const struct endpoint ENDPOINTS[] = {
#define X(id, method_, legacy, dated, budget_, repeat_, page, scope_, era)                         \
    [HUBSPOT_##id] = {.name = #id,                                                                 \
                      .method = HTTP_##method_,                                                    \
                      .legacy_path = (legacy),                                                     \
                      .dated_path = (dated),                                                       \
                      .budget = BUDGET_##budget_,                                                  \
                      .repeat = REPEAT_##repeat_,                                                  \
                      .page_max = (page),                                                          \
                      .scope = (scope_),                                                           \
                      .legacy_end = ERA_##era},
#include "hubspot/endpoints.def"
#undef X
};

// Date versions are supported for 18 months from their general availability (2026-03-30,
// 2026-09-08).
static const struct {
    const char *name;
    struct endpoint_end end;
} VERSIONS[] = {
    [API_LEGACY] = {"legacy", {0}},
    [API_2026_03] = {"2026-03", {.kind = END_UNSUPPORTED, .date = "2027-09-30"}},
    [API_2026_09] = {"2026-09", {.kind = END_UNSUPPORTED, .date = "2028-03-08"}},
};

const struct endpoint *endpoint_info(enum hubspot_endpoint id)
{
    assert((size_t)id < ARRAY_LEN(ENDPOINTS));
    return &ENDPOINTS[id];
}

bool endpoint_find(struct str name, enum hubspot_endpoint *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(ENDPOINTS); i++) {
        if (str_eq_nocase(name, str_from(ENDPOINTS[i].name))) {
            *ret = (enum hubspot_endpoint)i;
            return true;
        }
    }
    return false;
}

const char *budget_class_name(enum budget_class c)
{
    static const char *const NAMES[] = {[BUDGET_GENERAL] = "general",
                                        [BUDGET_SEARCH] = "search",
                                        [BUDGET_ASSOCIATIONS] = "associations"};
    assert((size_t)c < ARRAY_LEN(NAMES));
    return NAMES[c];
}

const char *repeat_class_name(enum repeat_class c)
{
    static const char *const NAMES[] = {
        [REPEAT_READ] = "read", [REPEAT_IDEMPOTENT] = "idempotent", [REPEAT_NEVER] = "never"};
    assert((size_t)c < ARRAY_LEN(NAMES));
    return NAMES[c];
}

const char *endpoint_end_kind_name(enum endpoint_end_kind k)
{
    return k == END_STOPS ? "stops" : "unsupported";
}

const char *api_version_name(enum api_version v)
{
    assert((size_t)v < ARRAY_LEN(VERSIONS));
    return VERSIONS[v].name;
}

bool api_version_parse(struct str s, enum api_version *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(VERSIONS); i++) {
        if (str_eq(s, str_from(VERSIONS[i].name))) {
            *ret = (enum api_version)i;
            return true;
        }
    }
    return false;
}

static bool is_legacy(const struct endpoint *e, enum api_version version)
{
    return version == API_LEGACY || !e->dated_path;
}

static struct str template_of(const struct endpoint *e, enum api_version version)
{
    return str_from(is_legacy(e, version) ? e->legacy_path : e->dated_path);
}

struct endpoint_end endpoint_end(enum hubspot_endpoint id, enum api_version version)
{
    assert((size_t)version < ARRAY_LEN(VERSIONS));
    const struct endpoint *e = endpoint_info(id);
    struct endpoint_end end = is_legacy(e, version) ? e->legacy_end : VERSIONS[version].end;
    char day[sizeof "2027-03-30"];
    int64_t days = 0;
    snprintf(day, sizeof day, "%s%s", end.date, strlen(end.date) == strlen("2027-09") ? "-01" : "");
    bool known = date_parse(str_from(day), &days);
    assert(known);
    end.at_ms = days * DAY_MS;
    return end;
}

// ------------------------------------------------------------------------------------------------
// Arguments

static const struct str VERSION_ARG = STR_INIT("version");

// Cuts the next {name} off a path; *ret_before is what stands in front of it, or all that is left
// when there is none.
static bool next_argument(struct str *rest, struct str *ret_before, struct str *ret_name)
{
    ptrdiff_t open = str_find_char(*rest, '{');
    *ret_before = str_sub(*rest, 0, open < 0 ? rest->len : (size_t)open);
    *rest = str_sub(*rest, ret_before->len, rest->len);
    if (open < 0) {
        return false;
    }
    ptrdiff_t close = str_find_char(*rest, '}');
    assert(close > 1);
    *ret_name = str_sub(*rest, 1, (size_t)close - 1);
    *rest = str_sub(*rest, (size_t)close + 1, rest->len);
    return true;
}

static struct str argument_value(const struct endpoint_args *args, struct str name)
{
    for (size_t i = 0; i < args->n_named; i++) {
        if (str_eq(name, args->named[i].name)) {
            return args->named[i].value;
        }
    }
    const struct endpoint_arg fixed[] = {{STR("type"), args->type},
                                         {STR("from"), args->from},
                                         {STR("to"), args->to},
                                         {STR("id"), args->id}};
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        if (str_eq(name, fixed[i].name)) {
            return fixed[i].value;
        }
    }
    return (struct str){NULL, 0};
}

// Whether the path has a place of that name; the names it has are offered to `near`.
static bool has_place(const struct endpoint *e, struct str name, struct nearest *near)
{
    struct str rest = str_from(e->legacy_path);
    struct str before;
    struct str place;
    while (next_argument(&rest, &before, &place)) {
        if (str_eq(name, place)) {
            return true;
        }
        nearest_offer(near, place);
    }
    return false;
}

static bool check_named(const struct endpoint *e, const struct endpoint_args *args,
                        struct error *err)
{
    for (size_t i = 0; i < args->n_named; i++) {
        struct str name = args->named[i].name;
        struct nearest near = nearest_to(name);
        if (has_place(e, name, &near)) {
            continue;
        }
        name = str_sub(name, 0, SHOWN_MAX);
        if (near.best.len > 0) {
            return error_set(err, ERR_USAGE,
                             "%s has no argument \"%.*s\"; did you mean \"%.*s\"? (%s)", e->name,
                             STR_ARG(name), STR_ARG(near.best), e->legacy_path);
        }
        return error_set(err, ERR_USAGE,
                         "%s has no argument \"%.*s\": its path is %s, and what belongs in the "
                         "query goes there (--query)",
                         e->name, STR_ARG(name), e->legacy_path);
    }
    return true;
}

bool endpoint_args_check(enum hubspot_endpoint id, const struct endpoint_args *args,
                         struct error *err)
{
    const struct endpoint *e = endpoint_info(id);
    if (!check_named(e, args, err)) {
        return false;
    }
    struct str rest = str_from(e->legacy_path);
    struct str before;
    struct str name;
    while (next_argument(&rest, &before, &name)) {
        struct str value = argument_value(args, name);
        if (value.len == 0) {
            return error_set(err, ERR_USAGE, "%s needs %.*s=...: its path is %s", e->name,
                             STR_ARG(name), e->legacy_path);
        }
        // Every URL library takes such a segment for a step through the path.
        if (str_eq(value, STR(".")) || str_eq(value, STR(".."))) {
            return error_set(err, ERR_USAGE, "%s: %.*s is \"%.*s\", which no path can hold",
                             e->name, STR_ARG(name), STR_ARG(value));
        }
    }
    return true;
}

void endpoint_template(struct buf *out, enum hubspot_endpoint id, enum api_version version)
{
    struct str rest = template_of(endpoint_info(id), version);
    struct str before;
    struct str name;
    while (next_argument(&rest, &before, &name)) {
        buf_add(out, before);
        if (str_eq(name, VERSION_ARG)) {
            buf_add_cstr(out, api_version_name(version));
        } else {
            buf_printf(out, "{%.*s}", STR_ARG(name));
        }
    }
    buf_add(out, before);
}

void endpoint_path(struct buf *out, enum hubspot_endpoint id, enum api_version version,
                   const struct endpoint_args *args)
{
    struct str rest = template_of(endpoint_info(id), version);
    struct str before;
    struct str name;
    bool more;
    do {
        more = next_argument(&rest, &before, &name);
        buf_add(out, before);
        if (more && str_eq(name, VERSION_ARG)) {
            buf_add_cstr(out, api_version_name(version));
        } else if (more) {
            struct str value = argument_value(args, name);
            assert(value.len > 0);
            url_add_encoded(out, value);
        }
    } while (more);
}
