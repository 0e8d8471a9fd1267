#include "sim/text.h"

static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

static inline void two_digits(char *to, unsigned n)
{
    memcpy(to, pairs + 2 * (size_t)n, 2);
}

char *text_uint(char *to, uint64_t n)
{
    char digits[TEXT_UINT_MAX];
    char *at = digits + sizeof(digits);
    while (n >= 100) {
        at -= 2;
        two_digits(at, (unsigned)(n % 100));
        n /= 100;
    }
    if (n >= 10) {
        at -= 2;
        two_digits(at, (unsigned)n);
    } else {
        *--at = (char)('0' + n);
    }
    size_t len = (size_t)(digits + sizeof(digits) - at);
    memcpy(to, at, len);
    return to + len;
}

char *text_int(char *to, int64_t n)
{
    if (n < 0) {
        *to++ = '-';
    }
    return text_uint(to, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

// Civil date from days: years that begin in March, so that the leap day is the last (Neri and
// Schneider's arithmetic).
char *text_date(char *to, int64_t days)
{
    const uint32_t shift_days = 719468 + 146097 * 10; // ten more eras keep everything positive
    uint32_t n = 4 * (uint32_t)(days + shift_days) + 3;
    uint32_t century = n / 146097;
    uint32_t n2 = (n % 146097) | 3;
    uint64_t p2 = UINT64_C(2939745) * n2;
    uint32_t year_of_century = (uint32_t)(p2 >> 32);
    uint32_t day_of_year = (uint32_t)p2 / 2939745 / 4;
    uint32_t n3 = 2141 * day_of_year + 197913;
    uint32_t month = n3 >> 16;
    uint32_t day = (n3 & 0xffff) / 2141 + 1;
    bool next_year = day_of_year >= 306;
    uint32_t year = 100 * century + year_of_century - 4000 + (next_year ? 1 : 0);
    month = next_year ? month - 12 : month;
    assert(year <= 9999);
    two_digits(to, year / 100);
    two_digits(to + 2, year % 100);
    to[4] = '-';
    two_digits(to + 5, month);
    to[7] = '-';
    two_digits(to + 8, day);
    return to + TEXT_DATE_MAX;
}

char *text_iso(char *to, int64_t ms)
{
    int64_t days = ms / 86400000;
    int64_t rest = ms % 86400000;
    if (rest < 0) {
        rest += 86400000;
        days--;
    }
    uint32_t in_day = (uint32_t)rest;
    uint32_t seconds = in_day / 1000;
    uint32_t millis = in_day % 1000;
    to = text_date(to, days);
    to[0] = 'T';
    two_digits(to + 1, seconds / 3600);
    to[3] = ':';
    two_digits(to + 4, seconds / 60 % 60);
    to[6] = ':';
    two_digits(to + 7, seconds % 60);
    to[9] = '.';
    to[10] = (char)('0' + millis / 100);
    two_digits(to + 11, millis % 100);
    to[13] = 'Z';
    return to + 14;
}
