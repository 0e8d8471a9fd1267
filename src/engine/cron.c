#include "engine/cron.h"

#include "core/nearest.h"
#include "core/timestamp.h"
#include "core/zone.h"

#define MINUTE_MS      INT64_C(60000)
#define DAY_MS         (INT64_C(24) * 3600 * 1000)
#define ALL_HOURS      0xffffffU
#define FORM           "minute hour day-of-month month day-of-week, as in 0 */6 * * *"
#define SUNDAY_AS_ZERO 0
#define SUNDAY_AS_LAST 7

// ---- the text

static const char *const MONTHS[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                     "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
static const char *const WEEKDAYS[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

enum { FIELD_MINUTE, FIELD_HOUR, FIELD_DAY, FIELD_MONTH, FIELD_WEEKDAY, FIELD_COUNT };

static const struct cron_field {
    const char *name;
    const char *allowed;
    int first, last;
    int step_max;
    const char *const *names; // of the values from `first` on; NULL: has none
    int n_names;
} FIELDS[FIELD_COUNT] = {
    [FIELD_MINUTE] = {"minute", "0-59", 0, 59, 60, NULL, 0},
    [FIELD_HOUR] = {"hour", "0-23", 0, 23, 24, NULL, 0},
    [FIELD_DAY] = {"day of month", "1-31", 1, 31, 31, NULL, 0},
    [FIELD_MONTH] = {"month", "1-12 or JAN-DEC", 1, 12, 12, MONTHS, ARRAY_LEN(MONTHS)},
    [FIELD_WEEKDAY] = {"day of week", "0-7 or SUN-SAT (0 and 7 are Sunday)", 0, 7, 7, WEEKDAYS,
                       ARRAY_LEN(WEEKDAYS)},
};

static const struct {
    struct str name;
    const char *means;
} SHORTHANDS[] = {
    {STR_INIT("@hourly"), "0 * * * *"},   {STR_INIT("@daily"), "0 0 * * *"},
    {STR_INIT("@midnight"), "0 0 * * *"}, {STR_INIT("@weekly"), "0 0 * * 0"},
    {STR_INIT("@monthly"), "0 0 1 * *"},  {STR_INIT("@yearly"), "0 0 1 1 *"},
    {STR_INIT("@annually"), "0 0 1 1 *"},
};

// The start of a text from outside, fit to stand in an error.
struct shown {
    char text[48];
};
static struct shown show(struct str s)
{
    struct shown ret = {""};
    size_t room = sizeof ret.text - sizeof "...";
    size_t n = MIN(s.len, room);
    for (size_t i = 0; i < n; i++) {
        bool plain = s.ptr[i] >= ' ' && s.ptr[i] <= '~' && s.ptr[i] != '"';
        ret.text[i] = s.ptr[i];
        if (!plain) {
            ret.text[i] = '?';
        }
    }
    memcpy(ret.text + n, s.len > room ? "..." : "", s.len > room ? sizeof "..." : 1);
    return ret;
}

static bool field_error(const struct cron_field *f, struct str found, const char *why,
                        struct error *err)
{
    return error_set(err, ERR_CONFIG, "%s: \"%s\" %s; allowed: %s", f->name, show(found).text, why,
                     f->allowed);
}

static bool parse_name(const struct cron_field *f, struct str text, int *ret, struct error *err)
{
    struct nearest nearest = nearest_to(text);
    for (int i = 0; i < f->n_names; i++) {
        if (str_eq_nocase(text, str_from(f->names[i]))) {
            *ret = f->first + i;
            return true;
        }
        nearest_offer(&nearest, str_from(f->names[i]));
    }
    if (nearest.best.len > 0) {
        return error_set(err, ERR_CONFIG, "%s: \"%s\" is no name; did you mean %.*s? allowed: %s",
                         f->name, show(text).text, STR_ARG(nearest.best), f->allowed);
    }
    return field_error(f, text, f->names ? "is neither a number nor a name" : "is not a number",
                       err);
}

static bool is_number(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    return text.len > 0;
}

static bool parse_value(const struct cron_field *f, struct str text, int *ret, struct error *err)
{
    int64_t n = 0;
    if (!is_number(text)) {
        return parse_name(f, text, ret, err);
    }
    if (!str_to_int64(text, &n) || n < f->first || n > f->last) {
        return field_error(f, text, "is out of range", err);
    }
    *ret = (int)n;
    return true;
}

static bool parse_step(const struct cron_field *f, struct str text, int *ret, struct error *err)
{
    int64_t n = 0;
    if (!is_number(text) || !str_to_int64(text, &n) || n < 1 || n > f->step_max) {
        return error_set(err, ERR_CONFIG, "%s: \"%s\" is no step; allowed after the '/': 1-%d",
                         f->name, show(text).text, f->step_max);
    }
    *ret = (int)n;
    return true;
}

// One part of a list: "*", "a", "a-b", each with "/n" or not.
static bool parse_part(const struct cron_field *f, struct str part, uint64_t *bits,
                       struct error *err)
{
    ptrdiff_t slash = str_find_char(part, '/');
    struct str range = slash >= 0 ? str_sub(part, 0, (size_t)slash) : part;
    ptrdiff_t dash = str_find_char(range, '-');
    int first = f->first;
    int last = f->last;
    int step = 1;
    if (slash >= 0 && !parse_step(f, str_sub(part, (size_t)slash + 1, part.len), &step, err)) {
        return false;
    }
    if (str_eq(range, STR("*"))) {
        // from the first to the last
    } else if (dash >= 0) {
        if (!parse_value(f, str_sub(range, 0, (size_t)dash), &first, err) ||
            !parse_value(f, str_sub(range, (size_t)dash + 1, range.len), &last, err)) {
            return false;
        }
        bool to_sunday = f == &FIELDS[FIELD_WEEKDAY] && last == SUNDAY_AS_ZERO && first > last;
        last = to_sunday ? SUNDAY_AS_LAST : last;
        if (first > last) {
            return error_set(err, ERR_CONFIG, "%s: \"%s\" ends before it begins; write %d-%d,%d-%d",
                             f->name, show(part).text, first, f->last, f->first, last);
        }
    } else {
        if (!parse_value(f, range, &first, err)) {
            return false;
        }
        last = slash >= 0 ? f->last : first;
    }
    for (int i = first; i <= last; i += step) {
        *bits |= UINT64_C(1) << i;
    }
    return true;
}

static bool parse_field(const struct cron_field *f, struct str text, uint64_t *ret,
                        struct error *err)
{
    struct str rest = text;
    struct str part;
    uint64_t bits = 0;
    bool hole = str_ends(text, STR(","));
    while (!hole && str_next(&rest, ',', &part)) {
        hole = part.len == 0;
        if (!hole && !parse_part(f, part, &bits, err)) {
            return false;
        }
    }
    if (hole) {
        return field_error(f, text, "has a comma with nothing beside it", err);
    }
    *ret = bits;
    return true;
}

// The fields, split at blanks; *ret_n may be FIELD_COUNT + 1: there are more.
static void split(struct str text, struct str fields[FIELD_COUNT + 1], size_t *ret_n)
{
    size_t n = 0;
    size_t i = 0;
    while (i < text.len && n <= FIELD_COUNT) {
        size_t begin = i;
        while (i < text.len && text.ptr[i] != ' ' && text.ptr[i] != '\t') {
            i++;
        }
        if (i > begin) {
            fields[n++] = str_sub(text, begin, i - begin);
        }
        i++;
    }
    *ret_n = n;
}

static bool parse_shorthand(struct str text, struct str *ret, struct error *err)
{
    struct nearest nearest = nearest_to(text);
    for (size_t i = 0; i < ARRAY_LEN(SHORTHANDS); i++) {
        if (str_eq_nocase(text, SHORTHANDS[i].name)) {
            *ret = str_from(SHORTHANDS[i].means);
            return true;
        }
        nearest_offer(&nearest, SHORTHANDS[i].name);
    }
    if (nearest.best.len > 0) {
        return error_set(err, ERR_CONFIG, "\"%s\" is not known; did you mean %.*s?",
                         show(text).text, STR_ARG(nearest.best));
    }
    return error_set(err, ERR_CONFIG,
                     "\"%s\" is not known; write @hourly, @daily, @midnight, @weekly, @monthly, "
                     "@yearly or " FORM,
                     show(text).text);
}

// ---- what the fields mean together

static bool day_matches(const struct cron *c, int day, int weekday)
{
    bool by_day = c->days >> day & 1;
    bool by_weekday = c->weekdays >> weekday & 1;
    return c->any_day || c->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

// Whether some month that is meant has a day that is meant. Those of the week come in every month.
static bool ever_comes(const struct cron *c)
{
    static const int DAYS[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool comes = c->any_day || !c->any_weekday;
    for (int m = 1; m <= (int)ARRAY_LEN(DAYS); m++) {
        uint32_t has = (uint32_t)((UINT64_C(1) << (DAYS[m - 1] + 1)) - 1);
        comes = comes || ((c->months >> m & 1) && (c->days & has));
    }
    return comes;
}

bool cron_parse(struct str text, struct cron *ret, struct error *err)
{
    struct str fields[FIELD_COUNT + 1];
    uint64_t bits[FIELD_COUNT];
    size_t n = 0;
    if (text.len > CRON_TEXT_MAX) {
        return error_set(err, ERR_CONFIG, "\"%s\" has %zu bytes; a cron expression has at most %d",
                         show(text).text, text.len, CRON_TEXT_MAX);
    }
    text = str_trim(text);
    if (text.len == 0) {
        return error_set(err, ERR_CONFIG, "a cron expression is empty; write " FORM);
    }
    if (text.ptr[0] == '@' && !parse_shorthand(text, &text, err)) {
        return false;
    }
    split(text, fields, &n);
    if (n != FIELD_COUNT) {
        return error_set(err, ERR_CONFIG,
                         "\"%s\" has %s%zu field%s; a cron expression has 5 (seconds and years are "
                         "not among them): " FORM,
                         show(text).text, n > FIELD_COUNT ? "at least " : "", n, n == 1 ? "" : "s");
    }
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (!parse_field(&FIELDS[i], fields[i], &bits[i], err)) {
            return false;
        }
    }
    uint64_t sunday = bits[FIELD_WEEKDAY] >> SUNDAY_AS_LAST & 1;
    struct cron c = {.minutes = bits[FIELD_MINUTE],
                     .hours = (uint32_t)bits[FIELD_HOUR],
                     .days = (uint32_t)bits[FIELD_DAY],
                     .months = (uint32_t)bits[FIELD_MONTH],
                     .weekdays = (uint32_t)((bits[FIELD_WEEKDAY] | sunday) & 0x7f),
                     .any_day = fields[FIELD_DAY].ptr[0] == '*',
                     .any_weekday = fields[FIELD_WEEKDAY].ptr[0] == '*',
                     .free_minute = fields[FIELD_MINUTE].ptr[0] == '*',
                     .free_hour = fields[FIELD_HOUR].ptr[0] == '*'};
    if (!ever_comes(&c)) {
        return error_set(err, ERR_CONFIG,
                         "day of month: \"%s\" never comes in the months of \"%s\"; choose a day "
                         "that one of them has",
                         show(fields[FIELD_DAY]).text, show(fields[FIELD_MONTH]).text);
    }
    *ret = c;
    return true;
}

// ---- the next tick

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

// The first minute of the day that is meant, from `from` on; -1: none.
static int next_minute(const struct cron *c, int from)
{
    for (int hour = from / 60; hour < 24; hour++) {
        int skip = hour == from / 60 ? from % 60 : 0;
        uint64_t left = c->minutes >> skip;
        if ((c->hours >> hour & 1) && left != 0) {
            return hour * 60 + skip + __builtin_ctzll(left);
        }
    }
    return -1;
}

// By the clock on the wall, as if it never jumped: the first time in [from, limit). Months that are
// not meant are passed over at once; the Gregorian calendar repeats all it can do within 40 years.
static bool wall_next(const struct cron *c, int64_t from_ms, int64_t limit_ms, int64_t *ret_ms)
{
    int64_t minute_of_all = floor_div(from_ms + MINUTE_MS - 1, MINUTE_MS);
    int64_t day = floor_div(minute_of_all, DAY_MS / MINUTE_MS);
    int minute = (int)(minute_of_all - day * (DAY_MS / MINUTE_MS));
    while (day * DAY_MS < limit_ms) {
        int64_t year = 0;
        int month = 0;
        int day_of_month = 0;
        civil_from_days(day, &year, &month, &day_of_month);
        if (!(c->months >> month & 1)) {
            day = days_from_civil(month == 12 ? year + 1 : year, month % 12 + 1, 1);
            minute = 0;
            continue;
        }
        int weekday = (int)(((day + 4) % 7 + 7) % 7); // 1970-01-01 was a Thursday
        int found = day_matches(c, day_of_month, weekday) ? next_minute(c, minute) : -1;
        if (found >= 0) {
            *ret_ms = day * DAY_MS + found * MINUTE_MS;
            return *ret_ms < limit_ms;
        }
        day++;
        minute = 0;
    }
    return false;
}

static bool next_in_span(const struct cron *c, const struct zone_span *s, int64_t after_ms,
                         int64_t *ret_ms)
{
    int64_t wall = 0;
    int64_t skipped_from = s->begin_ms + s->before_ms; // up to begin + offset
    if (s->begin_ms > after_ms && c->hours != ALL_HOURS &&
        wall_next(c, skipped_from, s->begin_ms + s->offset_ms, &wall)) {
        *ret_ms = s->begin_ms;
        return true;
    }
    int64_t from = MAX(after_ms + 1, s->begin_ms) + s->offset_ms;
    if (!c->free_minute && !c->free_hour) {
        from = MAX(from, s->begin_ms + s->before_ms); // what came before the clocks were set back
    }
    if (!wall_next(c, from, s->end_ms + s->offset_ms, &wall)) {
        return false;
    }
    *ret_ms = wall - s->offset_ms;
    return true;
}

bool cron_next(const struct cron *c, struct str zone, int64_t after_ms, int64_t *ret_ms)
{
    assert(c->minutes && c->hours && c->months && c->weekdays && c->days);
    struct zone_span span;
    for (int64_t at = after_ms; zone_span_at(zone, at, &span); at = span.end_ms) {
        if (next_in_span(c, &span, after_ms, ret_ms)) {
            return true;
        }
    }
    return false;
}
