#include "core/timestamp.h"

enum { MS_PER_SECOND = 1000, MS_PER_MINUTE = 60000, MS_PER_DAY = 86400000 };

static const int64_t DAY_MIN = -719162; // 0001-01-01
static const int64_t DAY_MAX = 2932896; // 9999-12-31

// Both directions count from 0000-03-01, so that the leap day is the last day of a year, in eras of
// 400 years.
enum { DAYS_PER_ERA = 146097, DAYS_TO_EPOCH = 719468 };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

void civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    days += DAYS_TO_EPOCH;
    int64_t era = floor_div(days, DAYS_PER_ERA);
    int64_t day_of_era = days - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153; // months since March
    *ret_day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *ret_month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

static char *put_digits(char *at, int64_t n, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + n % 10);
        n /= 10;
    }
    return at + width;
}

static char *put_date(char *at, int64_t days)
{
    int64_t year;
    int month;
    int day;
    civil_from_days(days, &year, &month, &day);
    at = put_digits(at, year, 4);
    *at++ = '-';
    at = put_digits(at, month, 2);
    *at++ = '-';
    return put_digits(at, day, 2);
}

bool date_format(int64_t days, char out[TIMESTAMP_TEXT_MAX])
{
    if (days < DAY_MIN || days > DAY_MAX) {
        return false;
    }
    *put_date(out, days) = '\0';
    return true;
}

bool timestamp_format(int64_t ms, char out[TIMESTAMP_TEXT_MAX])
{
    int64_t days = floor_div(ms, MS_PER_DAY);
    if (days < DAY_MIN || days > DAY_MAX) {
        return false;
    }
    int64_t rest = ms - days * MS_PER_DAY;
    char *at = put_date(out, days);
    *at++ = 'T';
    at = put_digits(at, rest / (60 * MS_PER_MINUTE), 2);
    *at++ = ':';
    at = put_digits(at, rest / MS_PER_MINUTE % 60, 2);
    *at++ = ':';
    at = put_digits(at, rest / MS_PER_SECOND % 60, 2);
    *at++ = '.';
    at = put_digits(at, rest % MS_PER_SECOND, 3);
    *at++ = 'Z';
    *at = '\0';
    return true;
}

// Takes exactly n digits off the front.
static bool take_digits(struct str *s, int n, int *ret)
{
    if (s->len < (size_t)n) {
        return false;
    }
    int value = 0;
    for (int i = 0; i < n; i++) {
        if (s->ptr[i] < '0' || s->ptr[i] > '9') {
            return false;
        }
        value = value * 10 + (s->ptr[i] - '0');
    }
    *s = str_sub(*s, (size_t)n, SIZE_MAX);
    *ret = value;
    return true;
}

static bool take_char(struct str *s, const char *any_of)
{
    if (s->len == 0 || !s->ptr[0] || !strchr(any_of, s->ptr[0])) {
        return false;
    }
    *s = str_sub(*s, 1, SIZE_MAX);
    return true;
}

static bool take_date(struct str *s, int64_t *ret_days)
{
    int year;
    int month;
    int day;
    if (!take_digits(s, 4, &year) || !take_char(s, "-") || !take_digits(s, 2, &month) ||
        !take_char(s, "-") || !take_digits(s, 2, &day)) {
        return false;
    }
    static const int LENGTH[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1 || month < 1 || month > 12 || day < 1) {
        return false;
    }
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day > LENGTH[month - 1] + (month == 2 && leap)) {
        return false;
    }
    *ret_days = days_from_civil(year, month, day);
    return true;
}

// ".fff...": any number of digits, cut to three.
static bool take_fraction(struct str *s, int *ret_ms)
{
    int ms = 0;
    int digits = 0;
    while (s->len > 0 && s->ptr[0] >= '0' && s->ptr[0] <= '9') {
        if (digits < 3) {
            ms = ms * 10 + (s->ptr[0] - '0');
        }
        digits++;
        *s = str_sub(*s, 1, SIZE_MAX);
    }
    *ret_ms = digits == 1 ? ms * 100 : digits == 2 ? ms * 10 : ms;
    return digits > 0;
}

// "HH:MM[:SS[.fff]]"
static bool take_time(struct str *s, int64_t *ret_ms)
{
    int hour;
    int minute;
    int second = 0;
    int ms = 0;
    if (!take_digits(s, 2, &hour) || !take_char(s, ":") || !take_digits(s, 2, &minute)) {
        return false;
    }
    if (take_char(s, ":")) {
        if (!take_digits(s, 2, &second) || (take_char(s, ".") && !take_fraction(s, &ms))) {
            return false;
        }
    }
    if (hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    *ret_ms = ((int64_t)hour * 60 + minute) * MS_PER_MINUTE + second * MS_PER_SECOND + ms;
    return true;
}

// "Z", "+hh:mm", "+hhmm", "+hh" or nothing.
static bool take_offset(struct str *s, int64_t *ret_ms)
{
    *ret_ms = 0;
    if (s->len == 0 || take_char(s, "Zz")) {
        return true;
    }
    int sign = s->ptr[0] == '-' ? -1 : 1;
    int hour;
    int minute = 0;
    if (!take_char(s, "+-") || !take_digits(s, 2, &hour)) {
        return false;
    }
    bool colon = take_char(s, ":");
    if ((colon || s->len > 0) && !take_digits(s, 2, &minute)) {
        return false;
    }
    if (hour > 23 || minute > 59) {
        return false;
    }
    *ret_ms = sign * (hour * 60 + minute) * (int64_t)MS_PER_MINUTE;
    return true;
}

bool timestamp_parse(struct str s, int64_t *ret_ms)
{
    int64_t days;
    int64_t time = 0;
    int64_t offset = 0;
    if (!take_date(&s, &days)) {
        return false;
    }
    if (s.len > 0 &&
        (!take_char(&s, "Tt ") || !take_time(&s, &time) || !take_offset(&s, &offset))) {
        return false;
    }
    int64_t ms = days * MS_PER_DAY + time - offset;
    // An offset may push the instant out of the years that can be written.
    if (s.len > 0 || ms < DAY_MIN * MS_PER_DAY || ms >= (DAY_MAX + 1) * MS_PER_DAY) {
        return false;
    }
    *ret_ms = ms;
    return true;
}

bool date_parse(struct str s, int64_t *ret_days)
{
    int64_t days;
    if (!take_date(&s, &days) || s.len > 0) {
        return false;
    }
    *ret_days = days;
    return true;
}
