#include "check.h"

static void test_table(void **state)
{
    (void)state;
    for (int code = 0; code < ERR_COUNT; code++) {
        const struct error_info *info = error_info((enum error_code)code);
        assert_true(info->name[0] >= 'A' && info->name[0] <= 'Z');
        assert_non_null(info->hint);
        assert_in_range(info->http_status, 200, 599);
        assert_in_range(info->exit_code, 0, 8);
        // What is delayed will work later by itself.
        check_row(!info->delays || info->retryable, info->name);
        check_row(info->delays == (info->exit_code == 8), info->name);
        // Only success looks like success.
        check_row((info->exit_code == 0) == (code == ERR_OK), info->name);
        check_row((info->http_status < 400) == (code == ERR_OK), info->name);
        for (int other = 0; other < code; other++) {
            assert_string_not_equal(info->name, error_info((enum error_code)other)->name);
        }
    }
    assert_string_equal(error_info(ERR_RATE_LIMITED)->name, "RATE_LIMITED");
    assert_true(error_info(ERR_RATE_LIMITED)->retryable);
    assert_false(error_info(ERR_CREDENTIALS)->retryable);
    assert_int_equal(error_info(ERR_INTERRUPTED)->exit_code, 7);
}

static void test_set(void **state)
{
    (void)state;
    struct error err = {.retry_after_ms = 99};
    assert_false(error_set(&err, ERR_CONFIG, "--%s: %d is not %s", "share", 7, "between 0 and 1"));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_int_equal(err.retry_after_ms, 0);
    assert_string_equal(err.message, "--share: 7 is not between 0 and 1");
    // The message may be an argument of its own replacement.
    error_set(&err, ERR_LIMIT, "again: %s", err.message);
    assert_string_equal(err.message, "again: --share: 7 is not between 0 and 1");
}

static void test_context(void **state)
{
    (void)state;
    struct error err;
    error_set(&err, ERR_CONNECT, "refused");
    err.retry_after_ms = 1500;
    assert_false(error_context(&err, "page %d", 3));
    assert_false(error_context(&err, "stream %s", "contacts"));
    assert_string_equal(err.message, "stream contacts: page 3: refused");
    assert_int_equal(err.code, ERR_CONNECT);
    assert_int_equal(err.retry_after_ms, 1500);
}

static void test_long_messages(void **state)
{
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct error err;
    error_set(&err, ERR_INTERNAL, "%s", text);
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX - 1);
    error_set(&err, ERR_INTERNAL, "the cause");
    error_context(&err, "%s", text);
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX / 2 + strlen(": the cause"));
    check_contains(err.message, "x: the cause"); // what is explained is not pushed out
    error_set(&err, ERR_INTERNAL, "%s", text);
    error_context(&err, "where");
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX - 1);
    check_contains(err.message, "where: xxx");
}

// A message is cut between characters, wherever the cut falls.
static void test_cut_utf8(void **state)
{
    (void)state;
    static const char *const CHARACTERS[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < ARRAY_LEN(CHARACTERS); i++) {
        size_t width = strlen(CHARACTERS[i]);
        for (size_t shift = 0; shift < 4; shift++) {
            char text[ERROR_MESSAGE_MAX + 32] = {0};
            memset(text, 'a', shift);
            for (size_t at = shift; at < ERROR_MESSAGE_MAX + 16; at += width) {
                memcpy(text + at, CHARACTERS[i], width);
            }
            struct error err;
            error_set(&err, ERR_INTERNAL, "%s", text);
            size_t len = strlen(err.message);
            assert_int_equal((len - shift) % width, 0);
            assert_true(len + width >= ERROR_MESSAGE_MAX);
        }
    }
}

static void set_ok(void)
{
    struct error err;
    error_set(&err, ERR_OK, "nothing");
}

static void context_without_error(void)
{
    struct error err = {0};
    error_context(&err, "nothing");
}

static void test_misuse(void **state)
{
    (void)state;
    check_aborts(set_ok);
    check_aborts(context_without_error);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_table),    cmocka_unit_test(test_set),
        cmocka_unit_test(test_context),  cmocka_unit_test(test_long_messages),
        cmocka_unit_test(test_cut_utf8), cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
