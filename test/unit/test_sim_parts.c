#include "check.h"

#include "core/timestamp.h"
#include "sim/lag.h"
#include "sim/map.h"
#include "sim/text.h"
#include "sim/window.h"

static void test_text(void **state)
{
    (void)state;
    char got[TEXT_ISO_MAX];
    char want[TIMESTAMP_TEXT_MAX];
    // Each day of 1,200 years against the other implementation, and odd times of day.
    for (int64_t day = -254000; day < 180000; day++) {
        assert_true(date_format(day, want));
        assert_ptr_equal(text_date(got, day), got + TEXT_DATE_MAX);
        assert_memory_equal(got, want, TEXT_DATE_MAX);
    }
    static const int64_t TIMES[] = {0, 1, -1, 999, 86399999, 86400000, -86400000, 1782777600123};
    for (size_t i = 0; i < ARRAY_LEN(TIMES); i++) {
        assert_true(timestamp_format(TIMES[i], want));
        text_iso(got, TIMES[i]);
        assert_memory_equal(got, want, TEXT_ISO_MAX);
    }
    static const struct {
        int64_t n;
        const char *text;
    } NUMBERS[] = {
        {0, "0"},
        {9, "9"},
        {10, "10"},
        {99, "99"},
        {100, "100"},
        {12345, "12345"},
        {-1, "-1"},
        {-90, "-90"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    for (size_t i = 0; i < ARRAY_LEN(NUMBERS); i++) {
        char number[TEXT_INT_MAX];
        check_str(((struct str){number, (size_t)(text_int(number, NUMBERS[i].n) - number)}),
                  NUMBERS[i].text);
    }
}

static void test_map(void **state)
{
    (void)state;
    struct map m = {0};
    static int values[5000];
    assert_null(map_get(&m, 0));
    for (uint64_t i = 0; i < ARRAY_LEN(values); i++) {
        map_put(&m, i * i, &values[i]);
    }
    map_put(&m, 4, &values[7]);
    assert_int_equal(m.n, ARRAY_LEN(values));
    for (uint64_t i = 0; i < ARRAY_LEN(values); i++) {
        assert_ptr_equal(map_get(&m, i * i), &values[i == 2 ? 7 : i]);
    }
    assert_null(map_get(&m, 3));
    map_done(&m);
}

static void test_window(void **state)
{
    (void)state;
    struct window w;
    window_init(&w, 1000);
    int64_t start = 5000000;
    for (int64_t i = 0; i < 10; i++) {
        window_add(&w, start + i * 100);
    }
    assert_int_equal(window_count(&w, start + 999), 10);
    assert_int_equal(window_count(&w, start + 1000),
                     9); // the first is as old as the window is long
    assert_int_equal(window_count(&w, start + 1899), 1);
    assert_int_equal(window_count(&w, start + 1900), 0);
    assert_int_equal(w.peak, 10);
    window_add(&w, start + 100000000); // a long pause
    assert_int_equal(window_count(&w, start + 100000000), 1);
    window_add(&w, start); // time that goes back counts as now
    assert_int_equal(window_count(&w, start + 100000000), 2);
    window_clear(&w);
    assert_int_equal(window_count(&w, start + 100000001), 0);
    assert_int_equal(w.peak, 0);
    window_done(&w);
}

// The index goes through each state of a record, one lag behind.
static void test_lag(void **state)
{
    (void)state;
    struct lag l = {0};
    struct lag_view now = {true, 30};
    lag_add(&l, 5, (struct lag_view){false, 0}, 1000); // was created at 0
    lag_add(&l, 5, (struct lag_view){true, 10}, 1500); // was changed at 500
    lag_add(&l, 9, (struct lag_view){true, 77}, 1200); // another record
    assert_int_equal(l.settled_us, 1500);
    assert_false(lag_view(&l, 5, now, 999).visible);
    assert_true(lag_view(&l, 5, now, 1000).visible);
    assert_int_equal(lag_view(&l, 5, now, 1000).modified_ms, 10);
    assert_int_equal(lag_view(&l, 5, now, 1500).modified_ms, 30);
    assert_int_equal(lag_view(&l, 9, now, 1199).modified_ms, 77);
    assert_int_equal(lag_view(&l, 4, now, 0).modified_ms, 30);
    lag_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_lag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
