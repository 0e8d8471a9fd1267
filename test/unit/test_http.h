// An HTTP client and a scripted server for it, for the tests of the client.
#pragma once

#include "check.h"
#include "test_script.h"

#include "core/limits.h"
#include "http/client.h"

enum {
    BODY_LIMIT = 64 * 1024,
    WAIT_MS = 120000,    // far beyond what anything takes on a machine that has much else to do
    PATIENCE_MS = 60000, // of a client that is to wait for what is slow only because of that
    FIRST_BYTE_MS = 300, // of one that is to give up
    STALL_MS = 250,
};

struct fixture {
    struct arena arena;
    struct http_client *client;
    struct script *script;
};

// The fixture's client, anew.
static inline void use_client(struct fixture *f, int64_t first_byte_ms, int64_t stall_ms)
{
    http_client_destroy(f->client);
    f->client =
        http_client_create(&(struct http_client_options){.user_agent = "tester/1",
                                                         .connect_timeout_ms = first_byte_ms,
                                                         .first_byte_timeout_ms = first_byte_ms,
                                                         .stall_timeout_ms = stall_ms,
                                                         .body_limit = BODY_LIMIT},
                           clock_system());
}

static inline int setup(void **state)
{
    struct error err = {0};
    struct fixture *f = calloc(1, sizeof *f);
    assert_true(f && http_client_global_init(&err));
    arena_init(&f->arena, 1 << 24);
    use_client(f, PATIENCE_MS, PATIENCE_MS);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    http_client_destroy(f->client);
    if (f->script) {
        script_stop(f->script);
    }
    arena_done(&f->arena);
    free(f);
    return 0;
}

static inline void play(struct fixture *f, const struct script_answer *answers, size_t n)
{
    assert_null(f->script);
    f->script = script_play(answers, n);
}
#define PLAY(f, ...)                                                                               \
    const struct script_answer answers_[] = {__VA_ARGS__};                                         \
    play((f), answers_, ARRAY_LEN(answers_))
// A scripted answer from a literal.
#define RAW(text, after_)                                                                          \
    {                                                                                              \
        .raw = STR_INIT(text), .after = SCRIPT_##after_                                            \
    }

static inline struct str url_of(struct fixture *f, const char *path)
{
    return arena_printf(&f->arena, "%s%s", script_url(f->script), path);
}

static inline void start(struct fixture *f, const struct http_request *r)
{
    struct error err = {0};
    if (!http_client_start(f->client, r, &err)) {
        fail_msg("%s", err.message);
    }
}

static inline struct http_exchange *finished(struct fixture *f)
{
    struct http_exchange *x = http_client_wait(f->client, WAIT_MS);
    assert_non_null(x);
    return x;
}

static inline struct http_exchange *get(struct fixture *f, const char *path)
{
    start(f, &(struct http_request){.method = HTTP_GET, .url = url_of(f, path)});
    return finished(f);
}

static inline void release(struct fixture *f, struct http_exchange *x)
{
    http_exchange_release(f->client, x);
}

static inline void check_failed(const struct http_exchange *x, enum error_code code,
                                const char *says)
{
    assert_int_equal(x->status, 0);
    assert_int_equal(x->error.code, code);
    check_contains(x->error.message, says);
}
