#include "check.h"

#include "core/buf.h"
#include "core/log.h"

// Keeps what is logged.
struct recorder {
    struct virtual_clock clock;
    struct log log;
    struct buf text;
};

static void record(void *user, struct str line)
{
    struct recorder *r = user;
    buf_add(&r->text, line);
}

static void start(struct recorder *r, enum log_level level)
{
    virtual_clock_init(&r->clock, 1788851165004);
    r->log =
        (struct log){.fd = -1, .level = level, .clock = &r->clock.clock, .sink = record, .user = r};
    buf_init(&r->text, 1 << 20);
}

#define TS "ts=2026-09-08T07:06:05.004Z "

static void test_line(void **state)
{
    (void)state;
    struct recorder r;
    start(&r, LOG_INFO);
    log_line(&r.log, LOG_INFO, "page loaded", LOG_C("stream", "contacts"), LOG_I("rows", 100),
             LOG_F("seconds", 1.25), LOG_S("cursor", STR("")));
    log_line(&r.log, LOG_WARN, "plain");
    assert_string_equal(buf_cstr(&r.text),
                        TS "level=info msg=\"page loaded\" stream=contacts "
                           "rows=100 seconds=1.25 cursor=\"\"\n" TS "level=warn msg=plain\n");
    buf_done(&r.text);
}

static void test_levels(void **state)
{
    (void)state;
    struct recorder r;
    start(&r, LOG_WARN);
    log_line(&r.log, LOG_DEBUG, "no");
    log_line(&r.log, LOG_INFO, "no");
    assert_int_equal(r.text.len, 0);
    log_line(&r.log, LOG_WARN, "yes");
    log_line(&r.log, LOG_ERROR, "yes");
    assert_int_equal(r.text.len, 2 * strlen(TS) + strlen("level=warn msg=yes\n") +
                                     strlen("level=error msg=yes\n"));
    r.log.level = LOG_OFF;
    buf_reset(&r.text);
    log_line(&r.log, LOG_ERROR, "no");
    assert_int_equal(r.text.len, 0);
    log_line(NULL, LOG_ERROR, "nowhere");
    enum log_level level = LOG_OFF;
    assert_true(log_level_parse(STR("Debug"), &level) && level == LOG_DEBUG);
    assert_true(log_level_parse(STR("off"), &level) && level == LOG_OFF);
    assert_false(log_level_parse(STR("verbose"), &level) || log_level_parse(STR(""), &level));
    buf_done(&r.text);
}

static void test_quoting(void **state)
{
    (void)state;
    static const struct {
        struct str value;
        const char *want;
    } ROWS[] = {
        {STR_INIT("plain-1.5/x:y"), "plain-1.5/x:y"},
        {STR_INIT(""), "\"\""},
        {STR_INIT("two words"), "\"two words\""},
        {STR_INIT("a=b"), "\"a=b\""},
        {STR_INIT("say \"hi\""), "\"say \\\"hi\\\"\""},
        {STR_INIT("back\\slash"), "\"back\\\\slash\""},
        {STR_INIT("line\nbreak\r\ttab"), "\"line\\nbreak\\r\\ttab\""},
        {STR_INIT("nul\0byte"), "\"nul\\u0000byte\""},
        {STR_INIT("\x1b[31mred"), "\"\\u001b[31mred\""}, // no control sequence reaches a terminal
        {STR_INIT("\x7f"), "\"\\u007f\""},
        {STR_INIT("M\xc3\xbcnchen"), "\"M\xc3\xbcnchen\""},
    };
    struct recorder r;
    start(&r, LOG_INFO);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        buf_reset(&r.text);
        log_line(&r.log, LOG_INFO, "m", LOG_S("v", ROWS[i].value));
        char want[200];
        snprintf(want, sizeof(want), TS "level=info msg=m v=%s\n", ROWS[i].want);
        check_str(buf_str(&r.text), want);
    }
    buf_done(&r.text);
}

static void test_json(void **state)
{
    (void)state;
    static const struct {
        struct str value;
        const char *want;
    } ROWS[] = {
        {STR_INIT("plain"), "plain"},
        {STR_INIT("a \"b\" \\ \n\x1b"), "a \\\"b\\\" \\\\ \\u000a\\u001b"},
        {STR_INIT("M\xc3\xbcnchen \xe2\x82\xac \xf0\x9f\x98\x80"),
         "M\xc3\xbcnchen \xe2\x82\xac \xf0\x9f\x98\x80"},
        {STR_INIT("nul\0"), "nul\\u0000"},
        {STR_INIT("\xff|"), "\\ufffd|"},
        {STR_INIT("\xc0\xaf"), "\\ufffd\\ufffd"},            // not the shortest form
        {STR_INIT("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd"}, // a surrogate
        {STR_INIT("\xe2\x82"), "\\ufffd\\ufffd"},            // cut
    };
    struct recorder r;
    start(&r, LOG_INFO);
    r.log.format = LOG_JSON;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        buf_reset(&r.text);
        log_line(&r.log, LOG_INFO, "m", LOG_S("v", ROWS[i].value), LOG_I("n", -3),
                 LOG_C("api_key", "hidden"), LOG_F("seconds", 0.5));
        char want[300];
        snprintf(want, sizeof(want),
                 "{\"ts\":\"2026-09-08T07:06:05.004Z\",\"level\":\"info\",\"msg\":\"m\","
                 "\"v\":\"%s\",\"n\":-3,\"api_key\":\"***\",\"seconds\":0.5}\n",
                 ROWS[i].want);
        check_str(buf_str(&r.text), want);
    }
    buf_done(&r.text);
}

// However much there is to log, a line of JSON is one object.
static void test_json_is_whole(void **state)
{
    (void)state;
    struct recorder r;
    struct log_field fields[100];
    char text[5000];
    memset(text, '"', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        fields[i] = LOG_C("v", text);
    }
    start(&r, LOG_INFO);
    r.log.format = LOG_JSON;
    log_write(&r.log, LOG_INFO, "m", fields, ARRAY_LEN(fields));
    assert_true(r.text.len > 100000 && r.text.len <= 256 * 1024);
    assert_true(str_ends(buf_str(&r.text), STR("\\\"...\"}\n")));
    buf_done(&r.text);
}

static void test_redaction(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        bool secret;
    } ROWS[] = {
        {"token", true},       {"access_token", true},  {"refreshToken", true},
        {"TOKEN", true},       {"client_secret", true}, {"password", true},
        {"db_password", true}, {"Authorization", true}, {"key", true},
        {"api_key", true},     {"apiKey", true},        {"APIKEY", true},
        {"x-api-key", true},   {"keys", true},          {"Key2", true},
        {"HTTPKey", true},     {"credentials", true},   {"stream", false},
        {"monkey", false},     {"keyboard", false},     {"rows", false},
        {"tok", false},        {"hockeyTeam", false},   {"k", false},
        {"", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        check_row(log_key_is_secret(str_from(ROWS[i].key)) == ROWS[i].secret, ROWS[i].key);
    }
    struct recorder r;
    start(&r, LOG_DEBUG);
    log_line(&r.log, LOG_DEBUG, "m", LOG_C("access_token", "pat-na1-hidden"),
             LOG_I("api_key", 123456), LOG_F("secret", 1.5), LOG_C("stream", "contacts"));
    check_str(buf_str(&r.text),
              TS "level=debug msg=m access_token=*** api_key=*** secret=*** stream=contacts\n");
    buf_done(&r.text);
}

static void test_long_values(void **state)
{
    (void)state;
    struct recorder r;
    start(&r, LOG_INFO);
    char text[10001];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_line(&r.log, LOG_INFO, "m", LOG_C("v", text), LOG_C("after", "seen"));
    check_contains(buf_cstr(&r.text), "xxx... after=seen\n");
    assert_true(r.text.len < 4200);
    // Cut between characters: 4096 bytes end within one of these.
    for (size_t i = 0; i + 2 < sizeof(text); i += 3) {
        memcpy(text + i, "\xe2\x82\xac", 3);
    }
    buf_reset(&r.text);
    log_line(&r.log, LOG_INFO, "m", LOG_C("v", text));
    check_contains(buf_cstr(&r.text), "\xe2\x82\xac\"...\n");
    buf_done(&r.text);
}

static void test_many_fields(void **state)
{
    (void)state;
    struct recorder r;
    start(&r, LOG_INFO);
    char text[4097];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct log_field fields[100];
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        fields[i] = LOG_C("v", text);
    }
    log_write(&r.log, LOG_INFO, "m", fields, ARRAY_LEN(fields));
    assert_true(r.text.len <= 256 * 1024);
    assert_true(r.text.len > 250 * 1024);
    assert_int_equal(r.text.ptr[r.text.len - 1], '\n');
    assert_memory_equal(r.text.ptr + r.text.len - 4, "xxx", 3);
    buf_done(&r.text);
}

static void test_file(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct virtual_clock v;
    virtual_clock_init(&v, 0);
    struct log log = {.fd = fds[1], .level = LOG_INFO, .clock = &v.clock};
    log_line(&log, LOG_INFO, "hello");
    char text[200] = {0};
    ssize_t n = read(fds[0], text, sizeof(text) - 1);
    assert_true(n > 0);
    assert_string_equal(text, "ts=1970-01-01T00:00:00.000Z level=info msg=hello\n");
    close(fds[0]);
    close(fds[1]);
    log_line(&log, LOG_INFO, "a closed file is no reason to stop");
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_line),          cmocka_unit_test(test_levels),
        cmocka_unit_test(test_quoting),       cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_is_whole), cmocka_unit_test(test_redaction),
        cmocka_unit_test(test_long_values),   cmocka_unit_test(test_many_fields),
        cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
