#include "engine/task_text.h"

#include "core/timestamp.h"

enum { COUNT_MAX = 32, TIME_MAX = 32, DAY_MS = 24 * 3600 * 1000, REASON_MAX = 300 };

// "12,300"
static const char *count(uint64_t n, char out[COUNT_MAX])
{
    char digits[COUNT_MAX];
    size_t len = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            out[at++] = ',';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

// "12:00:05Z", with the date when it is not within a day.
static const char *instant(int64_t ms, int64_t now_ms, char out[TIME_MAX])
{
    char full[TIMESTAMP_TEXT_MAX];
    if (!timestamp_format(ms, full)) {
        return "an unknown time";
    }
    bool near = ms - now_ms < DAY_MS && now_ms - ms < DAY_MS;
    snprintf(out, TIME_MAX, "%.*sZ", near ? 8 : 19, near ? full + 11 : full);
    return out;
}

static struct str cut(int n, const char *text)
{
    return (struct str){text, n < TASK_TEXT_MAX ? (size_t)n : (size_t)TASK_TEXT_MAX - 1};
}

struct str task_text_of(const struct stream_report *r, int64_t now_ms, char text[TASK_TEXT_MAX])
{
    char rows[COUNT_MAX];
    char total[COUNT_MAX];
    char until[TIME_MAX];
    const char *step = r->step ? r->step : "starting";
    int n = snprintf(text, TASK_TEXT_MAX, "%s", step);
    if (r->rows > 0 && r->estimated_total >= r->rows) {
        n += snprintf(text + n, TASK_TEXT_MAX - (size_t)n, ": %s of about %s", count(r->rows, rows),
                      count(r->estimated_total, total));
    } else if (r->rows > 0) {
        n += snprintf(text + n, TASK_TEXT_MAX - (size_t)n, ": %s records", count(r->rows, rows));
    }
    if (r->waiting_for) {
        n += snprintf(text + n, TASK_TEXT_MAX - (size_t)n, "; waiting for %s", r->waiting_for);
    }
    if (r->waiting_for && r->waiting_until_ms > 0) {
        n += snprintf(text + n, TASK_TEXT_MAX - (size_t)n, " until %s",
                      instant(r->waiting_until_ms, now_ms, until));
    }
    return cut(n, text);
}

struct str task_text_completed(const struct stream_report *r, char text[TASK_TEXT_MAX])
{
    char rows[COUNT_MAX];
    char there[COUNT_MAX];
    char here[COUNT_MAX];
    int n = snprintf(text, TASK_TEXT_MAX, "%s records", count(r->rows, rows));
    if (r->audited && r->source_count == r->destination_count) {
        n += snprintf(text + n, TASK_TEXT_MAX - (size_t)n, "; HubSpot counts %s, as are here",
                      count(r->source_count, there));
    } else if (r->audited) {
        n += snprintf(text + n, TASK_TEXT_MAX - (size_t)n, "; HubSpot counts %s, here are %s",
                      count(r->source_count, there), count(r->destination_count, here));
    }
    if (r->rejects > 0) {
        n += snprintf(text + n, TASK_TEXT_MAX - (size_t)n,
                      "; %s values were set aside, see _sluice_reject", count(r->rejects, rows));
    }
    return cut(n, text);
}

struct str task_text_end(enum run_status status, const struct error *err, int64_t until_ms,
                         int64_t now_ms, char text[TASK_TEXT_MAX])
{
    char until[TIME_MAX];
    if (status != RUN_RETRYING && status != RUN_DELAYED) {
        return STR("");
    }
    int n = snprintf(text, TASK_TEXT_MAX, "%s until %s: %.*s",
                     status == RUN_RETRYING ? "failed, waiting" : "waiting",
                     instant(until_ms, now_ms, until), REASON_MAX, err->message);
    // The reason may have been cut within a character.
    struct str all = cut(n, text);
    while (all.len > 0 && ((unsigned char)all.ptr[all.len - 1] & 0x80) != 0) {
        all.len--;
    }
    return all;
}
