#include "sim/limits.h"

#include "sim/sim.h"
#include "sim/window.h"

enum { PEAK_GENERAL_MS = 10000, PEAK_SEARCH_MS = 1000, DAY_MS = 86400000 };
#define UNLIMITED 10000000U // what the headers say when there is no limit

struct limits {
    pthread_mutex_t lock;
    const struct clock *clock;
    struct limits_options options;
    struct window general; // admitted calls
    struct window search;
    struct window general_peak; // all calls
    struct window search_peak;
    int64_t day; // of the account's calendar
    uint64_t today;
    uint64_t refused_general, refused_search, refused_daily;
};

struct limits *limits_create(const struct limits_options *options, const struct clock *clock)
{
    struct limits *l = calloc(1, sizeof(*l));
    if (!l) {
        abort();
    }
    l->options = *options;
    l->clock = clock;
    pthread_mutex_init(&l->lock, NULL);
    window_init(&l->general, options->general_ms);
    window_init(&l->search, options->search_ms);
    window_init(&l->general_peak, PEAK_GENERAL_MS);
    window_init(&l->search_peak, PEAK_SEARCH_MS);
    return l;
}

void limits_destroy(struct limits *l)
{
    if (!l) {
        return;
    }
    window_done(&l->general);
    window_done(&l->search);
    window_done(&l->general_peak);
    window_done(&l->search_peak);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void limits_clear(struct limits *l)
{
    pthread_mutex_lock(&l->lock);
    window_clear(&l->general);
    window_clear(&l->search);
    window_clear(&l->general_peak);
    window_clear(&l->search_peak);
    l->today = 0;
    l->refused_general = 0;
    l->refused_search = 0;
    l->refused_daily = 0;
    pthread_mutex_unlock(&l->lock);
}

enum verdict { ADMITTED, OVER_GENERAL, OVER_SEARCH, OVER_DAILY };

static void enter_day(struct limits *l)
{
    int64_t day = (clock_now_ms(l->clock) + l->options.utc_offset_ms) / DAY_MS;
    if (day != l->day) {
        l->day = day;
        l->today = 0;
    }
}

static enum verdict judge(struct limits *l, enum rate_class rate, int64_t now_ms)
{
    bool search = rate == RATE_SEARCH;
    struct window *w = search ? &l->search : &l->general;
    uint64_t most = search ? l->options.search : l->options.general;
    window_add(search ? &l->search_peak : &l->general_peak, now_ms);
    enter_day(l);
    if (l->options.daily > 0 && l->today >= l->options.daily) {
        l->refused_daily++;
        return OVER_DAILY;
    }
    if (most > 0 && window_count(w, now_ms) >= most) {
        *(search ? &l->refused_search : &l->refused_general) += 1;
        return search ? OVER_SEARCH : OVER_GENERAL;
    }
    window_add(w, now_ms);
    l->today++;
    return ADMITTED;
}

static void add_number_header(struct call *c, const char *name, uint64_t n)
{
    http_server_add_header(c->response, name, call_number(c, n));
}

static uint64_t left(uint64_t most, uint64_t used)
{
    return most > used ? most - used : 0;
}

static void add_headers(const struct limits *l, struct call *c, uint64_t used, uint64_t today)
{
    const struct limits_options *o = &l->options;
    uint64_t most = o->general > 0 ? o->general : UNLIMITED;
    uint64_t daily = o->daily > 0 ? o->daily : UNLIMITED;
    add_number_header(c, "X-HubSpot-RateLimit-Daily", daily);
    add_number_header(c, "X-HubSpot-RateLimit-Daily-Remaining", left(daily, today));
    add_number_header(c, "X-HubSpot-RateLimit-Interval-Milliseconds", (uint64_t)o->general_ms);
    add_number_header(c, "X-HubSpot-RateLimit-Max", most);
    add_number_header(c, "X-HubSpot-RateLimit-Remaining", left(most, used));
    add_number_header(c, "X-HubSpot-RateLimit-Secondly", most / 10);
    add_number_header(c, "X-HubSpot-RateLimit-Secondly-Remaining",
                      left(most / 10, used % (most / 10 + 1)));
}

static void refuse(struct call *c, enum verdict verdict)
{
    static const struct {
        const char *message;
        const char *policy;
        const char *group; // followed by app and portal
    } words[] = {
        [OVER_GENERAL] = {"You have reached your ten_secondly_rolling limit.",
                          "TEN_SECONDLY_ROLLING", "publicapi:private_app-api-calls-ten-secondly"},
        [OVER_SEARCH] = {"You have reached your secondly limit.", "SECONDLY",
                         "publicapi:crm:search:private_app"},
        [OVER_DAILY] = {"You have reached your daily limit.", "DAILY", NULL},
    };
    unsigned long long portal = (unsigned long long)c->sim->portal->options.portal_id;
    call_error(c, 429, NULL, "%s", words[verdict].message);
    struct buf *body = &c->response->body;
    body->len--; // reopen the object
    buf_printf(body, ",\"errorType\":\"RATE_LIMIT\",\"policyName\":\"%s\"", words[verdict].policy);
    if (words[verdict].group) {
        buf_printf(body, ",\"groupName\":\"%s:%d:%llu\"", words[verdict].group, SIM_APP_ID, portal);
    }
    if (verdict == OVER_DAILY) {
        buf_printf(body, ",\"requestId\":\"%llx\"", (unsigned long long)c->request->arrived_us);
    }
    buf_add_char(body, '}');
}

bool limits_admit(struct limits *l, struct call *call, enum rate_class rate)
{
    pthread_mutex_lock(&l->lock);
    int64_t now_ms = clock_mono_us(l->clock) / 1000;
    enum verdict verdict = judge(l, rate, now_ms);
    uint64_t used = window_count(&l->general, now_ms);
    uint64_t today = l->today;
    pthread_mutex_unlock(&l->lock);
    if (rate == RATE_GENERAL) {
        add_headers(l, call, used, today);
    }
    if (verdict != ADMITTED) {
        refuse(call, verdict);
    }
    return verdict == ADMITTED;
}

struct limits_report limits_report(struct limits *l)
{
    pthread_mutex_lock(&l->lock);
    enter_day(l);
    struct limits_report r = {
        .peak_general = l->general_peak.peak,
        .peak_search = l->search_peak.peak,
        .refused_general = l->refused_general,
        .refused_search = l->refused_search,
        .refused_daily = l->refused_daily,
        .today = l->today,
        .day_ends_ms = (l->day + 1) * DAY_MS - l->options.utc_offset_ms,
    };
    pthread_mutex_unlock(&l->lock);
    return r;
}
