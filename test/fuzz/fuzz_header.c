// Any header value and any text for the request log: dates and Retry-After are read or refused, and
// a secret that stands behind its name never shows. The input: fields; the first is a header's
// value, the others are texts around a secret.
#include "fuzz.h"
#include "http/date.h"
#include "hubspot/request_log.h"
#include "hubspot/retry.h"

static const struct str SECRET = STR_INIT("0Secret0");

static void check_header(struct str value)
{
    int64_t ms = 0;
    int64_t now_ms = 1700000000000;
    int64_t after_ms = retry_after_ms(value, now_ms);
    assert(after_ms >= -1 && after_ms <= 1000000000000);
    if (http_date_parse(value, &ms)) {
        assert(ms >= -62135596800000 && ms < 253402300801000);
        assert(after_ms >= 0);
    }
}

static size_t count(struct str text, struct str what)
{
    size_t n = 0;
    for (ptrdiff_t at; (at = str_find(text, what)) >= 0; n++) {
        text = str_sub(text, (size_t)at + what.len, text.len);
    }
    return n;
}

// `before` + name + separator + secret + `after`, masked: no more of the secret than elsewhere.
static void check_mask(struct str before, const char *name, struct str after)
{
    struct buf text;
    struct buf out;
    buf_init(&text, 1 << 20);
    buf_init(&out, 1 << 22);
    buf_add(&text, before);
    buf_add_char(&text, '\n'); // a name begins behind it
    buf_add_cstr(&text, name);
    buf_add(&text, SECRET);
    buf_add_char(&text, '\n');
    buf_add(&text, after);
    request_mask(buf_str(&text), &out);
    assert(!text.overflow && !out.overflow);
    assert(count(buf_str(&out), SECRET) <= count(before, SECRET) + count(after, SECRET));
    buf_done(&out);
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const NAMES[] = {
        "Authorization: Bearer ", "access_token=", "\"refresh_token\": \"",
        "client_secret=",         "hapikey=",      "Bearer "};
    struct str rest = {(const char *)data, size};
    check_header(fuzz_field(&rest));
    struct str before = fuzz_field(&rest);
    struct str after = fuzz_field(&rest);
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        check_mask(before, NAMES[i], after);
    }
    return 0;
}
