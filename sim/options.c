#include "sim/options.h"

#include "core/limits.h"
#include "sim/options_apps.h"
#include "sim/options_limits.h"
#include "sim/rate.h"

#define ROW(field_, name_, type_, fallback_, arg_, help_, ...)                                     \
    {                                                                                              \
        .name = (name_), .type = (type_), .offset = offsetof(struct options, field_),              \
        .fallback = (fallback_), .arg = (arg_), .help = (help_), __VA_ARGS__                       \
    }
#define COUNT(most_) .min = 0, .max = (most_)

enum { LATENCY_MAX_MS = 600000, LAG_MAX_MS = 86400000 };

static const struct setting rows[] = {
    ROW(listen, "listen", SET_STR, "127.0.0.1:0", "HOST:PORT",
        "where to listen; port 0 picks a free one"),
    ROW(portal_id, "portal", SET_INT, "4711002", "N", "id of the account", .min = 1, .max = 1e15),
    ROW(accounts, "accounts", SET_INT, "1", "N",
        "accounts with the same records, the ids following on; the token of account K > 1 is "
        "TOKEN-K, and its limits are its own",
        .min = 1, .max = ACCOUNTS_MAX),
    ROW(seed, "seed", SET_INT, "1", "N", "the same seed gives the same data", COUNT(9e15)),
    ROW(contacts, "contacts", SET_INT, "1000", "N", "contacts in the account", COUNT(20e6)),
    ROW(companies, "companies", SET_INT, "-1", "N", "companies; -1: one for 5 contacts", .min = -1,
        .max = 20e6),
    ROW(deals, "deals", SET_INT, "-1", "N", "deals; -1: one for 10 contacts", .min = -1,
        .max = 20e6),
    ROW(tickets, "tickets", SET_INT, "-1", "N", "tickets; -1: one for 20 contacts", .min = -1,
        .max = 20e6),
    ROW(engagements, "engagements", SET_INT, "-1", "N",
        "calls, communications, emails, meetings, notes, tasks and postal mail together; -1: one "
        "for 2 contacts",
        .min = -1, .max = 20e6),
    ROW(properties, "properties", SET_INT, "30", "N",
        "properties of contacts, companies, deals and tickets each, standard ones included",
        .min = 1, .max = LIMIT_PROPERTIES),
    ROW(developer_key, "developer-key", SET_STR, "00000000-5151-4d65-8e76-000000000001", "KEY",
        "the developer's API key, which webhook settings are read and set with", .secret = true),
    ROW(custom_objects_text, "custom-objects", SET_STR, "", "NAME:COUNT,...",
        "custom objects and how many records each has"),
    ROW(other_objects_text, "other-objects", SET_STR, "", "TYPE:COUNT,...",
        "records of products, line_items, quotes, leads, feedback_submissions and users"),
    ROW(owners, "owners", SET_INT, "25", "N", "owners, some of them archived", COUNT(100000)),
    ROW(token, "token", SET_STR, "pat-na1-sim", "TOKEN", "the access token that is accepted",
        .secret = true),
    ROW(client_id, "client-id", SET_STR, OPTIONS_CLIENT_ID, "ID", "client id of the OAuth app"),
    ROW(client_secret, "client-secret", SET_STR, OPTIONS_CLIENT_SECRET, "SECRET",
        "client secret of the OAuth app", .secret = true),
    ROW(redirect_uris, "redirect-uri", SET_STR, OPTIONS_REDIRECT_URIS, "URL",
        "where the OAuth app may send users; several with spaces between them; a port may be *"),
    ROW(scopes, "scopes", SET_STR, "oauth", "SCOPES",
        "scopes that the OAuth app requires, with spaces between them"),
    ROW(optional_scopes, "optional-scopes", SET_STR, "all", "SCOPES",
        "scopes that the OAuth app may ask for besides; all: any that hubsim knows"),
    ROW(code_life_ms, "code-life", SET_MS, "30s", "TIME", "how long a code may be exchanged",
        .min = 1, .max = 86400e3),
    ROW(token_life_ms, "token-life", SET_MS, "1800s", "TIME", "how long an access token is good",
        .min = 1, .max = 366 * 86400e3),
    ROW(rotate_refresh_tokens, "rotate-refresh-tokens", SET_BOOL, "false", NULL,
        "refreshing gives a new refresh token, and the old one dies"),
    ROW(oauth_errors, "oauth-errors", SET_ENUM, "new", "FORM",
        "bodies of the token endpoint: those of 2026, or the older ones", .choices = "new|old"),
    ROW(malformed_530, "malformed-530", SET_BOOL, "false", NULL,
        "answer 530 instead of 401 to what does not look like a token"),
    ROW(tier, "tier", SET_ENUM, "enterprise", "TIER",
        "what the account has bought: the limits that no option below sets", .choices = RATE_TIERS),
    ROW(limit_text, "limit", SET_STR, NULL, "N/TIME|off",
        "calls of a private app in any window of that length; of the tier if not given"),
    ROW(oauth_limit_text, "oauth-limit", SET_STR, NULL, "N/TIME|off",
        "the same of an OAuth app; 110/10s if not given, and off where --limit is off"),
    ROW(association_limit_text, "association-limit", SET_STR, NULL, "N/TIME|off",
        "calls about associations; of the tier if not given, and off where --limit is off"),
    ROW(association_daily, "association-daily", SET_INT, "-1", "N",
        "calls about associations a day; 0: no limit; -1: of the tier, and no limit where --limit "
        "is off",
        .min = -1, .max = 1e12),
    ROW(token_limit_text, "token-limit", SET_STR, "50/s", "N/TIME|off",
        "calls of an app to the token endpoint"),
    ROW(search_limit_text, "search-limit", SET_STR, "5/s", "N/TIME|off",
        "searches in any such window"),
    ROW(daily, "daily", SET_INT, "-1", "N", "calls a day; 0: no limit; -1: of the tier", .min = -1,
        .max = 1e12),
    ROW(foreign_text, "foreign", SET_STR, "off", "SHARE%|N/TIME|off",
        "calls that somebody else makes with the private app's token: a share of its limit, or so "
        "many"),
    ROW(foreign_pattern, "foreign-pattern", SET_ENUM, "steady", "PATTERN",
        "evenly, or all at the beginning of each window", .choices = "steady|bursts"),
    ROW(retry_after, "retry-after", SET_BOOL, "false", NULL, "send Retry-After with a 429"),
    ROW(rate_limit_body, "rate-limit-body", SET_ENUM, "policy", "FORM",
        "bodies of 429s: with errorType and policyName, or with a category",
        .choices = "policy|category"),
    ROW(time_zone, "time-zone", SET_STR, "America/New_York", "ZONE",
        "of the account, by its IANA name; its midnight ends the day"),
    ROW(latency_text, "latency", SET_STR, "0", "MS|MIN-MAX", "milliseconds that an answer takes"),
    ROW(lag_text, "lag", SET_STR, "0", "MS|MIN-MAX",
        "milliseconds until a change can be found by search; with a range, changes are found in "
        "another order than they were made"),
    ROW(admin_rules_text, "admin-rules", SET_STR, "", "RULES",
        "what the account's admins demand of writes, which only paths of 2026-09 enforce: "
        "TYPE.PROPERTY:required, :min=N, :max=N, :length=N, separated by commas"),
    ROW(id_order_text, "search-id-order", SET_ENUM, "numeric", "ORDER",
        "how searches sorted by record id come; unstable: another order for each request",
        .choices = "numeric|text|unstable"),
    ROW(threads, "threads", SET_INT, "2", "N", "threads that answer", .min = 1, .max = 64),
    ROW(clean, "clean", SET_BOOL, "false", NULL,
        "no odd values: numbers that are none, invisible characters, texts of 65,536 characters"),
    ROW(omit_nulls, "omit-nulls", SET_BOOL, "false", NULL,
        "leave properties without a value out of answers instead of writing null"),
    ROW(log_level_text, "log-level", SET_ENUM, "warn", "LEVEL", "what is logged to standard error",
        .choices = "debug|info|warn|error|off"),
    ROW(help, "help", SET_BOOL, "false", NULL, "show this"),
    ROW(version, "version", SET_BOOL, "false", NULL, "show the version"),
};

void options_help(FILE *out)
{
    fputs("hubsim: a HubSpot account that exists only here\n\n"
          "usage: hubsim [options]\n\n"
          "Options may also come from the environment as HUBSIM_NAME.\n\n",
          out);
    settings_help(rows, ARRAY_LEN(rows), out);
}

// "100" or "80-200" milliseconds.
static bool parse_range(const char *name, struct str text, int64_t most, int64_t *ret_min,
                        int64_t *ret_max, struct error *err)
{
    ptrdiff_t dash = str_find_char(text, '-');
    struct str low = dash < 0 ? text : str_sub(text, 0, (size_t)dash);
    struct str high = dash < 0 ? text : str_sub(text, (size_t)dash + 1, text.len);
    if (!str_to_int64(low, ret_min) || !str_to_int64(high, ret_max) || *ret_min < 0 ||
        *ret_max < *ret_min || *ret_max > most) {
        return error_set(err, ERR_USAGE,
                         "--%s is '%.*s'; it must be milliseconds up to %lld, like 100, or a "
                         "range, like 80-200",
                         name, STR_ARG(text), (long long)most);
    }
    return true;
}

static bool parse_listen(struct options *o, struct arena *arena, struct error *err)
{
    struct str text = o->listen;
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':') {
        colon--;
    }
    struct str host = str_sub(text, 0, colon > 0 ? colon - 1 : 0);
    if (host.len > 1 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host = str_sub(host, 1, host.len - 2);
    }
    uint64_t port;
    if (host.len == 0 || !str_to_uint64(str_sub(text, colon, text.len), &port) ||
        port > UINT16_MAX) {
        return error_set(
            err, ERR_USAGE,
            "--listen is '%.*s'; it must be an address and a port up to 65535, like 127.0.0.1:8080",
            STR_ARG(text));
    }
    o->host = arena_cstr(arena, host);
    o->port = (uint16_t)port;
    return true;
}

static uint32_t or_share(int64_t given, int64_t contacts, int64_t divisor)
{
    return (uint32_t)(given >= 0 ? given : contacts / divisor);
}

static enum query_id_order id_order_of(struct str text)
{
    return str_eq(text, STR("text"))       ? ID_ORDER_TEXT
           : str_eq(text, STR("unstable")) ? ID_ORDER_UNSTABLE
                                           : ID_ORDER_NUMERIC;
}

static void fill_portal(struct options *o)
{
    struct portal_options *p = &o->portal;
    *p = (struct portal_options){
        .portal_id = (uint64_t)o->portal_id,
        .seed = (uint64_t)o->seed,
        .properties = (uint32_t)o->properties,
        .owners = (uint32_t)o->owners,
        .clean = o->clean,
    };
    p->counts[OBJECT_CONTACTS] = (uint32_t)o->contacts;
    p->counts[OBJECT_COMPANIES] = or_share(o->companies, o->contacts, 5);
    p->counts[OBJECT_DEALS] = or_share(o->deals, o->contacts, 10);
    p->counts[OBJECT_TICKETS] = or_share(o->tickets, o->contacts, 20);
    uint32_t total = or_share(o->engagements, o->contacts, 2);
    static const struct {
        enum object_type type;
        uint32_t percent;
    } shares[] = {
        {OBJECT_CALLS, 15},      {OBJECT_COMMUNICATIONS, 5}, {OBJECT_EMAILS, 35},
        {OBJECT_MEETINGS, 10},   {OBJECT_NOTES, 20},         {OBJECT_TASKS, 13},
        {OBJECT_POSTAL_MAIL, 2},
    };
    uint32_t rest = total;
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        p->counts[shares[i].type] = (uint32_t)((uint64_t)total * shares[i].percent / 100);
        rest -= p->counts[shares[i].type];
    }
    p->counts[OBJECT_NOTES] += rest;
}

static bool is_object_name(struct str name)
{
    bool letter = name.len > 0 && ((name.ptr[0] >= 'a' && name.ptr[0] <= 'z') ||
                                   (name.ptr[0] >= 'A' && name.ptr[0] <= 'Z'));
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        letter = letter && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '_');
    }
    return letter && name.len <= SCHEMA_NAME_MAX;
}

static bool add_custom_object(struct portal_options *p, struct str field, struct error *err)
{
    ptrdiff_t colon = str_find_char(field, ':');
    struct str name = str_sub(field, 0, colon < 0 ? field.len : (size_t)colon);
    uint64_t count = 0;
    if (!is_object_name(name) ||
        (colon >= 0 && !str_to_uint64(str_sub(field, (size_t)colon + 1, field.len), &count)) ||
        count > PORTAL_RECORDS_MAX) {
        return error_set(err, ERR_USAGE,
                         "--custom-objects has '%.*s'; it must be a name of letters, digits and _ "
                         "and a number up to %d, like cars:500",
                         STR_ARG(field), PORTAL_RECORDS_MAX);
    }
    if (p->n_custom_objects == OBJECT_CUSTOM_MAX) {
        return error_set(err, ERR_USAGE, "--custom-objects has more than %d names",
                         OBJECT_CUSTOM_MAX);
    }
    for (size_t i = 0; i < p->n_custom_objects; i++) {
        if (str_eq_nocase(p->custom_objects[i], name)) {
            return error_set(err, ERR_USAGE, "--custom-objects has '%.*s' twice", STR_ARG(name));
        }
    }
    p->counts[OBJECT_CUSTOM_FIRST + p->n_custom_objects] = (uint32_t)count;
    p->custom_objects[p->n_custom_objects++] = name;
    return true;
}

static bool set_other_object(struct portal_options *p, struct str field, struct error *err)
{
    ptrdiff_t colon = str_find_char(field, ':');
    enum object_type t;
    uint64_t count;
    if (colon < 0 || !object_find(str_sub(field, 0, (size_t)colon), false, &t) ||
        t < OBJECT_PRODUCTS || object_is_custom(t) ||
        !str_to_uint64(str_sub(field, (size_t)colon + 1, field.len), &count) ||
        count > PORTAL_RECORDS_MAX) {
        return error_set(err, ERR_USAGE,
                         "--other-objects has '%.*s'; it must be products, line_items, quotes, "
                         "leads, feedback_submissions or users and a number up to %d, like "
                         "products:50",
                         STR_ARG(field), PORTAL_RECORDS_MAX);
    }
    p->counts[t] = (uint32_t)count;
    return true;
}

static bool parse_other_objects(struct options *o, struct error *err)
{
    struct str rest = o->other_objects_text;
    struct str field;
    while (rest.len > 0 && str_next(&rest, ',', &field)) {
        if (!set_other_object(&o->portal, str_trim(field), err)) {
            return false;
        }
    }
    return true;
}

static bool parse_custom_objects(struct options *o, struct error *err)
{
    struct str rest = o->custom_objects_text;
    struct str field;
    while (rest.len > 0 && str_next(&rest, ',', &field)) {
        if (!add_custom_object(&o->portal, str_trim(field), err)) {
            return false;
        }
    }
    return true;
}

bool options_parse(struct options *o, int argc, char **argv, struct arena *arena, struct error *err)
{
    *o = (struct options){0};
    struct settings s;
    struct str word;
    size_t words = 0;
    if (!settings_init(&s, rows, ARRAY_LEN(rows), "HUBSIM", o, arena, err) ||
        !settings_parse_args(&s, argc, argv, &word, 1, &words, err)) {
        return false;
    }
    if (o->help || o->version) {
        return true;
    }
    if (words > 0) {
        return error_set(err, ERR_USAGE, "'%.*s' is not an option; options begin with --",
                         STR_ARG(word));
    }
    if (o->token.len == 0) {
        return error_set(err, ERR_USAGE, "--token is empty; leave it out for the default");
    }
    fill_portal(o);
    o->id_order = id_order_of(o->id_order_text);
    o->apps = (struct apps_options){
        .code_life_ms = o->code_life_ms,
        .token_life_ms = o->token_life_ms,
        .rotate = o->rotate_refresh_tokens,
        .old_errors = str_eq(o->oauth_errors, STR("old")),
        .user = STR("user@simulated.example"),
        .user_id = 8200000,
    };
    return settings_check(&s, err) && parse_listen(o, arena, err) &&
           parse_range("latency", o->latency_text, LATENCY_MAX_MS, &o->latency_min_ms,
                       &o->latency_max_ms, err) &&
           parse_range("lag", o->lag_text, LAG_MAX_MS, &o->lag_min_ms, &o->lag_max_ms, err) &&
           options_fill_limits(o, err) && parse_custom_objects(o, err) &&
           parse_other_objects(o, err) &&
           admin_rules_parse(o->admin_rules_text, &o->admin_rules, err) &&
           log_level_parse(o->log_level_text, &o->log_level);
}
