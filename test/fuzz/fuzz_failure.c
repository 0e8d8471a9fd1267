// Any error body with any status: decoded without a crash, and what comes of it is bounded, fit for
// a terminal and told with the parts that matter. The first byte is the status.
#include "core/limits.h"
#include "fuzz.h"
#include "hubspot/errors.h"

// The prefix is what counts: an error must be one line that a terminal shows as it is.
static void check_shown(struct str s, size_t max)
{
    assert(s.len <= max && fuzz_is_utf8(s));
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        assert(c >= ' ' && c != 0x7f);
        assert(c != 0xc2 || (unsigned char)s.ptr[i + 1] >= 0xa0);
    }
}

static void check_failure(const struct hubspot_failure *f)
{
    const struct str texts[] = {f->category, f->sub_category,   f->message, f->context,
                                f->policy,   f->correlation_id, f->scopes};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        check_shown(texts[i], 2000);
    }
    assert(f->n_items <= FAILURE_ITEMS_MAX && f->n_items <= f->all_items);
    for (size_t i = 0; i < f->n_items; i++) {
        const struct hubspot_failure_item *e = &f->items[i];
        check_shown(e->message, 500);
        check_shown(e->code, 64);
        check_shown(e->sub_category, 64);
        check_shown(e->in, 64);
        check_shown(e->context, 300);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int STATUSES[] = {302, 400, 401, 403, 404, 409, 414, 423, 429, 477, 500, 502, 530};
    if (size == 0) {
        return 0;
    }
    int status = STATUSES[data[0] % ARRAY_LEN(STATUSES)];
    struct arena arena;
    struct hubspot_failure f;
    struct error err = {.code = ERR_OK};
    arena_init(&arena, 4 * (size_t)LIMIT_BODY_BYTES);
    hubspot_failure_decode(status, (struct str){(const char *)data + 1, size - 1}, &arena, &f);
    check_failure(&f);
    hubspot_failure_error(&f, "OBJECT_LIST", &err);
    struct str line = str_from(err.message);
    check_shown(line, ERROR_MESSAGE_MAX - 100); // room for "stream contacts: " and the like
    assert(err.code != ERR_OK && str_starts(line, STR("OBJECT_LIST: HubSpot")));
    assert(str_find(line, f.correlation_id) >= 0 && str_find(line, f.category) >= 0);
    assert(str_find(line, f.scopes) >= 0);
    arena_done(&arena);
    return 0;
}
