// Any bytes as an answer of the token endpoint, as introspection, as an error of theirs, and as the
// query of the authorize callback. The input: one byte that chooses which, then the bytes.
#include "fuzz.h"
#include "hubspot/oauth.h"

enum { ARENA_BYTES = 64 * 1024 * 1024 };

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f) {
            return false;
        }
    }
    return true;
}

static void check_tokens(struct str body)
{
    struct oauth_tokens t;
    struct error err;
    if (!oauth_tokens_decode(body, &t, &err)) {
        assert(err.message[0] != '\0');
        return;
    }
    struct str access = secret_reveal(t.access);
    assert(access.len > 0 && access.len <= OAUTH_TOKEN_MAX && is_plain(access));
    assert(!t.refresh || (secret_len(t.refresh) > 0 && is_plain(secret_reveal(t.refresh))));
    assert(t.expires_in_ms > 0 && t.portal_id >= 0);
    oauth_tokens_done(&t);
}

static void check_facts(enum oauth_call_kind kind, struct str body, struct arena *arena)
{
    struct oauth_facts f;
    struct error err;
    if (!oauth_facts_decode(kind, body, arena, &f, &err)) {
        assert(err.message[0] != '\0');
        return;
    }
    assert(f.portal_id >= 0 && f.app_id >= 0 && f.expires_in_ms >= 0);
    assert(f.scopes.len <= OAUTH_SCOPES_BYTES && str_find(f.scopes, STR("  ")) < 0);
    for (size_t i = 0; i < f.user.len; i++) {
        assert((unsigned char)f.user.ptr[i] >= ' ');
    }
}

static void check_callback(struct str query, struct arena *arena)
{
    struct oauth_callback c;
    struct error err;
    if (!oauth_callback_decode(query, arena, &c, &err)) {
        assert(err.code == ERR_LOGIN);
        return;
    }
    assert(c.state.len > 0 && is_plain(c.state) && is_plain(c.code));
    assert((c.code.len > 0) != (c.error.len > 0) || c.error.ptr);
    assert(c.code.len <= OAUTH_CODE_MAX);
}

// Whatever they say, no error shows what was sent.
static void check_failure(struct str body, uint8_t choice)
{
    static const struct str SENT = STR_INIT("5ec7e7aa5ec7e7");
    struct secret *sent = secret_create(SENT);
    struct oauth_app app = {.base_url = STR("http://localhost:1"),
                            .client_id = STR("id"),
                            .client_secret = sent,
                            .version = OAUTH_2026_09};
    bool exchange = choice % 2 == 0;
    struct oauth_request r = {.kind = exchange ? OAUTH_EXCHANGE : OAUTH_REFRESH,
                              .code = exchange ? SENT : STR(""),
                              .token = exchange ? NULL : sent};
    struct error err = {0};
    oauth_failure(&r, &app, choice % 4 < 2 ? 400 : 503, body, &err);
    assert(err.code != ERR_OK && err.message[0] != '\0');
    assert(str_find(str_from(err.message), SENT) < 0);
    secret_destroy(sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    struct arena arena;
    struct str bytes = {(const char *)data + 1, size - 1};
    arena_init(&arena, ARENA_BYTES);
    switch (data[0] % 5) {
    case 0:
        check_tokens(bytes);
        break;
    case 1:
        check_facts(OAUTH_INTROSPECT, bytes, &arena);
        break;
    case 2:
        check_facts(OAUTH_PRIVATE_INFO, bytes, &arena);
        break;
    case 3:
        check_callback(bytes, &arena);
        break;
    default:
        check_failure(bytes, data[0] / 5);
        break;
    }
    arena_done(&arena);
    return 0;
}
