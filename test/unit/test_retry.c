#include "check.h"

#include "core/limits.h"
#include "hubspot/errors.h"
#include "hubspot/retry.h"

enum { NOT = -1 };

static int64_t decide(const struct retry_case *facts, double jitter)
{
    int64_t delay_ms = -2;
    if (retry_decide(facts, jitter, &delay_ms)) {
        assert_true(delay_ms >= 0);
        return delay_ms;
    }
    assert_true(delay_ms == -2); // untouched
    return NOT;
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
                                   .unknown_outcome = ROWS[i].status >= 500};
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

static void test_doubles_and_ends(void **state)
{
    (void)state;
    struct retry_case facts = {
        .status = 502, .code = ERR_SOURCE_UNAVAILABLE, .repeat = REPEAT_READ};
    int64_t want_ms = 2000;
    for (facts.tries = 1; facts.tries < LIMIT_TRIES; facts.tries++) {
        assert_int_equal(decide(&facts, 0), want_ms);
        assert_int_equal(decide(&facts, 0.5), want_ms * 5 / 4);
        assert_true(decide(&facts, 0.9999) < want_ms * 3 / 2);
        want_ms *= 2;
    }
    assert_int_equal(decide(&facts, 0), NOT); // the last try was the last
    facts.tries++;
    assert_int_equal(decide(&facts, 0), NOT);
}

static void test_retry_after(void **state)
{
    (void)state;
    static const struct {
        int status;
        int64_t said_ms;
        int want_ms;
    } ROWS[] = {
        {429, 10000, 10000}, {429, 1, 1},           {503, 500, 2000}, // never sooner than our own
        {503, 60000, 60000}, {503, 120000, 120000}, {503, 120001, NOT},
        {429, 3600000, NOT}, {503, INT64_MAX, NOT},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct retry_case facts = {.status = ROWS[i].status,
                                   .code = hubspot_status_code(ROWS[i].status),
                                   .repeat = REPEAT_READ,
                                   .tries = 1,
                                   .retry_after_ms = ROWS[i].said_ms};
        assert_int_equal(decide(&facts, 0), ROWS[i].want_ms);
    }
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
        enum repeat_class repeat;
        bool unknown, again;
    } ROWS[] = {
        {REPEAT_READ, false, true},       {REPEAT_READ, true, true},
        {REPEAT_IDEMPOTENT, false, true}, {REPEAT_IDEMPOTENT, true, true},
        {REPEAT_NEVER, false, true},      {REPEAT_NEVER, true, false},
    };
    static const struct {
        int status;
        enum error_code code;
    } CAUSES[] = {
        {0, ERR_SOURCE_UNAVAILABLE}, {502, ERR_SOURCE_UNAVAILABLE}, {200, ERR_SOURCE_DATA}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        for (size_t k = 0; k < ARRAY_LEN(CAUSES); k++) {
            struct retry_case facts = {.status = CAUSES[k].status,
                                       .code = CAUSES[k].code,
                                       .repeat = ROWS[i].repeat,
                                       .tries = 1,
                                       .unknown_outcome = ROWS[i].unknown};
            assert_true((decide(&facts, 0) != NOT) == ROWS[i].again);
        }
    }
    // A refusal is a known outcome: a create goes again after a 429.
    struct retry_case facts = {
        .status = 429, .code = ERR_RATE_LIMITED, .repeat = REPEAT_NEVER, .tries = 1};
    assert_int_equal(decide(&facts, 0), 0);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_without_status),
        cmocka_unit_test(test_doubles_and_ends),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_day_is_not_waited_for),
        cmocka_unit_test(test_unknown_outcome),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
