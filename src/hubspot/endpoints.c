#include "hubspot/endpoints.h"

#include "http/url.h"

static const struct endpoint ENDPOINTS[] = {
#define X(id, method_, legacy, dated, budget_, repeat_, page, scope_)                              \
    [HUBSPOT_##id] = {.name = #id,                                                                 \
                      .method = HTTP_##method_,                                                    \
                      .legacy_path = (legacy),                                                     \
                      .dated_path = (dated),                                                       \
                      .budget = BUDGET_##budget_,                                                  \
                      .repeat = REPEAT_##repeat_,                                                  \
                      .page_max = (page),                                                          \
                      .scope = (scope_)},
#include "hubspot/endpoints.def"
#undef X
};

static const char *const VERSION_NAMES[] = {
    [API_LEGACY] = "legacy", [API_2026_03] = "2026-03", [API_2026_09] = "2026-09"};

const struct endpoint *endpoint_info(enum hubspot_endpoint id)
{
    assert((size_t)id < ARRAY_LEN(ENDPOINTS));
    return &ENDPOINTS[id];
}

const char *api_version_name(enum api_version v)
{
    assert((size_t)v < ARRAY_LEN(VERSION_NAMES));
    return VERSION_NAMES[v];
}

bool api_version_parse(struct str s, enum api_version *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(VERSION_NAMES); i++) {
        if (str_eq(s, str_from(VERSION_NAMES[i]))) {
            *ret = (enum api_version)i;
            return true;
        }
    }
    return false;
}

static void add_argument(struct buf *out, struct str name, enum api_version version,
                         const struct endpoint_args *args)
{
    if (str_eq(name, STR("version"))) {
        buf_add_cstr(out, api_version_name(version));
        return;
    }
    const struct {
        struct str name, value;
    } known[] = {{STR("type"), args->type}, {STR("from"), args->from}, {STR("to"), args->to}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_eq(name, known[i].name)) {
            assert(known[i].value.len > 0);
            url_add_encoded(out, known[i].value);
            return;
        }
    }
    assert(!"unknown argument in endpoints.def");
}

void endpoint_path(struct buf *out, enum hubspot_endpoint id, enum api_version version,
                   const struct endpoint_args *args)
{
    const struct endpoint *e = endpoint_info(id);
    struct str rest = str_from(version == API_LEGACY ? e->legacy_path : e->dated_path);
    while (rest.len > 0) {
        ptrdiff_t open = str_find_char(rest, '{');
        if (open < 0) {
            buf_add(out, rest);
            return;
        }
        buf_add(out, str_sub(rest, 0, (size_t)open));
        rest = str_sub(rest, (size_t)open + 1, rest.len);
        ptrdiff_t close = str_find_char(rest, '}');
        assert(close > 0);
        add_argument(out, str_sub(rest, 0, (size_t)close), version, args);
        rest = str_sub(rest, (size_t)close + 1, rest.len);
    }
}
