// The command line of hubsim.
#pragma once

#include "core/log.h"
#include "core/settings.h"
#include "sim/admin_rules.h"
#include "sim/apps.h"
#include "sim/limits.h"
#include "sim/portal.h"
#include "sim/query.h"

struct options {
    struct str listen;
    struct str token;
    struct str client_id;
    struct str client_secret;
    struct str redirect_uris;
    struct str scopes;
    struct str optional_scopes;
    struct str oauth_errors;
    int64_t code_life_ms;
    int64_t token_life_ms;
    bool rotate_refresh_tokens;
    bool malformed_530;
    struct str tier;
    struct str limit_text;
    struct str oauth_limit_text;
    struct str association_limit_text;
    struct str token_limit_text;
    struct str foreign_text;
    struct str foreign_pattern;
    struct str rate_limit_body;
    struct str time_zone;
    int64_t association_daily;
    bool retry_after;
    struct str search_limit_text;
    struct str latency_text;
    struct str lag_text;
    struct str log_level_text;
    struct str id_order_text;
    struct str admin_rules_text;
    struct str custom_objects_text;
    struct str developer_key;
    struct str other_objects_text;
    int64_t portal_id;
    int64_t accounts;
    int64_t seed;
    int64_t contacts, companies, deals, tickets, engagements;
    int64_t properties;
    int64_t owners;
    int64_t daily;
    int64_t threads;
    bool clean;
    bool omit_nulls;
    bool help;
    bool version;
    // worked out of the above
    const char *host;
    uint16_t port;
    int64_t latency_min_ms;
    int64_t latency_max_ms;
    int64_t lag_min_ms;
    int64_t lag_max_ms;
    enum log_level log_level;
    enum query_id_order id_order;
    struct admin_rules admin_rules;
    struct portal_options portal;
    struct limits_options limits;
    struct foreign foreign;
    struct apps_options apps;
};

// Fills *o from the environment (HUBSIM_...) and the command line; texts live in the arena.
bool options_parse(struct options *o, int argc, char **argv, struct arena *arena,
                   struct error *err) MUST_CHECK;
void options_help(FILE *out);
// The private app and the OAuth app of the options.
bool options_add_apps(const struct options *o, struct apps *apps, struct error *err) MUST_CHECK;
