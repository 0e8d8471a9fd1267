#include "check.h"

#include "http/date.h"

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want_ms;
    } ROWS[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777000},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777000},
        {"Sun Nov  6 08:49:37 1994", 784111777000},
        {"Sun Nov 16 08:49:37 1994", 784975777000},
        {"  Thu, 01 Jan 1970 00:00:00 GMT\t", 0},
        {"Thu, 31 Dec 1969 23:59:59 GMT", -1000},
        {"Thu, 29 Feb 2024 00:00:00 GMT", 1709164800000},
        {"Monday, 01-Jan-69 00:00:00 GMT", 3124224000000},
        {"Thursday, 01-Jan-70 00:00:00 GMT", 0},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800000}, // a leap second
        {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799000},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        int64_t ms = 7;
        check_row(http_date_parse(str_from(ROWS[i].text), &ms), ROWS[i].text);
        check_row(ms == ROWS[i].want_ms, ROWS[i].text);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const ROWS[] = {
        "",
        " ",
        "120",
        "Sun",
        "Sun, ",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT x",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 anF 1994 08:49:37 GMT",
        "Sun, 31 Feb 2024 08:49:37 GMT",
        "Sun, 29 Feb 2023 08:49:37 GMT",
        "Sun, 00 Feb 2023 08:49:37 GMT",
        "Sun, 32 Jan 2023 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08-49-37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov 6 08:49:37 1994",
        "2026-10-21T07:28:00Z",
        "Wed, 21 Oct",
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        int64_t ms = 7;
        check_row(!http_date_parse(str_from(ROWS[i]), &ms), ROWS[i]);
        check_row(ms == 7, ROWS[i]);
    }
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
