#include "sim/limits.h"

#include "core/zone.h"
#include "sim/limits_answer.h"
#include "sim/rate.h"
#include "sim/window.h"

#include <pthread.h>

enum { PEAK_GENERAL_MS = 10000, PEAK_SEARCH_MS = 1000, TOKEN_WINDOW_MS = 1000, DAY_MS = 86400000 };

struct app_windows {
    bool used;
    bool own; // has a limit of its own
    struct rate burst;
    struct window admitted;
    struct window peak;  // all calls
    struct window token; // calls of the token endpoint
    uint64_t calls, refused;
    uint64_t today; // those that count for the day
};

// What all apps of an account draw on together.
struct account_windows {
    struct window search; // admitted calls
    struct window associations;
    uint64_t today, today_associations;
};

struct limits {
    pthread_mutex_t lock;
    const struct clock *clock;
    struct limits_options options;
    struct app_windows apps[APPS_MAX];
    struct account_windows accounts[ACCOUNTS_MAX];
    struct window general_peak; // all calls
    struct window search_peak;
    struct foreign foreign;
    uint64_t foreign_admitted, foreign_refused;
    int64_t day_ends_ms; // wall clock
    uint64_t refused[LIMITS_VERDICTS];
};

static void resize(struct window *w, const struct rate *rate)
{
    int64_t span_ms = rate->calls > 0 ? rate->ms : RATE_WINDOW_MS;
    if (w->span_ms != span_ms) {
        window_done(w);
        window_init(w, span_ms);
    }
}

static struct account_windows *account_of(struct limits *l, const struct app *app)
{
    assert(app->account < ACCOUNTS_MAX);
    struct account_windows *a = &l->accounts[app->account];
    resize(&a->search, &l->options.search);
    resize(&a->associations, &l->options.associations);
    return a;
}

struct limits *limits_create(const struct limits_options *options, const struct clock *clock)
{
    struct limits *l = calloc(1, sizeof(*l));
    if (!l) {
        abort();
    }
    l->options = *options;
    l->clock = clock;
    pthread_mutex_init(&l->lock, NULL);
    window_init(&l->general_peak, PEAK_GENERAL_MS);
    window_init(&l->search_peak, PEAK_SEARCH_MS);
    return l;
}

void limits_destroy(struct limits *l)
{
    if (!l) {
        return;
    }
    for (size_t i = 0; i < APPS_MAX; i++) {
        window_done(&l->apps[i].admitted);
        window_done(&l->apps[i].peak);
        window_done(&l->apps[i].token);
    }
    for (size_t i = 0; i < ACCOUNTS_MAX; i++) {
        window_done(&l->accounts[i].search);
        window_done(&l->accounts[i].associations);
    }
    window_done(&l->general_peak);
    window_done(&l->search_peak);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void limits_clear(struct limits *l)
{
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < APPS_MAX; i++) {
        if (!l->apps[i].used) {
            continue;
        }
        window_clear(&l->apps[i].admitted);
        window_clear(&l->apps[i].peak);
        window_clear(&l->apps[i].token);
        l->apps[i].calls = 0;
        l->apps[i].refused = 0;
        l->apps[i].today = 0;
    }
    for (size_t i = 0; i < ACCOUNTS_MAX; i++) {
        struct account_windows *a = &l->accounts[i];
        if (a->search.span_ms > 0) { // it has been used
            window_clear(&a->search);
            window_clear(&a->associations);
        }
        a->today = 0;
        a->today_associations = 0;
    }
    window_clear(&l->general_peak);
    window_clear(&l->search_peak);
    l->foreign_admitted = 0;
    l->foreign_refused = 0;
    memset(l->refused, 0, sizeof(l->refused));
    pthread_mutex_unlock(&l->lock);
}

struct limits_options limits_options(struct limits *l)
{
    pthread_mutex_lock(&l->lock);
    struct limits_options o = l->options;
    pthread_mutex_unlock(&l->lock);
    return o;
}

// Windows of an app come into being with its first call.
static struct app_windows *windows_of(struct limits *l, uint32_t index, enum app_kind kind)
{
    assert(index < APPS_MAX);
    struct app_windows *w = &l->apps[index];
    if (!w->used) {
        w->used = true;
        window_init(&w->admitted, RATE_WINDOW_MS);
        window_init(&w->peak, PEAK_GENERAL_MS);
        window_init(&w->token, TOKEN_WINDOW_MS);
    }
    if (!w->own) {
        w->burst = kind == APP_OAUTH ? l->options.oauth : l->options.general;
    }
    resize(&w->admitted, &w->burst);
    resize(&w->token, &l->options.token);
    return w;
}

static int64_t next_midnight(const struct limits *l, int64_t now_ms)
{
    int64_t ends_ms;
    if (zone_next_day_ms(l->options.time_zone, now_ms, &ends_ms)) {
        return ends_ms;
    }
    int64_t local_ms = now_ms + l->options.utc_offset_ms;
    return now_ms + DAY_MS - local_ms % DAY_MS;
}

static void enter_day(struct limits *l)
{
    int64_t now_ms = clock_now_ms(l->clock);
    if (now_ms >= l->day_ends_ms) {
        l->day_ends_ms = next_midnight(l, now_ms);
        for (size_t i = 0; i < APPS_MAX; i++) {
            l->apps[i].today = 0;
        }
        for (size_t i = 0; i < ACCOUNTS_MAX; i++) {
            l->accounts[i].today = 0;
            l->accounts[i].today_associations = 0;
        }
    }
}

void limits_set_options(struct limits *l, const struct limits_options *options)
{
    pthread_mutex_lock(&l->lock);
    l->options = *options;
    l->day_ends_ms = next_midnight(l, clock_now_ms(l->clock)); // perhaps of another time zone
    pthread_mutex_unlock(&l->lock);
}

void limits_set_app(struct limits *l, const struct app *app, const struct rate *burst)
{
    pthread_mutex_lock(&l->lock);
    struct app_windows *w = windows_of(l, app->index, app->kind);
    w->own = true;
    w->burst = *burst;
    resize(&w->admitted, burst);
    pthread_mutex_unlock(&l->lock);
}

void limits_set_foreign(struct limits *l, const struct foreign *f)
{
    pthread_mutex_lock(&l->lock);
    l->foreign = *f;
    foreign_begin(&l->foreign, clock_mono_us(l->clock) / 1000);
    pthread_mutex_unlock(&l->lock);
}

static bool counts_daily(const struct limits *l, enum app_kind kind)
{
    return kind == APP_PRIVATE && !l->options.marketplace;
}

static bool full(struct window *w, const struct rate *rate, int64_t now_ms)
{
    return rate->calls > 0 && window_count(w, now_ms) >= rate->calls;
}

static bool day_is_over(uint64_t used, uint64_t most)
{
    return most > 0 && used >= most;
}

// The calls that somebody else has made in the meantime, each at its time. Those of long ago left
// nothing but their mark on the day's count. They call the first account only.
static void let_others_call(struct limits *l, int64_t now_ms)
{
    struct app_windows *w = windows_of(l, 0, APP_PRIVATE);
    int64_t day_left_ms = l->day_ends_ms - clock_now_ms(l->clock);
    int64_t day_began_ms = now_ms - (DAY_MS - day_left_ms); // but for days of 23 and 25 hours
    uint64_t *today = &l->accounts[0].today;
    foreign_skip(&l->foreign, day_began_ms);
    uint64_t past = foreign_skip(&l->foreign, now_ms - 2 * w->admitted.span_ms);
    l->foreign_admitted += past;
    *today += past;
    w->today += past;
    int64_t at_ms;
    while (foreign_next(&l->foreign, now_ms, &at_ms)) {
        if (full(&w->admitted, &w->burst, at_ms) || day_is_over(*today, l->options.daily)) {
            l->foreign_refused++;
            continue;
        }
        window_add(&w->admitted, at_ms);
        (*today)++;
        w->today++;
        l->foreign_admitted++;
    }
}

// One call, and the windows that it counts in.
struct admission {
    struct app_windows *app;
    struct account_windows *account;
    bool daily;
    enum rate_class rate;
    int64_t now_ms;
};

static enum limits_verdict judge(struct limits *l, const struct admission *x)
{
    const struct limits_options *o = &l->options;
    struct account_windows *account = x->account;
    if (x->daily && day_is_over(account->today, o->daily)) {
        return OVER_DAILY;
    }
    if (x->rate == RATE_SEARCH) {
        return full(&account->search, &o->search, x->now_ms) ? OVER_SEARCH : ADMITTED;
    }
    if (full(&x->app->admitted, &x->app->burst, x->now_ms)) {
        return OVER_GENERAL;
    }
    if (x->rate == RATE_ASSOCIATIONS) {
        if (day_is_over(account->today_associations, o->associations_daily)) {
            return OVER_ASSOCIATIONS_DAILY;
        }
        return full(&account->associations, &o->associations, x->now_ms) ? OVER_ASSOCIATIONS
                                                                         : ADMITTED;
    }
    return ADMITTED;
}

// Takes a place in each window that the call counts in.
static void occupy(const struct admission *x)
{
    window_add(x->rate == RATE_SEARCH ? &x->account->search : &x->app->admitted, x->now_ms);
    x->app->calls++;
    x->account->today += x->daily ? 1 : 0;
    x->app->today += x->daily ? 1 : 0;
    if (x->rate == RATE_ASSOCIATIONS) {
        window_add(&x->account->associations, x->now_ms);
        x->account->today_associations++;
    }
}

// How long until the oldest call leaves a full window.
static int64_t wait_of(struct limits *l, const struct admission *x, enum limits_verdict verdict)
{
    switch (verdict) {
    case OVER_GENERAL:
        return window_wait_ms(&x->app->admitted, x->now_ms);
    case OVER_ASSOCIATIONS:
        return window_wait_ms(&x->account->associations, x->now_ms);
    case OVER_SEARCH:
        return window_wait_ms(&x->account->search, x->now_ms);
    case OVER_TOKEN:
        return window_wait_ms(&x->app->token, x->now_ms);
    case OVER_DAILY:
    case OVER_ASSOCIATIONS_DAILY:
        return l->day_ends_ms - clock_now_ms(l->clock);
    case ADMITTED:
    case LIMITS_VERDICTS:
    default:
        return 0;
    }
}

static struct limits_view view_of(struct limits *l, const struct admission *x,
                                  const struct app *app, enum limits_verdict verdict)
{
    struct app_windows *w = x->app;
    if (verdict != ADMITTED) {
        w->refused++;
        l->refused[verdict]++;
    }
    return (struct limits_view){
        .verdict = verdict,
        .oauth = !counts_daily(l, app->kind),
        .app_id = app->id,
        .burst = w->burst,
        .used = window_count(&w->admitted, x->now_ms),
        .daily = l->options.daily,
        .today = x->account->today,
        .wait_ms = l->options.retry_after ? wait_of(l, x, verdict) : 0,
        .category_body = l->options.category_body,
    };
}

bool limits_admit(struct limits *l, struct call *call, enum rate_class rate)
{
    const struct app *app = call->caller.app;
    pthread_mutex_lock(&l->lock);
    int64_t now_ms = clock_mono_us(l->clock) / 1000;
    enter_day(l);
    let_others_call(l, now_ms);
    struct app_windows *w = windows_of(l, app->index, app->kind);
    struct admission x = {w, account_of(l, app), counts_daily(l, app->kind), rate, now_ms};
    if (rate == RATE_SEARCH) {
        window_add(&l->search_peak, now_ms);
    } else {
        window_add(&l->general_peak, now_ms);
        window_add(&w->peak, now_ms);
    }
    enum limits_verdict verdict = judge(l, &x);
    if (verdict == ADMITTED) {
        occupy(&x);
    }
    struct limits_view view = view_of(l, &x, app, verdict);
    pthread_mutex_unlock(&l->lock);
    if (rate != RATE_SEARCH) {
        limits_add_headers(&view, call);
    }
    if (verdict != ADMITTED) {
        limits_answer_429(&view, call);
    }
    return verdict == ADMITTED;
}

bool limits_admit_token(struct limits *l, struct call *call, const struct app *app)
{
    pthread_mutex_lock(&l->lock);
    int64_t now_ms = clock_mono_us(l->clock) / 1000;
    enter_day(l);
    struct app_windows *w = windows_of(l, app->index, app->kind);
    bool over = full(&w->token, &l->options.token, now_ms);
    if (!over) {
        window_add(&w->token, now_ms);
    }
    struct admission x = {.app = w, .account = account_of(l, app), .now_ms = now_ms};
    struct limits_view view = view_of(l, &x, app, over ? OVER_TOKEN : ADMITTED);
    pthread_mutex_unlock(&l->lock);
    if (over) {
        limits_answer_429(&view, call);
    }
    return !over;
}

void limits_refuse(struct limits *l, struct call *call, enum limits_policy p)
{
    static const enum limits_verdict verdicts[LIMITS_POLICIES] = {
        [POLICY_BURST] = OVER_GENERAL, [POLICY_SECOND] = OVER_SEARCH, [POLICY_DAY] = OVER_DAILY};
    const struct app *app = call->caller.app;
    assert(p < LIMITS_POLICIES);
    pthread_mutex_lock(&l->lock);
    struct limits_view view = {
        .verdict = app ? verdicts[p] : OVER_TOKEN,
        .oauth = app && !counts_daily(l, app->kind),
        .app_id = app ? app->id : 0,
        .category_body = l->options.category_body,
    };
    pthread_mutex_unlock(&l->lock);
    limits_answer_429(&view, call);
}

struct limits_report limits_report(struct limits *l)
{
    pthread_mutex_lock(&l->lock);
    int64_t wall_ms = clock_now_ms(l->clock);
    enter_day(l);
    let_others_call(l, clock_mono_us(l->clock) / 1000);
    struct limits_report r = {
        .peak_general = l->general_peak.peak,
        .peak_search = l->search_peak.peak,
        .refused_general = l->refused[OVER_GENERAL],
        .refused_associations = l->refused[OVER_ASSOCIATIONS],
        .refused_search = l->refused[OVER_SEARCH],
        .refused_token = l->refused[OVER_TOKEN],
        .refused_daily = l->refused[OVER_DAILY] + l->refused[OVER_ASSOCIATIONS_DAILY],
        .today = l->accounts[0].today,
        .foreign_admitted = l->foreign_admitted,
        .foreign_refused = l->foreign_refused,
        .day_ends_ms = l->day_ends_ms,
        .utc_offset_ms = l->options.utc_offset_ms,
    };
    int64_t offset_ms;
    if (zone_offset_ms(l->options.time_zone, wall_ms, &offset_ms)) {
        r.utc_offset_ms = offset_ms;
    }
    pthread_mutex_unlock(&l->lock);
    return r;
}

struct limits_app_report limits_app_report(struct limits *l, const struct app *app)
{
    pthread_mutex_lock(&l->lock);
    int64_t now_ms = clock_mono_us(l->clock) / 1000;
    enter_day(l);
    let_others_call(l, now_ms);
    struct app_windows *w = windows_of(l, app->index, app->kind);
    struct limits_app_report r = {
        .calls = w->calls,
        .refused = w->refused,
        .today = w->today,
        .peak = w->peak.peak,
        .in_window = window_count(&w->admitted, now_ms),
        .burst = w->burst,
    };
    pthread_mutex_unlock(&l->lock);
    return r;
}
