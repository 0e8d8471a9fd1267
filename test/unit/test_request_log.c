#include "check.h"

#include "core/limits.h"
#include "store/requests.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- masking

static void test_mask(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } ROWS[] = {
        {"", ""},
        {"nothing to hide", "nothing to hide"},
        // headers
        {"Authorization: Bearer abc\nAccept: x", "Authorization: ***\nAccept: x"},
        {"authorization:abc def\nx: y", "authorization:***\nx: y"},
        {"set-cookie: a=b; path=/\nserver: x", "set-cookie: ***\nserver: x"},
        {"Cookie: a", "Cookie: ***"},
        {"x-trace: abc", "x-trace: abc"},
        // forms and queries
        {"grant_type=refresh_token&refresh_token=r-1&client_secret=s%2F2&client_id=c",
         "grant_type=refresh_token&refresh_token=***&client_secret=***&client_id=c"},
        {"code=na1-abc&redirect_uri=http%3A", "code=***&redirect_uri=http%3A"},
        {"https://h/p?hapikey=k-1&limit=5", "https://h/p?hapikey=***&limit=5"},
        {"https://h/p?limit=5&token=t", "https://h/p?limit=5&token=***"},
        {"/oauth/v1/access-tokens/CJT/x", "/oauth/v1/access-tokens/***/x"},
        {"/oauth/v1/refresh-tokens/na1-1?x=y", "/oauth/v1/refresh-tokens/***?x=y"},
        // JSON
        {"{\"access_token\":\"a.b-c\",\"expires_in\":1800}",
         "{\"access_token\":\"***\",\"expires_in\":1800}"},
        {"{ \"Refresh_Token\" : \"x\\\"y\\\\\" , \"a\":1}",
         "{ \"Refresh_Token\" : \"***\" , \"a\":1}"},
        {"{\"tokenKey\":\"t\"}", "{\"tokenKey\":\"***\"}"},
        {"{\"client_secret\":12345}", "{\"client_secret\":***}"},
        {"{\"access_token\":\"\"}", "{\"access_token\":\"\"}"},
        {"{\"access_token\":\"not closed", "{\"access_token\":\"***"},
        {"{\\\"access_token\\\":\\\"abc\\\",\\\"x\\\":1}",
         "{\\\"access_token\\\":\\\"***\\\",\\\"x\\\":1}"},
        {"{\"m\":\"a\\nAuthorization: Bearer abc\\nx\"}",
         "{\"m\":\"a\\nAuthorization: ***\"}"}, // to the end of what may be a line
        // An error's code is none.
        {"{\"errors\":[{\"code\":\"INVALID\",\"in\":\"x\"}]}",
         "{\"errors\":[{\"code\":\"INVALID\",\"in\":\"x\"}]}"},
        {"{\"message\":\"error code: 1018\"}", "{\"message\":\"error code: 1018\"}"},
        // tokens without a name
        {"the token Bearer CJT-9 was refused", "the token Bearer *** was refused"},
        {"bad pat-na1-5ec7e7-5ec7e7!", "bad pat-***!"},
        {"a pat-ent and pat-", "a pat-ent and pat-"},
        {"tokens: two", "tokens: two"},
        {"my_access_token=x", "my_access_token=x"}, // another name
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct buf out;
        buf_init(&out, 4096);
        request_mask(str_from(ROWS[i].text), &out);
        assert_string_equal(buf_cstr(&out), ROWS[i].want);
        buf_done(&out);
    }
}

// ---- what a log is given

struct kept {
    size_t n;
    struct request_record record; // of the last one
    struct arena arena;
};

static void keep(void *user, const struct request_record *r)
{
    struct kept *k = user;
    k->n++;
    k->record = *r;
    k->record.url = arena_dup(&k->arena, r->url);
    k->record.request_body = arena_dup(&k->arena, r->request_body);
    k->record.response_headers = arena_dup(&k->arena, r->response_headers);
    k->record.response_body = arena_dup(&k->arena, r->response_body);
    k->record.message = arena_dup(&k->arena, r->message);
}

static void put(char *at, struct str text)
{
    memcpy(at, text.ptr, text.len);
}

static void test_write(void **state)
{
    (void)state;
    struct kept kept = {.n = 0};
    struct request_log log = {.write = keep, .user = &kept};
    struct credential *credential = credential_static(secret_create(STR("s3cret-s3cret")));
    arena_init(&kept.arena, 1 << 24);
    struct request_record r = {.url = STR("https://h/p?x=s3cret-s3cret"),
                               .response_headers = STR("x-echo: s3cret-s3cret\n"),
                               .request_body = STR("{\"client_secret\":\"q\"}"),
                               .message = STR("quotes s3cret-s3cret")};
    request_log_write(NULL, credential, &r);
    request_log_write(&log, credential, &r); // did not fail, and nobody asked for it
    assert_int_equal(kept.n, 0);
    log.trace = true;
    request_log_write(&log, credential, &r);
    assert_int_equal(kept.n, 1);
    log.trace = false;
    r.failed = true;
    request_log_write(&log, credential, &r);
    assert_int_equal(kept.n, 2);
    check_str(kept.record.url, "https://h/p?x=*************");
    check_str(kept.record.response_headers, "x-echo: *************\n");
    check_str(kept.record.request_body, "{\"client_secret\":\"***\"}");
    check_str(kept.record.message, "quotes *************");
    assert_int_equal(kept.record.response_body.len, 0);
    // Long bodies are cut, wherever a token lies.
    enum { SIZE = REQUEST_LOG_BODY_MAX + 20000 };
    char *body = malloc(SIZE);
    assert_non_null(body);
    static const int PLACES[] = {REQUEST_LOG_BODY_MAX - 100, REQUEST_LOG_BODY_MAX - 13,
                                 REQUEST_LOG_BODY_MAX - 12,  REQUEST_LOG_BODY_MAX - 5,
                                 REQUEST_LOG_BODY_MAX - 1,   REQUEST_LOG_BODY_MAX};
    for (size_t i = 0; i < ARRAY_LEN(PLACES); i++) {
        memset(body, 'x', SIZE);
        put(body + PLACES[i], STR("s3cret-s3cret"));
        r.response_body = (struct str){body, SIZE};
        request_log_write(&log, credential, &r);
        struct str got = kept.record.response_body;
        assert_in_range(got.len, 1, REQUEST_LOG_BODY_MAX);
        assert_true(str_find(got, STR("s3")) < 0);
        if (i > 0) { // the same behind a name
            put(body + PLACES[i] - 60, STR("\"access_token\":\""));
            request_log_write(&log, NULL, &r);
            assert_true(str_find(kept.record.response_body, STR("s3")) < 0);
        }
    }
    free(body);
    credential_destroy(credential);
    arena_done(&kept.arena);
}

// ---- the store

struct fixture {
    char folder[64];
    struct arena arena;
    struct log log;
    struct buf lines;
    pthread_mutex_t lock;
};

static void on_line(void *user, struct str line)
{
    struct fixture *f = user;
    pthread_mutex_lock(&f->lock);
    buf_add(&f->lines, line);
    pthread_mutex_unlock(&f->lock);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->folder, sizeof f->folder, "/tmp/sluice-requests-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    arena_init(&f->arena, 1 << 26);
    buf_init(&f->lines, 1 << 20);
    pthread_mutex_init(&f->lock, NULL);
    f->log = (struct log){.level = LOG_DEBUG, .clock = clock_system(), .sink = on_line, .user = f};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    (void)chmod(f->folder, 0700);
    DIR *d = opendir(f->folder);
    struct dirent *e;
    while (d && (e = readdir(d)) != NULL) { // NOLINT(concurrency-mt-unsafe): our own stream
        unlink(arena_printf(&f->arena, "%s/%s", f->folder, e->d_name).ptr);
    }
    if (d) {
        closedir(d);
    }
    rmdir(f->folder);
    buf_done(&f->lines);
    arena_done(&f->arena);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return 0;
}

static struct requests *start(struct fixture *f, bool trace)
{
    return requests_start(&(struct requests_options){
        .directory = str_from(f->folder), .clock = clock_system(), .log = &f->log, .trace = trace});
}

static struct store *open_store(struct fixture *f)
{
    struct store *s = NULL;
    struct error err = {0};
    if (!store_open(&(struct store_options){.directory = str_from(f->folder),
                                            .create = false,
                                            .clock = clock_system()},
                    &s, &err)) {
        fail_msg("%s", err.message);
    }
    return s;
}

static size_t list(struct fixture *f, struct requests_filter filter, struct stored_request **ret)
{
    struct store *s = open_store(f);
    struct error err = {0};
    size_t n = 0;
    assert_non_null(s);
    if (!requests_list(s, &filter, &f->arena, ret, &n, &err)) {
        fail_msg("%s", err.message);
    }
    store_close(s);
    return n;
}

static const struct request_record SAMPLE = {.started_ms = 1000,
                                             .first_byte_us = 5,
                                             .took_us = 7,
                                             .connection = STR_INIT("main"),
                                             .stream = STR_INIT("contacts"),
                                             .endpoint = STR_INIT("OBJECT_LIST"),
                                             .method = STR_INIT("GET"),
                                             .url = STR_INIT("https://h/p"),
                                             .request_headers = STR_INIT("Accept: x\n"),
                                             .request_body = STR_INIT("{\"a\":1}"),
                                             .request_body_bytes = 70000,
                                             .status = 502,
                                             .response_headers = STR_INIT("server: x\n"),
                                             .response_body = STR_INIT("a\0b"),
                                             .response_body_bytes = 3,
                                             .tries = 2,
                                             .sends = 1,
                                             .failed = true,
                                             .again = true,
                                             .code = ERR_SOURCE_UNAVAILABLE,
                                             .message = STR_INIT("it broke"),
                                             .correlation_id = STR_INIT("c-1")};

static void test_kept(void **state)
{
    struct fixture *f = *state;
    struct requests *r = start(f, true);
    const struct request_log *log = requests_log(r);
    assert_true(log->trace);
    log->write(log->user, &SAMPLE);
    struct request_record ok = {.started_ms = 2000,
                                .endpoint = STR("OWNERS"),
                                .method = STR("GET"),
                                .url = STR("u"),
                                .request_headers = STR(""),
                                .status = 200,
                                .message = STR("")};
    log->write(log->user, &ok);
    assert_true(requests_dropped(r) == 0);
    requests_stop(r);
    struct stored_request *all = NULL;
    assert_int_equal(list(f, (struct requests_filter){.max = 10}, &all), 2);
    check_str(all[0].record.endpoint, "OWNERS"); // newest first
    check_str(all[0].code, "OK");
    assert_false(all[0].record.failed);
    check_str(all[1].code, "SOURCE_UNAVAILABLE");
    assert_int_equal(list(f, (struct requests_filter){.max = 1}, &all), 1);
    assert_int_equal(list(f, (struct requests_filter){.max = 9, .since_ms = 1001}, &all), 1);
    assert_int_equal(list(f, (struct requests_filter){.max = 9, .since_ms = 2001}, &all), 0);
    assert_int_equal(list(f, (struct requests_filter){.max = 9, .failed = true}, &all), 1);
    int64_t id = all[0].id;
    struct store *s = open_store(f);
    struct error err = {0};
    struct stored_request whole;
    assert_true(requests_find(s, id, &f->arena, &whole, &err));
    const struct request_record *w = &whole.record;
    assert_true(w->started_ms == 1000 && w->first_byte_us == 5 && w->took_us == 7);
    assert_true(w->status == 502 && w->tries == 2 && w->sends == 1 && w->failed && w->again);
    assert_true(w->request_body_bytes == 70000 && w->response_body_bytes == 3);
    check_str(w->connection, "main");
    check_str(w->stream, "contacts");
    check_str(w->url, "https://h/p");
    check_str(w->request_headers, "Accept: x\n");
    check_str(w->request_body, "{\"a\":1}");
    check_str(w->response_headers, "server: x\n");
    check_slice(w->response_body, STR("a\0b"));
    check_str(w->message, "it broke");
    check_str(w->correlation_id, "c-1");
    assert_false(requests_find(s, 4711, &f->arena, &whole, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    check_contains(err.message, "4711");
    store_close(s);
}

// A run in which nothing fails leaves no file behind.
static void test_nothing_to_keep(void **state)
{
    struct fixture *f = *state;
    requests_stop(start(f, false));
    assert_int_not_equal(access(arena_printf(&f->arena, "%s/sluice.db", f->folder).ptr, F_OK), 0);
    assert_null(open_store(f));
    assert_int_equal(f->lines.len, 0);
}

// The newest by number, and by size.
static void test_bounded(void **state)
{
    struct fixture *f = *state;
    struct stored_request *all = NULL;
    struct request_record sample = SAMPLE;
    for (int round = 0; round < 3; round++) { // each fits into the queue
        struct requests *r = start(f, false);
        for (int i = 0; i < 450; i++) {
            sample.started_ms = round * 1000 + i;
            requests_log(r)->write(requests_log(r)->user, &sample);
        }
        requests_stop(r);
    }
    assert_int_equal(list(f, (struct requests_filter){.max = 5000}, &all), REQUESTS_MAX);
    assert_true(all[0].record.started_ms == 2449);
    assert_true(all[REQUESTS_MAX - 1].record.started_ms == 350);
    char *large = arena_alloc(&f->arena, REQUEST_LOG_BODY_MAX);
    memset(large, 'x', REQUEST_LOG_BODY_MAX);
    sample.request_body = (struct str){large, REQUEST_LOG_BODY_MAX};
    sample.response_body = sample.request_body;
    for (int round = 0; round < 8; round++) {
        struct requests *r = start(f, false);
        for (int i = 0; i < 100; i++) {
            requests_log(r)->write(requests_log(r)->user, &sample);
        }
        requests_stop(r);
    }
    size_t n = list(f, (struct requests_filter){.max = 5000}, &all);
    assert_in_range(n * 2 * REQUEST_LOG_BODY_MAX, REQUESTS_BYTES_MAX - 4 * REQUEST_LOG_BODY_MAX,
                    REQUESTS_BYTES_MAX);
}

// Nobody waits for a database that another holds: the queue fills, the rest is dropped.
static void test_locked(void **state)
{
    struct fixture *f = *state;
    struct requests *r = start(f, false);
    requests_log(r)->write(requests_log(r)->user, &SAMPLE);
    requests_stop(r);
    struct store *other = open_store(f);
    struct error err = {0};
    assert_true(sql_begin(store_sql(other), &err));
    r = start(f, false);
    int64_t begun_us = clock_mono_us(clock_system());
    for (int i = 0; i < 5000; i++) {
        requests_log(r)->write(requests_log(r)->user, &SAMPLE);
    }
    assert_true(clock_mono_us(clock_system()) - begun_us < 30000000); // waits would be hours
    assert_true(requests_dropped(r) >= 3500);
    begun_us = clock_mono_us(clock_system());
    requests_stop(r);
    assert_true(clock_mono_us(clock_system()) - begun_us < 60000000);
    sql_rollback(store_sql(other));
    store_close(other);
    struct stored_request *all = NULL;
    assert_int_equal(list(f, (struct requests_filter){.max = 5000}, &all), 1);
    check_contains(buf_cstr(&f->lines), "failed requests cannot be kept");
}

static size_t count_lines(struct fixture *f, const char *text)
{
    size_t n = 0;
    for (const char *at = buf_cstr(&f->lines); (at = strstr(at, text)) != NULL; at++) {
        n++;
    }
    return n;
}

// Where no store can be made, that is said once, and no louder than it deserves.
static void test_no_store(void **state)
{
    struct fixture *f = *state;
    struct requests *r = requests_start(&(struct requests_options){
        .directory = STR("/proc/sluice"), .clock = clock_system(), .log = &f->log});
    for (int i = 0; i < 3; i++) {
        requests_log(r)->write(requests_log(r)->user, &SAMPLE);
        for (int ms = 0; ms < 5000 && requests_dropped(r) <= (uint64_t)i; ms++) {
            clock_system()->sleep_us(clock_system(), 1000);
        }
    }
    assert_true(requests_dropped(r) == 3);
    requests_stop(r);
    assert_int_equal(count_lines(f, "no store: failed requests are not kept"), 1);
    assert_int_equal(count_lines(f, "level=warn"), 0);
}

// Many threads at once, and stopping while there is much to write.
static void *crowd(void *user)
{
    const struct request_log *log = user;
    for (int i = 0; i < 100; i++) {
        log->write(log->user, &SAMPLE);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct fixture *f = *state;
    struct requests *r = start(f, false);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        union {
            const struct request_log *log;
            void *user;
        } u = {.log = requests_log(r)};
        assert_int_equal(pthread_create(&threads[i], NULL, crowd, u.user), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    requests_stop(r);
    struct stored_request *all = NULL;
    assert_int_equal(list(f, (struct requests_filter){.max = 5000}, &all), 400);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_mask), cmocka_unit_test(test_write), TEST(test_kept),
        TEST(test_nothing_to_keep),  TEST(test_bounded),           TEST(test_locked),
        TEST(test_no_store),         TEST(test_threads),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
