#include "hubspot/send_times.h"

int64_t send_times_nth(const struct send_times *s, size_t i)
{
    assert(i < s->n);
    return s->at[(s->head + i) % SEND_TIMES_MAX];
}

bool send_times_valid(const struct send_times *s)
{
    if (s->head >= SEND_TIMES_MAX || s->n > SEND_TIMES_MAX) {
        return false;
    }
    for (size_t i = 1; i < s->n; i++) {
        if (send_times_nth(s, i) < send_times_nth(s, i - 1)) {
            return false;
        }
    }
    return true;
}

void send_times_add(struct send_times *s, int64_t t)
{
    t = s->n > 0 ? MAX(t, send_times_nth(s, s->n - 1)) : t;
    if (s->n == SEND_TIMES_MAX) {
        s->head = (s->head + 1) % SEND_TIMES_MAX;
        s->n--;
    }
    s->at[(s->head + s->n) % SEND_TIMES_MAX] = t;
    s->n++;
}

int64_t send_times_after(const struct send_times *s, int64_t t)
{
    size_t lo = 0;
    size_t hi = s->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (send_times_nth(s, mid) > t) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return (int64_t)(s->n - lo);
}

int64_t send_times_free_at(const struct send_times *s, int64_t span, int64_t allowed,
                           int64_t now_us)
{
    assert(allowed > 0 && allowed <= SEND_TIMES_MAX);
    if (send_times_after(s, now_us - span) < allowed) {
        return now_us;
    }
    return send_times_nth(s, s->n - (size_t)allowed) + span; // the allowed-th youngest
}
