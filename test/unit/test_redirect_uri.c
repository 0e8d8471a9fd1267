// Where a browser may be sent after authorizing, and where it may not.
#include "check.h"

#include "api/redirect_uri.h"

static void test_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *host, *origin;
    } ROWS[] = {
        {"https://app.example.com/connected", "app.example.com", "https://app.example.com"},
        {"https://app.example.com", "app.example.com", "https://app.example.com"},
        {"https://a-b.c1/%41/x;y=1,2:@!$&'()*+", "a-b.c1", "https://a-b.c1"},
        {"https://192.0.2.7/x", "192.0.2.7", "https://192.0.2.7"},
        {"http://localhost/cb", "localhost", "http://localhost"},
        {"http://localhost:3000/cb", "localhost:3000", "http://localhost:3000"},
        {"https://localhost:65535/", "localhost:65535", "https://localhost:65535"},
        {"http://127.0.0.1:1/", "127.0.0.1:1", "http://127.0.0.1:1"},
        {"http://[::1]:8080/cb", "[::1]:8080", "http://[::1]:8080"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct error err = {0};
        struct str uri = str_from(ROWS[i].uri);
        check_row(redirect_uri_check(uri, &err), ROWS[i].uri);
        check_str(redirect_uri_host(uri), ROWS[i].host);
        check_str(redirect_uri_origin(uri), ROWS[i].origin);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        struct str uri;
        const char *rule;
    } ROWS[] = {
        {STR_INIT(""), "begin with https://"},
        {STR_INIT("app.example.com/x"), "begin with https://"},
        {STR_INIT("//app.example.com"), "begin with https://"},
        {STR_INIT("javascript:alert(1)"), "begin with https://"},
        {STR_INIT("HTTPS://app.example.com"), "begin with https://"},
        {STR_INIT(" https://app.example.com"), "begin with https://"},
        {STR_INIT("http://app.example.com/"), "for localhost only"},
        {STR_INIT("http://localhost.example.com/"), "for localhost only"},
        {STR_INIT("http://127.0.0.1.example.com/"), "for localhost only"},
        {STR_INIT("http://[::2]/"), "for localhost only"},
        {STR_INIT("https://app.example.com:443/"), "no port"},
        {STR_INIT("https://app.example.com:/"), "no port"},
        {STR_INIT("http://localhost:0/"), "1 to 65535"},
        {STR_INIT("http://localhost:65536/"), "1 to 65535"},
        {STR_INIT("http://localhost:/"), "1 to 65535"},
        {STR_INIT("http://localhost:80x/"), "1 to 65535"},
        {STR_INIT("https://app.example.com/?a=1"), "no query"},
        {STR_INIT("https://app.example.com?"), "no query"},
        {STR_INIT("https://app.example.com/#x"), "no fragment"},
        {STR_INIT("https://trusted.example@evil.example/"), "no user name"},
        {STR_INIT("https://localhost:3000@evil.example/"), "no user name"},
        {STR_INIT("https:///x"), "name a host"},
        {STR_INIT("https://"), "name a host"},
        {STR_INIT("https://-a.example/"), "name a host"},
        {STR_INIT("https://a-.example/"), "name a host"},
        {STR_INIT("https://a..example/"), "name a host"},
        {STR_INIT("https://a.example./"), "name a host"},
        {STR_INIT("https://a.example\\b/"), "name a host"},
        {STR_INIT("https://[2001:db8::1]/"), "no port"},
        {STR_INIT("https://b\xc3\xbc"
                  "cher.example/"),
         "name a host"},
        {STR_INIT("https://a.example/\\evil.example"), "only characters"},
        {STR_INIT("https://a.example/a b"), "only characters"},
        {STR_INIT("https://a.example/\r\nSet-Cookie: x=1"), "only characters"},
        {STR_INIT("https://a.example/\0x"), "only characters"},
        {STR_INIT("https://a.example/\""), "only characters"},
        {STR_INIT("https://a.example/<"), "only characters"},
        {STR_INIT("https://a.example/%"), "only characters"},
        {STR_INIT("https://a.example/%4"), "only characters"},
        {STR_INIT("https://a.example/%zz"), "only characters"},
        {STR_INIT("https://a.example/\xc3\xa9"), "only characters"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct error err = {0};
        check_row(!redirect_uri_check(ROWS[i].uri, &err), ROWS[i].uri.ptr);
        assert_int_equal(err.code, ERR_CONFIG);
        check_contains(err.message, "redirect_uri");
        check_contains(err.message, ROWS[i].rule);
    }
}

static void test_length(void **state)
{
    (void)state;
    char text[REDIRECT_URI_MAX + 2] = "https://a.example/";
    size_t n = strlen(text);
    struct error err = {0};
    memset(text + n, 'a', sizeof text - n);
    assert_true(redirect_uri_check((struct str){text, REDIRECT_URI_MAX}, &err));
    assert_false(redirect_uri_check((struct str){text, REDIRECT_URI_MAX + 1}, &err));
    check_contains(err.message, "at most");
}

static void test_passwords_are_not_shown(void **state)
{
    (void)state;
    struct error err = {0};
    assert_false(redirect_uri_check(STR("https://me:hunter2secret@a.example/"), &err));
    assert_null(strstr(err.message, "hunter2"));
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_passwords_are_not_shown),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
