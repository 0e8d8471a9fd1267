#include "check.h"

#include "core/arena.h"
#include "core/clock.h"
#include "hubspot/budget_share.h"
#include "hubspot/budget_state.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// One budget in a file: several processes, also ones that are killed.

#define SECOND 1000000LL

static const struct budget_options OPTIONS = {.share = 0.8, .search_per_second = 5, .app = 7};

static struct str make_dir(struct arena *arena)
{
    char name[] = "/tmp/sluice-budget-XXXXXX";
    assert_non_null(mkdtemp(name));
    return arena_printf(arena, "%s", name);
}

struct scene {
    struct arena arena;
    char *directory, *path;
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    arena_init(&s->arena, 1 << 20);
    s->directory = (char *)(uintptr_t)make_dir(&s->arena).ptr;
    s->path = (char *)(uintptr_t)arena_printf(&s->arena, "%s/budget-1", s->directory).ptr;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    unlink(s->path);
    unlink(arena_printf(&s->arena, "%s.lock", s->path).ptr);
    rmdir(s->directory);
    arena_done(&s->arena);
    free(s);
    return 0;
}

static struct budget *open_budget(struct scene *s, uint64_t app)
{
    struct budget_options options = OPTIONS;
    struct budget *b = NULL;
    struct error err;
    options.app = app;
    assert_true(budget_open(s->path, &options, &b, &err));
    return b;
}

static int64_t now_us(void)
{
    return clock_mono_us(clock_system());
}

static bool take(struct budget *b, int member, enum budget_class class,
                 struct budget_ticket *ticket)
{
    struct budget_ask ask = {member, class, BUDGET_INTERACTIVE, now_us(), 1000};
    int64_t until_us = 0;
    return budget_take(b, &ask, ticket, &until_us) == BUDGET_GO;
}

static void tell(struct budget *b, const struct budget_ticket *t, int64_t max, int64_t remaining)
{
    budget_ended(b, t, now_us());
    budget_learn(b, &(struct budget_answer){.ticket = *t,
                                            .now_us = now_us(),
                                            .max = max,
                                            .remaining = remaining,
                                            .interval_ms = 10000,
                                            .daily = -1,
                                            .daily_remaining = -1,
                                            .retry_after_ms = -1});
}

// Runs a part of the scene in a process of its own; what it returns.
static int child(struct scene *s, int (*part)(struct budget *b, int member))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct budget *b = open_budget(s, 7);
        _exit(part(b, budget_join(b)));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int take_all(struct budget *b, int member)
{
    struct budget_ticket t;
    int n = 0;
    while (n < 250 && take(b, member, BUDGET_GENERAL, &t)) {
        tell(b, &t, 190, 190 - (n + 1) % 190);
        n++;
    }
    return n;
}

// What one has used is not there for the other, although no header has told it.
static void test_two_processes_one_share(void **state)
{
    struct scene *s = *state;
    struct budget *b = open_budget(s, 7);
    int member = budget_join(b);
    struct budget_ticket t;
    for (int i = 0; i < 100; i++) {
        assert_true(take(b, member, BUDGET_GENERAL, &t));
        tell(b, &t, 190, 190 - i - 1);
    }
    int n = 0;
    pid_t pid = fork();
    if (pid == 0) {
        struct budget *other = open_budget(s, 7);
        int place = budget_join(other);
        for (; n < 250 && take(other, place, BUDGET_GENERAL, &t); n++) {
            tell(other, &t, 190, 190 - 100 - n - 1);
        }
        _exit(n);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 52);
    assert_false(take(b, member, BUDGET_GENERAL, &t));
    budget_leave(b, member);
    budget_destroy(b);
}

// Each app has a window of its own; searches are the account's.
static void test_two_apps(void **state)
{
    struct scene *s = *state;
    struct budget *a = open_budget(s, 1);
    struct budget *b = open_budget(s, 2);
    int in_a = budget_join(a);
    int in_b = budget_join(b);
    assert_int_equal(take_all(a, in_a), 152);
    assert_int_equal(take_all(b, in_b), 152);
    struct budget_ticket t;
    for (int i = 0; i < 4; i++) {
        assert_true(take(i % 2 ? a : b, i % 2 ? in_a : in_b, BUDGET_SEARCH, &t));
        budget_ended(i % 2 ? a : b, &t, now_us());
    }
    assert_false(take(a, in_a, BUDGET_SEARCH, &t));
    assert_false(take(b, in_b, BUDGET_SEARCH, &t));
    budget_destroy(a);
    budget_destroy(b);
}

static int search_and_die(struct budget *b, int member)
{
    struct budget_ticket t;
    for (int i = 0; i < 4; i++) {
        take(b, member, BUDGET_SEARCH, &t); // and no answer ever
    }
    kill(getpid(), SIGKILL);
    return 0;
}

// Searches under way hold others up; those of a process that was killed only until it is noticed.
static void test_killed_with_calls_under_way(void **state)
{
    struct scene *s = *state;
    assert_int_equal(child(s, search_and_die), -SIGKILL);
    struct budget *b = open_budget(s, 7);
    struct budget_ask ask = {budget_join(b), BUDGET_SEARCH, BUDGET_INTERACTIVE, 0, 1000};
    struct budget_ticket t;
    int64_t until_us = 0;
    ask.now_us = now_us() + 6 * SECOND;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(budget_take(b, &ask, &t, &until_us), BUDGET_GO);
    }
    budget_destroy(b);
}

static int die_at_random(struct budget *b, int member)
{
    struct budget_ticket t;
    for (int64_t end_us = now_us() + 10 * SECOND; now_us() < end_us;) { // killed before that
        take(b, member, BUDGET_GENERAL, &t);
        tell(b, &t, 4000, 3000);
    }
    return 0;
}

// Killed at any instant, also inside the lock: the others go on.
static void test_killed_at_any_instant(void **state)
{
    struct scene *s = *state;
    struct budget *b = open_budget(s, 7);
    int member = budget_join(b);
    for (int i = 0; i < 60; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct budget *other = open_budget(s, 7);
            _exit(die_at_random(other, budget_join(other)));
        }
        usleep((useconds_t)(2000 + i * 37));
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        struct budget_view v;
        budget_look(b, now_us(), &v);
        assert_true(v.window_used >= 0 && v.window_used <= 4096);
        struct budget_ticket t;
        if (take(b, member, BUDGET_GENERAL, &t)) {
            tell(b, &t, 4000, 3000);
        }
    }
    budget_destroy(b);
}

static int die_in_the_middle(struct budget *b, int member)
{
    (void)member;
    budget_lock(b);
    struct send_times *w = &b->state->apps[b->app].window;
    w->n = 3; // out of order, as in the middle of a change
    w->at[0] = 3;
    w->at[1] = 1;
    w->at[2] = 2;
    return 5; // without unlocking
}

// Killed inside the lock with a ring that is half changed: it begins anew.
static void test_killed_in_the_middle(void **state)
{
    struct scene *s = *state;
    struct budget *b = open_budget(s, 7);
    int member = budget_join(b);
    assert_int_equal(child(s, die_in_the_middle), 5);
    struct budget_view v;
    budget_look(b, now_us(), &v);
    assert_int_equal(v.window_used, 0);
    assert_int_equal(b->state->apps[b->app].window.n, 0);
    assert_int_equal(take_all(b, member), 152);
    budget_destroy(b);
}

static void write_file(const char *path, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_true(write(fd, bytes, n) == (ssize_t)n);
    close(fd);
}

// A file that another version wrote, or nobody: made anew.
static void test_unusable_file(void **state)
{
    struct scene *s = *state;
    static const char JUNK[100000] = "sluice budget";
    static const size_t SIZES[] = {0, 1, 20, sizeof JUNK};
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
        write_file(s->path, JUNK, SIZES[i]);
        struct budget *b = open_budget(s, 7);
        assert_int_equal(take_all(b, budget_join(b)), 152);
        budget_destroy(b);
        unlink(s->path);
    }
}

static void test_no_place(void **state)
{
    struct scene *s = *state;
    struct budget *b = NULL;
    struct error err;
    const char *path = arena_printf(&s->arena, "%s/not/there", s->directory).ptr;
    assert_false(budget_open(path, &OPTIONS, &b, &err));
    assert_int_equal(err.code, ERR_STORE);
    assert_non_null(strstr(err.message, "/not/there"));
    assert_null(b);
}

static void test_adopt(void **state)
{
    struct scene *s = *state;
    struct budget *first = budget_create(&OPTIONS);
    struct budget_ticket t;
    int member = budget_join(first);
    for (int i = 0; i < 3; i++) {
        assert_true(take(first, member, BUDGET_GENERAL, &t));
        tell(first, &t, 100, 100 - i - 1);
    }
    struct budget *b = open_budget(s, 7);
    budget_adopt(b, first, 1000);
    struct budget_view v;
    budget_look(b, now_us(), &v);
    assert_true(v.window_max == 100 && v.window_used == 3 && v.window_allowed == 80);
    budget_destroy(first);
    budget_destroy(b);
}

// Runs that are over before midnight, each in a process of its own: none of them sees the day end,
// and the next day is a new one all the same.
static void test_day_ends_between_runs(void **state)
{
    struct scene *s = *state;
    const int64_t day_ms = 24LL * 3600 * 1000;
    struct budget_options options = OPTIONS;
    options.daily_limit = 10;
    for (int day = 0; day < 3; day++) {
        int64_t wall_ms = day * day_ms + day_ms / 2;
        for (int n = 0; n < 9; n++) {
            struct budget *b = NULL;
            struct budget *first = budget_create(&options);
            struct error err;
            assert_true(budget_open(s->path, &options, &b, &err));
            budget_adopt(b, first, wall_ms);
            budget_destroy(first);
            budget_set_zone(b, STR("UTC"), 0, wall_ms);
            struct budget_ask ask = {budget_join(b), BUDGET_GENERAL, BUDGET_INTERACTIVE, now_us(),
                                     wall_ms + n};
            struct budget_ticket t;
            int64_t until_us = 0;
            enum budget_wait why = budget_take(b, &ask, &t, &until_us);
            assert_int_equal(why, n < 8 ? BUDGET_GO : BUDGET_WAIT_DAY);
            if (why == BUDGET_GO) {
                tell(b, &t, -1, -1);
            }
            budget_leave(b, ask.member);
            budget_destroy(b);
        }
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        TEST(test_two_processes_one_share),
        TEST(test_two_apps),
        TEST(test_killed_with_calls_under_way),
        TEST(test_killed_at_any_instant),
        TEST(test_killed_in_the_middle),
        TEST(test_unusable_file),
        TEST(test_no_place),
        TEST(test_adopt),
        TEST(test_day_ends_between_runs),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
