#include "sim/admin_limits.h"

#include "sim/admin_fields.h"
#include "sim/rate.h"
#include "sim/sim.h"

static void write_rate(struct call *c, struct json_writer *w, const char *name,
                       const struct rate *r)
{
    json_field_str(w, name,
                   r->calls == 0 ? STR("off")
                                 : arena_printf(c->arena, "%llu/%lldms",
                                                (unsigned long long)r->calls, (long long)r->ms));
}

void admin_limits_get(struct call *c)
{
    struct limits_options o = limits_options(c->sim->limits);
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    write_rate(c, &w, "limit", &o.general);
    write_rate(c, &w, "oauth_limit", &o.oauth);
    write_rate(c, &w, "search_limit", &o.search);
    write_rate(c, &w, "association_limit", &o.associations);
    write_rate(c, &w, "token_limit", &o.token);
    json_field_int(&w, "daily", (int64_t)o.daily);
    json_field_int(&w, "association_daily", (int64_t)o.associations_daily);
    json_field_bool(&w, "retry_after", o.retry_after);
    json_field_str(&w, "rate_limit_body", o.category_body ? STR("category") : STR("policy"));
    json_end_object(&w);
}

struct scene {
    struct str app, tier, limit, oauth_limit, search_limit, association_limit, token_limit,
        rate_limit_body;
    int64_t daily, association_daily;
    bool retry_after;
};

#define ROW(type_, field_, help_, ...)                                                             \
    {                                                                                              \
        .name = #field_, .type = (type_), .offset = offsetof(struct scene, field_),                \
        .help = (help_), __VA_ARGS__                                                               \
    }
static const struct setting rows[] = {
    ROW(SET_STR, app, "the app that `limit` is for, by id or client id; all of them without"),
    ROW(SET_ENUM, tier, "what the account has bought", .choices = RATE_TIERS),
    ROW(SET_STR, limit, "calls of a private app"),
    ROW(SET_STR, oauth_limit, "calls of an OAuth app"),
    ROW(SET_STR, search_limit, "searches"),
    ROW(SET_STR, association_limit, "calls about associations"),
    ROW(SET_STR, token_limit, "calls of the token endpoint"),
    ROW(SET_INT, daily, "calls a day; 0: no limit", .min = 0, .max = 1e12),
    ROW(SET_INT, association_daily, "calls about associations a day; 0: no limit", .min = 0,
        .max = 1e12),
    ROW(SET_BOOL, retry_after, "send Retry-After with a 429"),
    ROW(SET_ENUM, rate_limit_body, "form of 429 bodies", .choices = "policy|category"),
};
#undef ROW

static bool set_rate(const char *name, struct str text, struct rate *r, struct error *err)
{
    struct rate new = *r;
    if (text.len == 0) {
        return true;
    }
    if (!rate_parse(name, text, &new.calls, &new.ms, err)) {
        err->code = ERR_REQUEST;
        return false;
    }
    *r = new;
    return true;
}

static void set_tier(struct limits_options *o, struct str name)
{
    const struct rate_tier *tier = rate_tier(name);
    if (tier) {
        o->general = (struct rate){tier->burst, RATE_WINDOW_MS};
        o->associations = (struct rate){tier->associations, RATE_WINDOW_MS};
        o->daily = tier->daily;
        o->associations_daily = tier->associations_daily;
        o->marketplace = str_eq(name, STR("oauth"));
    }
}

static bool set_account(struct call *c, const struct scene *s, struct error *err)
{
    struct limits_options o = limits_options(c->sim->limits);
    set_tier(&o, s->tier);
    if (!set_rate("limit", s->limit, &o.general, err) ||
        !set_rate("oauth_limit", s->oauth_limit, &o.oauth, err) ||
        !set_rate("search_limit", s->search_limit, &o.search, err) ||
        !set_rate("association_limit", s->association_limit, &o.associations, err) ||
        !set_rate("token_limit", s->token_limit, &o.token, err)) {
        return false;
    }
    o.daily = s->daily >= 0 ? (uint64_t)s->daily : o.daily;
    o.associations_daily =
        s->association_daily >= 0 ? (uint64_t)s->association_daily : o.associations_daily;
    o.retry_after = s->retry_after;
    o.category_body =
        s->rate_limit_body.len > 0 ? str_eq(s->rate_limit_body, STR("category")) : o.category_body;
    limits_set_options(c->sim->limits, &o);
    return true;
}

bool admin_limits_set_app(struct call *c, const struct app *app, struct str tier, struct str limit,
                          struct error *err)
{
    const struct rate_tier *t = rate_tier(tier);
    struct rate r = {t ? t->burst : 0, RATE_WINDOW_MS};
    if (!set_rate("limit", limit, &r, err)) {
        return false;
    }
    if (t || limit.len > 0) {
        limits_set_app(c->sim->limits, app, &r);
    }
    return true;
}

static bool set_app(struct call *c, const struct scene *s, struct error *err)
{
    const struct app *app = apps_by_id_or_client(c->sim->apps, s->app);
    if (!app) {
        return error_set(err, ERR_REQUEST,
                         "app is '%.*s'; GET /_sim/apps lists those that there are",
                         STR_ARG(s->app));
    }
    return admin_limits_set_app(c, app, s->tier, s->limit, err);
}

void admin_limits_set(struct call *c)
{
    struct scene s = {.daily = -1,
                      .association_daily = -1,
                      .retry_after = limits_options(c->sim->limits).retry_after};
    struct settings given;
    struct error err;
    if (!call_parse_body(c)) {
        return;
    }
    if (!admin_fields_read(c, rows, ARRAY_LEN(rows), &s, &given, &err) ||
        !(s.app.len > 0 ? set_app(c, &s, &err) : set_account(c, &s, &err))) {
        admin_fail(c, &err);
        return;
    }
    admin_limits_get(c);
}

struct others {
    double share;
    struct str rate;
    struct str pattern;
};

static bool read_others(struct call *c, struct foreign *ret, struct error *err)
{
    static const struct setting fields[] = {
        {.name = "share",
         .type = SET_FLOAT,
         .offset = offsetof(struct others, share),
         .min = 0,
         .max = 1,
         .help = "of the private app's limit"},
        {.name = "rate",
         .type = SET_STR,
         .offset = offsetof(struct others, rate),
         .help = "so many calls"},
        {.name = "pattern",
         .type = SET_ENUM,
         .offset = offsetof(struct others, pattern),
         .choices = "steady|bursts",
         .help = "evenly or at once"},
    };
    struct others in = {.share = -1, .pattern = STR("steady")};
    struct settings given;
    struct rate limit = limits_app_report(c->sim->limits, apps_get(c->sim->apps, 0)).burst;
    if (!admin_fields_read(c, fields, ARRAY_LEN(fields), &in, &given, err)) {
        return false;
    }
    if ((in.share >= 0) == (in.rate.len > 0)) {
        return error_set(err, ERR_REQUEST,
                         "say either share, between 0 and 1, or rate, like \"95/10s\" or \"off\"");
    }
    struct str text =
        in.share >= 0 ? arena_printf(c->arena, "%d%%", (int)(in.share * 100 + 0.5)) : in.rate;
    if (!foreign_parse(text, limit.calls, limit.ms, ret, err)) {
        err->code = ERR_REQUEST;
        return false;
    }
    ret->pattern = str_eq(in.pattern, STR("bursts")) ? FOREIGN_BURSTS : FOREIGN_STEADY;
    return true;
}

void admin_foreign_set(struct call *c)
{
    struct foreign f = {0};
    struct error err;
    if (!call_parse_body(c)) {
        return;
    }
    if (!read_others(c, &f, &err)) {
        admin_fail(c, &err);
        return;
    }
    limits_set_foreign(c->sim->limits, &f);
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_int(&w, "calls", (int64_t)f.calls);
    json_field_int(&w, "period_ms", f.period_ms);
    json_end_object(&w);
}

static void write_apps(struct call *c, struct json_writer *w)
{
    size_t n = apps_count(c->sim->apps);
    json_key(w, STR("apps"));
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        const struct app *app = apps_get(c->sim->apps, i);
        struct app_counts counts = apps_counts(c->sim->apps, app);
        struct limits_app_report r = limits_app_report(c->sim->limits, app);
        json_begin_object(w);
        json_field_int(w, "id", (int64_t)app->id);
        json_field_str(w, "name", app->name);
        json_field_int(w, "calls", (int64_t)r.calls);
        json_field_int(w, "rate_limited", (int64_t)r.refused);
        json_field_int(w, "peak_10s", (int64_t)r.peak);
        json_field_int(w, "in_window", (int64_t)r.in_window);
        if (app->kind == APP_OAUTH) {
            json_field_str(w, "client_id", app->client_id);
            json_field_int(w, "consents", (int64_t)counts.consents);
            json_field_int(w, "denials", (int64_t)counts.denials);
            json_field_int(w, "exchanges", (int64_t)counts.exchanges);
            json_field_int(w, "refreshes", (int64_t)counts.refreshes);
            json_field_int(w, "token_refusals", (int64_t)counts.refused);
        }
        json_end_object(w);
    }
    json_end_array(w);
}

void admin_limits_write_counts(struct call *c, struct json_writer *w)
{
    struct limits_report r = limits_report(c->sim->limits);
    uint64_t burst = r.refused_general + r.refused_associations;
    uint64_t second = r.refused_search + r.refused_token;
    json_key(w, STR("peak"));
    json_begin_object(w);
    json_field_int(w, "general_10s", (int64_t)r.peak_general);
    json_field_int(w, "search_1s", (int64_t)r.peak_search);
    json_end_object(w);
    json_key(w, STR("rate_limited"));
    json_begin_object(w);
    json_field_int(w, "total", (int64_t)(burst + second + r.refused_daily));
    json_field_int(w, "TEN_SECONDLY_ROLLING", (int64_t)burst);
    json_field_int(w, "SECONDLY", (int64_t)second);
    json_field_int(w, "DAILY", (int64_t)r.refused_daily);
    json_field_int(w, "associations", (int64_t)r.refused_associations);
    json_field_int(w, "token_endpoint", (int64_t)r.refused_token);
    json_end_object(w);
    json_key(w, STR("foreign"));
    json_begin_object(w);
    json_field_int(w, "calls", (int64_t)r.foreign_admitted);
    json_field_int(w, "rate_limited", (int64_t)r.foreign_refused);
    json_end_object(w);
    json_field_int(w, "calls_today", (int64_t)r.today);
    write_apps(c, w);
}
