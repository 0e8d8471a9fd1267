// sluice doctor: every precondition in one line, with the way out for those that fail.
#include "cli/account.h"
#include "cli/cli.h"
#include "cli/endpoints.h"
#include "cli/sync_settings.h"

#include <unistd.h>

struct doctor {
    const struct cli *cli;
    struct sync_settings settings;
    struct log log;
    struct account account;
    struct source_hubspot_options source;
    int exit_code; // of the first failure
};

static void report(struct doctor *d, const char *what, bool ok, const struct error *err,
                   const char *detail)
{
    if (ok) {
        printf("ok    %-12s %s\n", what, detail);
        return;
    }
    const struct error_info *info = error_info(err->code);
    printf("FAIL  %-12s %s%s%s\n", what, err->message, info->hint[0] ? "; hint: " : "", info->hint);
    d->exit_code = d->exit_code ? d->exit_code : info->exit_code;
}

static void check_token(struct doctor *d)
{
    struct error err = {0};
    struct sync_context context = {.clock = d->cli->clock, .log = &d->log};
    bool stored = d->settings.connection.len > 0;
    char detail[256];
    bool ok = account_open(&d->settings, &context, &d->account, &err);
    if (stored) {
        snprintf(detail, sizeof detail, "connection %.*s can be opened",
                 STR_ARG(d->settings.connection));
    } else {
        snprintf(detail, sizeof detail, "%.*s is set", STR_ARG(d->settings.token_env));
    }
    report(d, stored ? "connection" : "token", ok, &err, detail);
}

static void check_base_url(struct doctor *d)
{
    struct error err = {0};
    struct sync_context context = {.clock = d->cli->clock, .log = &d->log};
    bool opened = d->account.credential; // what is wrong with the rest is said without it, too
    bool ok = opened ? account_source_options(&d->account, &d->settings, &context, &d->source, &err)
                     : sync_source_options(&d->settings, (struct str){NULL, 0}, &context,
                                           &d->source, &err);
    char detail[512];
    snprintf(detail, sizeof detail, "%.*s, API version %.*s",
             STR_ARG(ok ? d->source.account.base_url : d->settings.base_url),
             STR_ARG(d->settings.api_version));
    report(d, "base URL", ok, &err, detail);
}

static void describe_limits(struct source *source, const struct clock *clock, char *out,
                            size_t size)
{
    struct budget_view v;
    budget_look(hubspot_budget(source_hubspot_account(source)), clock_mono_us(clock), &v);
    if (v.window_max < 0) {
        snprintf(out, size, "the account announces no rate limit");
        return;
    }
    int n = snprintf(out, size, "%lld calls a window, of which %lld may be used",
                     (long long)v.window_max, (long long)v.window_allowed);
    if (v.daily_max >= 0 && n > 0 && (size_t)n < size) {
        snprintf(out + n, size - (size_t)n,
                 "; %lld of %lld of the day are used (up to %lld may be)", (long long)v.daily_used,
                 (long long)v.daily_max, (long long)v.daily_allowed);
    }
}

static void check_hubspot(struct doctor *d)
{
    struct error err = {0};
    struct source *source = NULL;
    if (!d->account.credential || d->source.account.base_url.len == 0) {
        printf("skip  %-12s needs token and base URL\n", "HubSpot");
        return;
    }
    bool ok = http_client_global_init(&err) && source_hubspot_open(&d->source, &source, &err);
    char detail[512] = "";
    if (ok) {
        struct source_hubspot_portal p = source_hubspot_portal(source);
        snprintf(detail, sizeof detail, "account %lld (%.*s, time zone %.*s)", (long long)p.id,
                 STR_ARG(p.account_type), STR_ARG(p.time_zone));
    }
    report(d, "HubSpot", ok, &err, detail);
    if (ok) {
        describe_limits(source, d->cli->clock, detail, sizeof detail);
        report(d, "limits", true, NULL, detail);
    }
    source_close(source);
}

static void check_destination(struct doctor *d)
{
    struct error err = {0};
    struct destination *dest = NULL;
    struct destination_options options =
        sync_destination_options(&d->settings, d->cli->clock, NULL);
    if (d->settings.into.len == 0) {
        printf("skip  %-12s no --into given\n", "destination");
        return;
    }
    bool ok =
        destination_url_check(d->settings.into, &err) && destination_open(&options, &dest, &err);
    char detail[512] = "";
    if (ok) {
        snprintf(detail, sizeof detail, "%.*s, can be written to",
                 STR_ARG(destination_describe(&options, d->cli->arena)));
    }
    report(d, "destination", ok, &err, detail);
    destination_close(dest);
}

// A clock that is far off breaks TLS and the cursors.
static void check_clock(struct doctor *d)
{
    static const int64_t BUILT_AFTER_MS = 1767225600000; // 2026-01-01
    struct error err = {0};
    bool ok = clock_now_ms(d->cli->clock) > BUILT_AFTER_MS;
    if (!ok) {
        error_set(&err, ERR_CONFIG,
                  "this machine's clock stands before 2026; set it (timedatectl)");
    }
    report(d, "clock", ok, &err, "plausible");
}

// What of the chosen version HubSpot is about to give up. A warning fails nothing.
static void check_version(struct doctor *d)
{
    enum api_version version = API_LEGACY;
    bool known = api_version_parse(d->settings.api_version, &version);
    assert(known); // the settings table admits only known versions
    if (endpoints_ending(version, clock_now_ms(d->cli->clock), ENDS_WITHIN_MS, stdout) == 0) {
        report(d, "API version", true, NULL, "no announced end within 180 days");
    }
}

int cli_doctor(const struct cli *cli, int argc, char **argv)
{
    struct doctor d = {.cli = cli,
                       .log = {.fd = STDERR_FILENO, .clock = cli->clock, .level = LOG_WARN}};
    struct cli_args args;
    if (!cli_parse(cli, "doctor", argc, argv, &d.settings, &args)) {
        return args.exit_code;
    }
    check_clock(&d);
    check_token(&d);
    check_base_url(&d);
    check_version(&d);
    check_hubspot(&d);
    check_destination(&d);
    account_close(&d.account);
    return d.exit_code;
}
