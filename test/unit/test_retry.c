#include "check.h"

#include "core/limits.h"
#include "hubspot/errors.h"
#include "hubspot/retry.h"

enum { NOT = -1 };

static int64_t decide(const struct retry_case *facts, double jitter)
{
    struct retry_decision d = retry_decide(facts, jitter);
    assert_true(d.verdict == RETRY_AGAIN ? d.delay_ms >= 0 : d.delay_ms == 0);
    return d.verdict == RETRY_AGAIN ? d.delay_ms : NOT;
}

// First delays by status, of a read and without jitter.
static void test_statuses(void **state)
{
    (void)state;
    static const struct {
        int status;
        int first_ms; // NOT: not repeated
    } ROWS[] = {
        {400, NOT},  {401, NOT},  {402, NOT},  {403, NOT},   {404, NOT},  {405, NOT},
        {409, NOT},  {413, NOT},  {414, NOT},  {415, NOT},   {422, NOT},  {451, NOT},
        {530, NOT},  {429, 0},    {423, 2000}, {477, 10000}, {500, 500},  {501, 1000},
        {502, 2000}, {503, 2000}, {504, 2000}, {520, 2000},  {521, 2000}, {522, 2000},
        {523, 2000}, {524, 2000}, {525, 2000}, {526, 2000},  {599, 1000},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct retry_case facts = {.status = ROWS[i].status,
                                   .code = hubspot_status_code(ROWS[i].status),
                                   .repeat = REPEAT_READ,
                                   .tries = 1,
                                   .sent = true};
        if (decide(&facts, 0) != ROWS[i].first_ms) {
            fail_msg("status %d: %lld", ROWS[i].status, (long long)decide(&facts, 0));
        }
    }
}

// Answers that never came, or that could not be read.
static void test_without_status(void **state)
{
    (void)state;
    static const struct {
        enum error_code code;
        int first_ms;
    } ROWS[] = {
        {ERR_SOURCE_UNAVAILABLE, 250},
        {ERR_SOURCE_DATA, 250},
        {ERR_CONNECT, 250},
        {ERR_TLS, NOT},
        {ERR_LIMIT, NOT},
        {ERR_INTERNAL, NOT},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct retry_case facts = {.code = ROWS[i].code, .repeat = REPEAT_READ, .tries = 1};
        check_row(decide(&facts, 0) == ROWS[i].first_ms, error_info(ROWS[i].code)->name);
    }
    // An answer came, with a good status, and was no JSON.
    struct retry_case facts = {
        .status = 200, .code = ERR_SOURCE_DATA, .repeat = REPEAT_READ, .tries = 1};
    assert_int_equal(decide(&facts, 0), 250);
}

// Pages of the edge's with the statuses that are HubSpot's word otherwise: a block that passes.
static void test_edge(void **state)
{
    (void)state;
    static const struct {
        int status;
        int first_ms;
    } ROWS[] = {{403, 10000}, {409, 2000}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        for (int repeat = REPEAT_READ; repeat <= REPEAT_NEVER; repeat++) {
            struct retry_case facts = {.status = ROWS[i].status,
                                       .code = ERR_SOURCE_UNAVAILABLE,
                                       .repeat = (enum repeat_class)repeat,
                                       .tries = 1,
                                       .sent = true};
            // It never came to HubSpot: a create too may go again.
            assert_int_equal(decide(&facts, 0), ROWS[i].first_ms);
            assert_false(retry_decide(&facts, 0).unknown);
        }
    }
}

static void test_doubles_and_ends(void **state)
{
    (void)state;
    struct retry_case facts = {
        .status = 502, .code = ERR_SOURCE_UNAVAILABLE, .repeat = REPEAT_READ, .sent = true};
    int64_t want_ms = 2000;
    for (facts.tries = 1; facts.tries < LIMIT_TRIES; facts.tries++) {
        assert_int_equal(decide(&facts, 0), want_ms);
        assert_int_equal(decide(&facts, 0.5), want_ms * 5 / 4);
        assert_true(decide(&facts, 0.9999) < want_ms * 3 / 2);
        want_ms *= 2;
    }
    assert_int_equal(retry_decide(&facts, 0).verdict, RETRY_SPENT); // the last try was the last
    facts.tries++;
    assert_int_equal(retry_decide(&facts, 0).verdict, RETRY_SPENT);
}

static void test_retry_after(void **state)
{
    (void)state;
    static const struct {
        int status;
        int64_t said_ms;
        int want_ms;
    } ROWS[] = {
        {429, 10000, 10000},   {429, 1, 1},           {503, 500, 2000}, // never sooner than our own
        {503, 60000, 60000},   {503, 120000, 120000}, {503, 120001, NOT}, {429, 3600000, NOT},
        {503, INT64_MAX, NOT}, {477, 30000, 30000},   {477, 1, 10000},    {477, 86400000, NOT},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct retry_case facts = {.status = ROWS[i].status,
                                   .code = hubspot_status_code(ROWS[i].status),
                                   .repeat = REPEAT_READ,
                                   .tries = 1,
                                   .retry_after_ms = ROWS[i].said_ms};
        assert_int_equal(decide(&facts, 0), ROWS[i].want_ms);
        bool later = retry_decide(&facts, 0).verdict == RETRY_LATER;
        assert_true(later == (ROWS[i].want_ms == NOT));
    }
}

// The header, as seconds or as a date.
static void test_retry_after_header(void **state)
{
    (void)state;
    static const int64_t NOW_MS = 784111777000; // Sun, 06 Nov 1994 08:49:37 GMT
    static const struct {
        const char *text;
        int64_t want_ms;
    } ROWS[] = {
        {"0", 0},
        {"10", 10000},
        {"86399", 86399000},
        {"86400", 86400000},
        {"86401", 86400000}, // nobody holds an account for longer than a day
        {"1000000000", 86400000},
        {"1000000001", -1},
        {"9223372036854775807", -1},
        {"99999999999999999999", -1},
        {"-1", -1},
        {"1.5", -1},
        {"", -1},
        {"soon", -1},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {"Sun, 06 Nov 1994 08:51:37 GMT", 120000},
        {"Sun, 06 Nov 1994 08:49:36 GMT", 0}, // over
        {"Sun, 06 Nov 1894 08:49:36 GMT", 0},
        {"Sat, 06 Nov 9994 08:49:36 GMT", 86400000},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        check_row(retry_after_ms(str_from(ROWS[i].text), NOW_MS) == ROWS[i].want_ms, ROWS[i].text);
    }
    assert_true(retry_after_ms((struct str){NULL, 0}, NOW_MS) == -1);
}

static void test_day_is_not_waited_for(void **state)
{
    (void)state;
    struct retry_case facts = {
        .status = 429, .code = ERR_DAILY_LIMIT, .repeat = REPEAT_READ, .tries = 1};
    assert_int_equal(decide(&facts, 0), NOT);
}

// What may have been carried out is sent again only when that does no harm.
static void test_unknown_outcome(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum error_code code;
        bool sent, unknown; // of a write
    } ROWS[] = {
        {0, ERR_SOURCE_UNAVAILABLE, true, true},
        {0, ERR_SOURCE_UNAVAILABLE, false, false},
        {0, ERR_CONNECT, false, false},
        {0, ERR_LIMIT, true, true}, // the answer was too large; the deed may be done
        {0, ERR_TLS, false, false},
        {200, ERR_SOURCE_DATA, true, true},
        {302, ERR_REDIRECT, true, true},
        {400, ERR_REQUEST, true, false},
        {404, ERR_NOT_FOUND, true, false},
        {409, ERR_CONFLICT, true, false},
        {423, ERR_LOCKED, true, false},
        {429, ERR_RATE_LIMITED, true, false},
        {429, ERR_DAILY_LIMIT, true, false},
        {477, ERR_MIGRATING, true, false},
        {500, ERR_SOURCE_UNAVAILABLE, true, true},
        {502, ERR_SOURCE_UNAVAILABLE, true, true},
        {503, ERR_SOURCE_UNAVAILABLE, true, true},
        {504, ERR_SOURCE_UNAVAILABLE, true, true},
        {524, ERR_SOURCE_UNAVAILABLE, true, true},
        {530, ERR_CREDENTIALS, true, false},
        {599, ERR_SOURCE_UNAVAILABLE, true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct retry_case facts = {
            .status = ROWS[i].status, .code = ROWS[i].code, .tries = 1, .sent = ROWS[i].sent};
        char what[64];
        snprintf(what, sizeof what, "status %d %s", ROWS[i].status, error_info(ROWS[i].code)->name);
        facts.repeat = REPEAT_READ;
        struct retry_decision read = retry_decide(&facts, 0);
        check_row(!read.unknown && read.verdict != RETRY_UNKNOWN, what);
        facts.repeat = REPEAT_IDEMPOTENT;
        struct retry_decision write = retry_decide(&facts, 0);
        check_row(write.unknown == ROWS[i].unknown && write.verdict == read.verdict, what);
        facts.repeat = REPEAT_NEVER;
        struct retry_decision create = retry_decide(&facts, 0);
        check_row(create.unknown == ROWS[i].unknown, what);
        check_row(create.verdict == (ROWS[i].unknown ? RETRY_UNKNOWN : read.verdict), what);
    }
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_without_status),
        cmocka_unit_test(test_edge),
        cmocka_unit_test(test_doubles_and_ends),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_retry_after_header),
        cmocka_unit_test(test_day_is_not_waited_for),
        cmocka_unit_test(test_unknown_outcome),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
