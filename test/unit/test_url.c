#include "check.h"

#include "http/url.h"

static void test_encoding(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *want;
    } ROWS[] = {
        {STR_INIT(""), ""},
        {STR_INIT("azAZ09-._~"), "azAZ09-._~"},
        {STR_INIT("a b+c"), "a%20b%2Bc"},
        {STR_INIT("/?#[]@!$&'()*,;=:%"), "%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2C%3B%3D%3A%25"},
        {STR_INIT("\r\n\t\0\x7f"), "%0D%0A%09%00%7F"},
        {STR_INIT("\xc3\xa9\xf0\x9f\x98\x80"), "%C3%A9%F0%9F%98%80"},
        {STR_INIT("../..\\"), "..%2F..%5C"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct buf out;
        buf_init(&out, 1024);
        assert_true(url_add_encoded(&out, ROWS[i].text));
        check_str(buf_str(&out), ROWS[i].want);
        buf_done(&out);
    }
}

static void test_query(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1024);
    buf_add_cstr(&out, "https://host/path");
    assert_true(url_add_query(&out, STR("limit"), STR("100")));
    assert_true(url_add_query(&out, STR("na me"), STR("a&b=c?d")));
    assert_true(url_add_query(&out, STR("none"), STR("")));
    check_str(buf_str(&out), "https://host/path?limit=100&na%20me=a%26b%3Dc%3Fd&none=");
    buf_done(&out);
}

// Past the maximum nothing half is passed off as whole.
static void test_overflow(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 8);
    assert_true(url_add_encoded(&out, STR("12345678")));
    assert_false(url_add_encoded(&out, STR("9")));
    buf_reset(&out);
    assert_false(url_add_encoded(&out, STR("\xff\xff\xff")));
    buf_reset(&out);
    assert_false(url_add_query(&out, STR("name"), STR("value")));
    buf_done(&out);
}

static void test_base_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *url, *want;
    } ROWS[] = {
        {"https://api.hubapi.com", "https://api.hubapi.com"},
        {"https://api.hubapi.com/", "https://api.hubapi.com"},
        {"https://api.hubapi.com///", "https://api.hubapi.com"},
        {"https://gate.example:8443/hub/spot/", "https://gate.example:8443/hub/spot"},
        {"https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"},
        {"http://localhost", "http://localhost"},
        {"http://LocalHost:1234/", "http://LocalHost:1234"},
        {"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
        {"http://127.8.9.10/x", "http://127.8.9.10/x"},
        {"http://[::1]", "http://[::1]"},
        {"http://[::1]:80/x/", "http://[::1]:80/x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct str got = {NULL, 0};
        struct error err = {0};
        check_row(url_check_base(str_from(ROWS[i].url), &got, &err), ROWS[i].url);
        check_str(got, ROWS[i].want);
    }
}

static void test_base_refused(void **state)
{
    (void)state;
    static const struct {
        struct str url;
        const char *says;
    } ROWS[] = {
        {STR_INIT(""), "https://"},
        {STR_INIT("api.hubapi.com"), "must start with https://"},
        {STR_INIT("ftp://api.hubapi.com"), "must start with https://"},
        {STR_INIT("https:/api.hubapi.com"), "must start with https://"},
        {STR_INIT("file:///etc/passwd"), "must start with https://"},
        {STR_INIT("https://"), "no host"},
        {STR_INIT("https:///path"), "no host"},
        {STR_INIT("https://:443"), "no host"},
        {STR_INIT("https://host:"), "a port from 1 to 65535"},
        {STR_INIT("https://host:0/x"), "a port from 1 to 65535"},
        {STR_INIT("https://host:65536"), "a port from 1 to 65535"},
        {STR_INIT("https://host:-1"), "a port from 1 to 65535"},
        {STR_INIT("https://host:https"), "a port from 1 to 65535"},
        {STR_INIT("https://host:1:2"), "a port from 1 to 65535"},
        {STR_INIT("https://host:99999999999999999999"), "a port from 1 to 65535"},
        {STR_INIT("https://[::1]8080"), "a port from 1 to 65535"},
        {STR_INIT("https://[::1/x]"), "is not closed"},
        {STR_INIT("https://host?hapikey=1"), "scheme, host, port and path only"},
        {STR_INIT("https://host/#part"), "scheme, host, port and path only"},
        {STR_INIT("https://good.example@evil.example"), "scheme, host, port and path only"},
        {STR_INIT("https://good.example\\@evil.example"), "scheme, host, port and path only"},
        {STR_INIT("https://ho st"), "scheme, host, port and path only"},
        {STR_INIT("https://host/\r\nX-Header: 1"), "scheme, host, port and path only"},
        {STR_INIT("https://host/\0"), "scheme, host, port and path only"},
        {STR_INIT("https://host/\x7f"), "scheme, host, port and path only"},
        {STR_INIT("http://api.hubapi.com"), "use https"},
        {STR_INIT("http://localhost.evil.example"), "use https"},
        {STR_INIT("http://localhostt"), "use https"},
        {STR_INIT("http://127.evil.example"), "use https"},
        {STR_INIT("http://127.0.0.1.evil.example:80"), "use https"},
        {STR_INIT("http://128.0.0.1"), "use https"},
        {STR_INIT("http://1127.0.0.1"), "use https"},
        {STR_INIT("http://1270.0.0.1"), "use https"},
        {STR_INIT("http://0.0.0.0"), "use https"},
        {STR_INIT("http://[::2]"), "use https"},
        {STR_INIT("http://[::1].evil.example"), "a port from 1 to 65535"},
        {STR_INIT("http://[::1"), "is not closed"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct str got = STR("untouched");
        struct error err = {0};
        check_row(!url_check_base(ROWS[i].url, &got, &err), ROWS[i].url.ptr);
        assert_int_equal(err.code, ERR_CONFIG);
        check_contains(err.message, ROWS[i].says);
        check_str(got, "untouched");
    }
}

// What is refused may hold a password or a key, or bytes that a terminal would obey.
static void test_refusals_are_safe_to_show(void **state)
{
    (void)state;
    static const struct {
        const char *url, *hidden;
    } ROWS[] = {
        {"https://me:hunter2@host", "hunter2"},
        {"http://me:hunter2@host", "hunter2"},
        {"ftp://me:hunter2@host", "hunter2"},
        {"me:hunter2@host", "hunter2"},
        {"https://host/?hapikey=hunter2", "hunter2"},
        {"https://host/\033[2J", "\033"},
        {"\033]0;title\a", "\033"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct str got;
        struct error err = {0};
        check_row(!url_check_base(str_from(ROWS[i].url), &got, &err), ROWS[i].url);
        check_row(!strstr(err.message, ROWS[i].hidden), ROWS[i].url);
    }
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_encoding),     cmocka_unit_test(test_query),
        cmocka_unit_test(test_overflow),     cmocka_unit_test(test_base_accepted),
        cmocka_unit_test(test_base_refused), cmocka_unit_test(test_refusals_are_safe_to_show),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
