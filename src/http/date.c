#include "http/date.h"

#include "core/timestamp.h"

// The fields of a date in the order in which the three forms write them.
struct parts {
    int day, month, year, hour, minute, second;
};

static bool take(struct str *s, struct str word)
{
    if (!str_starts(*s, word)) {
        return false;
    }
    *s = str_sub(*s, word.len, s->len);
    return true;
}

// `n` digits; the first may be a space when `padded`.
static bool take_number(struct str *s, size_t n, bool padded, int *ret)
{
    if (s->len < n) {
        return false;
    }
    int value = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s->ptr[i];
        if (i == 0 && padded && c == ' ') {
            continue;
        }
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *s = str_sub(*s, n, s->len);
    *ret = value;
    return true;
}

static bool take_month(struct str *s, int *ret)
{
    static const struct str MONTHS = STR_INIT("JanFebMarAprMayJunJulAugSepOctNovDec");
    struct str name = str_sub(*s, 0, 3);
    ptrdiff_t at = name.len == 3 ? str_find(MONTHS, name) : -1;
    if (at < 0 || at % 3 != 0) {
        return false;
    }
    *ret = (int)(at / 3) + 1;
    *s = str_sub(*s, 3, s->len);
    return true;
}

static bool take_time(struct str *s, struct parts *p)
{
    return take_number(s, 2, false, &p->hour) && take(s, STR(":")) &&
           take_number(s, 2, false, &p->minute) && take(s, STR(":")) &&
           take_number(s, 2, false, &p->second);
}

// "06 Nov 1994 08:49:37 GMT"
static bool imf(struct str s, struct parts *p)
{
    return take_number(&s, 2, false, &p->day) && take(&s, STR(" ")) && take_month(&s, &p->month) &&
           take(&s, STR(" ")) && take_number(&s, 4, false, &p->year) && take(&s, STR(" ")) &&
           take_time(&s, p) && str_eq(s, STR(" GMT"));
}

// "06-Nov-94 08:49:37 GMT"
static bool rfc850(struct str s, struct parts *p)
{
    bool ok = take_number(&s, 2, false, &p->day) && take(&s, STR("-")) &&
              take_month(&s, &p->month) && take(&s, STR("-")) &&
              take_number(&s, 2, false, &p->year) && take(&s, STR(" ")) && take_time(&s, p) &&
              str_eq(s, STR(" GMT"));
    p->year += p->year < 70 ? 2000 : 1900;
    return ok;
}

// "Nov  6 08:49:37 1994"
static bool asctime_form(struct str s, struct parts *p)
{
    return take_month(&s, &p->month) && take(&s, STR(" ")) && take_number(&s, 2, true, &p->day) &&
           take(&s, STR(" ")) && take_time(&s, p) && take(&s, STR(" ")) &&
           take_number(&s, 4, false, &p->year) && s.len == 0;
}

bool http_date_parse(struct str s, int64_t *ret_ms)
{
    struct parts p = {0};
    s = str_trim(s);
    ptrdiff_t space = str_find_char(s, ' ');
    if (space < 3) { // the name of the day, with or without a comma
        return false;
    }
    struct str rest = str_sub(s, (size_t)space + 1, s.len);
    if (!imf(rest, &p) && !rfc850(rest, &p) && !asctime_form(rest, &p)) {
        return false;
    }
    if (p.year < 1 || p.month < 1 || p.hour > 23 || p.minute > 59 || p.second > 60) {
        return false;
    }
    int64_t year = 0;
    int month = 0;
    int day = 0;
    int64_t days = days_from_civil(p.year, p.month, p.day);
    civil_from_days(days, &year, &month, &day);
    if (p.day < 1 || day != p.day || month != p.month) { // 31 February
        return false;
    }
    *ret_ms = (((days * 24 + p.hour) * 60 + p.minute) * 60 + p.second) * 1000;
    return true;
}
