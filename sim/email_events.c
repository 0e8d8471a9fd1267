#include "sim/email_events.h"

#include "core/random.h"

// An e-mail has four events; counted from the newest.
enum { PER_EMAIL = 4, SENT = 3, CAMPAIGNS = 24, EMAILS_PER_CONTACT = 2 };

static uint64_t emails_count(const struct portal *p)
{
    return (uint64_t)p->shelves[OBJECT_CONTACTS].n_base * EMAILS_PER_CONTACT;
}

uint64_t email_events_count(const struct portal *p)
{
    return emails_count(p) * PER_EMAIL;
}

static uint64_t mixed(const struct portal *p, uint64_t n)
{
    return random_mix(p->options.seed * 977 ^ n ^ UINT64_C(0x656d61696c000000));
}

// Each event has a stretch of time of its own, so the order of numbers is that of times.
static int64_t time_of(const struct portal *p, uint64_t i)
{
    int64_t step = (portal_last_ms() - portal_first_ms()) / (int64_t)(email_events_count(p) + 1);
    int64_t jitter = step > 1 ? (int64_t)(mixed(p, i) % (uint64_t)step) : 0;
    return portal_last_ms() - step * (int64_t)i - jitter;
}

static const char *type_of(uint64_t place, uint64_t h)
{
    static const char *const usual[PER_EMAIL] = {"CLICK", "OPEN", "DELIVERED", "SENT"};
    if (place == SENT) {
        return usual[place];
    }
    if (h % 40 == 0) { // it never arrived
        return place == 2 ? "BOUNCE" : "DROPPED";
    }
    if (place == 0 && h % 25 == 1) {
        return "STATUSCHANGE";
    }
    return place == 0 && h % 3 == 0 ? "OPEN" : usual[place];
}

struct email_event email_event_at(const struct portal *p, uint64_t i)
{
    assert(i < email_events_count(p));
    uint64_t email = i / PER_EMAIL;
    uint64_t h = mixed(p, email + (UINT64_C(1) << 48));
    uint64_t sent = email * PER_EMAIL + SENT;
    return (struct email_event){
        .number = i,
        .created_ms = time_of(p, i),
        .type = type_of(i % PER_EMAIL, h),
        .contact = (uint32_t)((h >> 16) % p->shelves[OBJECT_CONTACTS].n_base),
        .campaign = 88000000 + email * CAMPAIGNS / (emails_count(p) + 1) * 1013,
        .sent_number = sent,
        .sent_ms = time_of(p, sent),
    };
}

uint64_t email_events_first_until(const struct portal *p, int64_t at_ms)
{
    uint64_t lo = 0;
    uint64_t hi = email_events_count(p);
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (time_of(p, mid) > at_ms) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}
