#include "check.h"

#include "hubspot/errors.h"

enum { BODY_MAX = 1 << 20 };

struct decoded {
    struct arena arena;
    struct hubspot_failure failure;
    struct error error;
};

static void decode(struct decoded *d, int status, struct str body)
{
    arena_init(&d->arena, 16 << 20);
    hubspot_failure_decode(status, body, &d->arena, &d->failure);
    d->error = (struct error){0};
    assert_false(hubspot_failure_error(&d->failure, "OBJECT_LIST", &d->error));
    assert_int_equal(d->failure.status, status);
}

static void done(struct decoded *d)
{
    arena_done(&d->arena);
}

// Bytes that a terminal obeys, C1 controls in UTF-8 among them, and bytes that are no UTF-8.
static bool is_plain(const char *text)
{
    const unsigned char *b = (const unsigned char *)text;
    for (size_t i = 0; b[i]; i++) {
        size_t follow = b[i] < 0x80 ? 0 : b[i] >= 0xf0 ? 3 : b[i] >= 0xe0 ? 2 : 1;
        if (b[i] < ' ' || b[i] == 0x7f || (b[i] >= 0x80 && b[i] < 0xc2) ||
            (b[i] == 0xc2 && b[i + 1] < 0xa0)) {
            return false;
        }
        for (; follow > 0; follow--) {
            if ((b[++i] & 0xc0) != 0x80) {
                return false;
            }
        }
    }
    return true;
}

static void test_status_codes(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum error_code code;
    } ROWS[] = {
        {400, ERR_REQUEST},
        {401, ERR_CREDENTIALS},
        {402, ERR_REQUEST},
        {403, ERR_SCOPE},
        {404, ERR_NOT_FOUND},
        {405, ERR_REQUEST},
        {409, ERR_CONFLICT},
        {413, ERR_REQUEST},
        {414, ERR_URL_TOO_LONG},
        {415, ERR_REQUEST},
        {422, ERR_REQUEST},
        {423, ERR_LOCKED},
        {429, ERR_RATE_LIMITED},
        {477, ERR_MIGRATING},
        {499, ERR_REQUEST},
        {530, ERR_CREDENTIALS},
        {500, ERR_SOURCE_UNAVAILABLE},
        {502, ERR_SOURCE_UNAVAILABLE},
        {599, ERR_SOURCE_UNAVAILABLE},
        {302, ERR_REDIRECT},
        {999, ERR_SOURCE_UNAVAILABLE},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        assert_int_equal(hubspot_status_code(ROWS[i].status), ROWS[i].code);
    }
}

static void test_json(void **state)
{
    (void)state;
    struct decoded d;
    decode(
        &d, 400,
        STR("{\"status\":\"error\",\"message\":\"Invalid input JSON on line 1\",\"correlationId\":"
            "\"a43683b0-5717\",\"category\":\"VALIDATION_ERROR\",\"unknown\":[1,{}]}"));
    check_str(d.failure.category, "VALIDATION_ERROR");
    check_str(d.failure.message, "Invalid input JSON on line 1");
    check_str(d.failure.correlation_id, "a43683b0-5717");
    assert_int_equal(d.failure.policy.len, 0);
    assert_int_equal(d.failure.scopes.len, 0);
    assert_int_equal(d.error.code, ERR_REQUEST);
    assert_string_equal(d.error.message,
                        "OBJECT_LIST: HubSpot answered 400 VALIDATION_ERROR: Invalid input JSON on "
                        "line 1 (correlationId a43683b0-5717)");
    done(&d);
}

static void test_all_fields(void **state)
{
    (void)state;
    struct decoded d;
    decode(
        &d, 400,
        STR("{\"category\":\"VALIDATION_ERROR\",\"subCategory\":\"associations.BAD\",\"message\":"
            "\"Invalid input\",\"correlationId\":\"c-9\",\"context\":{\"ids\":[\"1\",2,true],"
            "\"type\":\"deals\"},\"errors\":[{\"message\":\"no such id\",\"in\":\"inputs[0]\","
            "\"code\":\"NOT_THERE\",\"subCategory\":\"x.Y\",\"context\":{\"objectWriteTraceId\":"
            "[\"t-1\"]}},7,{\"message\":\"Invalid input\"},{\"message\":\"another\"}]}"));
    const struct hubspot_failure *f = &d.failure;
    check_str(f->sub_category, "associations.BAD");
    check_str(f->context, "ids: 1, 2, ...; type: deals");
    assert_int_equal(f->n_items, 3);
    assert_int_equal(f->all_items, 4);
    check_str(f->items[0].message, "no such id");
    check_str(f->items[0].in, "inputs[0]");
    check_str(f->items[0].code, "NOT_THERE");
    check_str(f->items[0].sub_category, "x.Y");
    check_str(f->items[0].context, "objectWriteTraceId: t-1");
    check_str(f->items[2].message, "another");
    // What only repeats the message is not told again.
    assert_string_equal(
        d.error.message,
        "OBJECT_LIST: HubSpot answered 400 VALIDATION_ERROR/associations.BAD: Invalid "
        "input [NOT_THERE x.Y in inputs[0] no such id (objectWriteTraceId: t-1); "
        "another; 4 in all] (correlationId c-9)");
    done(&d);
    decode(&d, 401,
           STR("{\"category\":\"EXPIRED_AUTHENTICATION\",\"message\":\"expired 3 minute(s) ago\","
               "\"context\":{\"expire time\":[\"2026-11-22T10:00:00Z\"]}}"));
    assert_string_equal(d.error.message,
                        "OBJECT_LIST: HubSpot answered 401 EXPIRED_AUTHENTICATION: expired 3 "
                        "minute(s) ago [expire time: 2026-11-22T10:00:00Z]");
    done(&d);
}

#define VALUE(name, code, message)                                                                 \
    "{\\\"isValid\\\":false,\\\"message\\\":\\\"" message "\\\",\\\"error\\\":\\\"" code           \
    "\\\",\\\"name\\\":\\\"" name                                                                  \
    "\\\",\\\"localizedErrorMessage\\\":\\\"x\\\",\\\"portalId\\\":7}"

// HubSpot puts a JSON list into the message when values are refused.
static void test_refused_values(void **state)
{
    (void)state;
    static const struct {
        const char *body, *message;
    } ROWS[] = {
        {"{\"message\":\"Property values were not valid: [" VALUE(
             "amount", "INVALID_LONG",
             "ten was not a valid long.") "," VALUE("stage", "INVALID_OPTION",
                                                    "no such option") "]\","
                                                                      "\"errors\":[{\"message\":"
                                                                      "\"ten was not a valid "
                                                                      "long.\",\"code\":\"INVALID_"
                                                                      "LONG\",\"context\":"
                                                                      "{\"propertyName\":["
                                                                      "\"amount\"]}}]}",
         "Property values were not valid: amount: INVALID_LONG: ten was not a valid long.; stage: "
         "INVALID_OPTION: no such option"},
        {"{\"message\":\"Values: [{\\\"name\\\":\\\"a\\\"}]  \"}", "Values: a"},
        // What is no such list stays as it is.
        {"{\"message\":\"Values: [{\\\"other\\\":1}]\"}", "Values: [{\"other\":1}]"},
        {"{\"message\":\"Values: [{\\\"name\\\":}]\"}", "Values: [{\"name\":}]"},
        {"{\"message\":\"Values: [{\\\"name\\\":\\\"a\\\"}\"}", "Values: [{\"name\":\"a\"}"},
        {"{\"message\":\": [{}]\"}", ": [{}]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct decoded d;
        char want[512];
        decode(&d, 400, str_from(ROWS[i].body));
        check_str(d.failure.message, ROWS[i].message);
        snprintf(want, sizeof want, "OBJECT_LIST: HubSpot answered 400: %s", ROWS[i].message);
        assert_string_equal(d.error.message, want);
        done(&d);
    }
}

// Many faulty values and many errors: bounded, and the correlationId is told.
static void test_many_items(void **state)
{
    (void)state;
    char *body = malloc(BODY_MAX);
    assert_non_null(body);
    size_t len = (size_t)snprintf(body, BODY_MAX, "{\"correlationId\":\"c-1\",\"message\":\"V: [");
    for (int i = 0; i < 1000; i++) {
        len += (size_t)snprintf(body + len, BODY_MAX - len, "%s{\\\"name\\\":\\\"property_%d\\\"}",
                                i ? "," : "", i);
    }
    len +=
        (size_t)snprintf(body + len, BODY_MAX - len, "]\",\"errors\":[{\"code\":\"FIRST_ITEM\"}");
    for (int i = 0; i < 1000; i++) {
        len +=
            (size_t)snprintf(body + len, BODY_MAX - len, ",{\"message\":\"another item %d\"}", i);
    }
    len += (size_t)snprintf(body + len, BODY_MAX - len, "]}");
    struct decoded d;
    decode(&d, 400, (struct str){body, len});
    assert_int_equal(d.failure.n_items, FAILURE_ITEMS_MAX);
    assert_int_equal(d.failure.all_items, 1001);
    assert_in_range(d.failure.message.len, 1000, 2000);
    check_contains(d.error.message, ": V: property_0; property_1; ");
    check_contains(d.error.message, " [FIRST_ITEM; another item 0; another item 1; 1001 in all]");
    check_contains(d.error.message, "(correlationId c-1)");
    assert_true(strlen(d.error.message) <= 900);
    done(&d);
    free(body);
}

// The edge speaks for itself, not for HubSpot: what it refuses may be granted a little later.
static void test_edge(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        bool edge;
        enum error_code code;
    } ROWS[] = {
        {403, "<html><h1>Sorry, you have been blocked</h1></html>", true, ERR_SOURCE_UNAVAILABLE},
        {403, "error code: 1006", true, ERR_SOURCE_UNAVAILABLE},
        {403, "\r\n error code: 1006", true, ERR_SOURCE_UNAVAILABLE},
        {409, "error code: 1018", true, ERR_SOURCE_UNAVAILABLE},
        {403, "{\"category\":\"MISSING_SCOPES\"}", false, ERR_SCOPE},
        {409, "{\"category\":\"CONFLICT\"}", false, ERR_CONFLICT},
        {409, "{\"category\":\"CONFLICT\",\"mess", false, ERR_CONFLICT}, // cut
        {409, "[]", false, ERR_CONFLICT},
        {403, "", false, ERR_SCOPE},
        {403, " \n", false, ERR_SCOPE},
        {400, "<html>400</html>", true, ERR_REQUEST},
        {414, "<html>Request-URI Too Large</html>", true, ERR_URL_TOO_LONG},
        {401, "Unauthorized", true, ERR_CREDENTIALS},
        {404, "<html>", true, ERR_NOT_FOUND},
        {429, "error code: 1015", true, ERR_RATE_LIMITED},
        {502, "<html>", true, ERR_SOURCE_UNAVAILABLE},
        {530, "error code: 1016", true, ERR_CREDENTIALS},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct decoded d;
        decode(&d, ROWS[i].status, str_from(ROWS[i].body));
        check_row(d.failure.edge == ROWS[i].edge, ROWS[i].body);
        check_row(d.error.code == ROWS[i].code, ROWS[i].body);
        bool other = ROWS[i].code != hubspot_status_code(ROWS[i].status);
        check_row((strstr(d.error.message, "HubSpot's edge answered") != NULL) == other,
                  ROWS[i].body);
        done(&d);
    }
}

// Every field may be absent, or of another type than documented.
static void test_odd_json(void **state)
{
    (void)state;
    static const char *const ROWS[] = {
        "{}",
        "{\"message\":null,\"category\":7,\"correlationId\":{},\"policyName\":[]}",
        "{\"errors\":7}",
        "{\"errors\":[7,null,{\"context\":7},{\"context\":{\"requiredGranularScopes\":7}}]}",
        "{\"errors\":{\"context\":{\"requiredScopes\":[null,7,{}]}}}",
        ("{\"subCategory\":{},\"context\":[1],\"errors\":[{\"context\":{}},{\"code\":7,\"in\":[]},["
         "]"
         "]}"),
        "{\"message\":\"\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct decoded d;
        decode(&d, 500, str_from(ROWS[i]));
        assert_string_equal(d.error.message, "OBJECT_LIST: HubSpot answered 500");
        done(&d);
    }
}

static void test_missing_scopes(void **state)
{
    (void)state;
    struct decoded d;
    decode(&d, 403,
           STR("{\"category\":\"MISSING_SCOPES\",\"message\":\"This app hasn't been granted all "
               "required scopes\",\"errors\":[{\"message\":\"All of the following scopes are "
               "required.\",\"context\":{\"requiredGranularScopes\":[\"crm.objects.tickets.read\","
               "\"tickets\",\"crm.objects.tickets.read\"]}},{\"context\":{\"requiredScopes\":["
               "\"contacts\",\"tickets\",\"tick\"]}}]}"));
    check_str(d.failure.scopes, "crm.objects.tickets.read, tickets, contacts, tick");
    assert_int_equal(d.error.code, ERR_SCOPE);
    check_contains(d.error.message, "MISSING_SCOPES");
    check_contains(d.error.message,
                   "(missing scopes: crm.objects.tickets.read, tickets, contacts, tick)");
    done(&d);
}

static void test_policies(void **state)
{
    (void)state;
    static const struct {
        const char *policy;
        enum error_code code;
    } ROWS[] = {
        {"DAILY", ERR_DAILY_LIMIT},     {"TEN_SECONDLY_ROLLING", ERR_RATE_LIMITED},
        {"SECONDLY", ERR_RATE_LIMITED}, {"daily", ERR_RATE_LIMITED},
        {"", ERR_RATE_LIMITED},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct decoded d;
        char body[256];
        snprintf(body, sizeof body,
                 "{\"errorType\":\"RATE_LIMIT\",\"message\":\"You have reached your limit.\","
                 "\"policyName\":\"%s\"}",
                 ROWS[i].policy);
        decode(&d, 429, str_from(body));
        check_str(d.failure.policy, ROWS[i].policy);
        assert_int_equal(d.error.code, ROWS[i].code);
        done(&d);
        decode(&d, 400, str_from(body)); // a policy means nothing without a 429
        assert_int_equal(d.error.code, ERR_REQUEST);
        done(&d);
    }
}

// A refusal without a policy says its limit in words.
static void test_policies_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *message, *policy;
        enum error_code code;
    } ROWS[] = {
        {"You have reached your daily limit.", "DAILY", ERR_DAILY_LIMIT},
        {"You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING",
         ERR_RATE_LIMITED},
        {"You have reached your secondly limit.", "SECONDLY", ERR_RATE_LIMITED},
        {"You have reached your limit.", "", ERR_RATE_LIMITED},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct decoded d;
        char body[256];
        snprintf(body, sizeof body, "{\"category\":\"RATE_LIMITS\",\"message\":\"%s\"}",
                 ROWS[i].message);
        decode(&d, 429, str_from(body));
        check_str(d.failure.policy, ROWS[i].policy);
        assert_int_equal(d.error.code, ROWS[i].code);
        done(&d);
        decode(&d, 400, str_from(body));
        assert_int_equal(d.failure.policy.len, 0);
        done(&d);
    }
}

// 414 is said of an address by the edge, and of a record by HubSpot.
static void test_two_kinds_of_414(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum error_code code;
    } ROWS[] = {
        {"", ERR_URL_TOO_LONG},
        {"{}", ERR_URL_TOO_LONG},
        {"<html>414 Request-URI Too Large</html>", ERR_URL_TOO_LONG},
        {"{\"message\":\"URI Too Long\"}", ERR_URL_TOO_LONG},
        {"{\"message\":\"The URL is too long\",\"category\":\"X\"}", ERR_URL_TOO_LONG},
        {"{\"message\":\"Cannot have more than 250 identities on a profile\"}", ERR_REQUEST},
        {"{\"category\":\"VALIDATION_ERROR\"}", ERR_REQUEST},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct decoded d;
        decode(&d, 414, str_from(ROWS[i].body));
        check_row(d.error.code == ROWS[i].code, ROWS[i].body);
        done(&d);
    }
}

// Bytes that are no text spoil the text they are in, not what stands beside it.
static void test_broken_text(void **state)
{
    (void)state;
    struct decoded d;
    decode(&d, 429,
           STR("{\"message\":\"a\xff\xfe b\x01 \\ud800c\",\"policyName\":\"DAILY\","
               "\"category\":\"RATE_LIMITS\",\"correlationId\":\"c-1\"}"));
    check_str(d.failure.message, "a b c");
    assert_int_equal(d.error.code, ERR_DAILY_LIMIT);
    check_contains(d.error.message, "RATE_LIMITS: a b c (correlationId c-1)");
    done(&d);
}

static void test_bodies_without_json(void **state)
{
    (void)state;
    static const struct {
        struct str body;
        const char *want;
    } ROWS[] = {
        {STR_INIT(""), ""},
        {STR_INIT(" \r\n\t"), ""},
        {STR_INIT("upstream  connect\n error"), ": upstream connect error"},
        {STR_INIT(
             "<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<center><h1>502 Bad "
             "Gateway</h1></center>\n</body></html>"),
         ": 502 Bad Gateway 502 Bad Gateway"},
        {STR_INIT("<!-- no end"), ""},
        {STR_INIT("1 > 0"), ": 1 0"},
        {STR_INIT("\"only a string\""), ": \"only a string\""},
        {STR_INIT("[{\"message\":\"not in a list\"}]"), ": [{\"message\":\"not in a list\"}]"},
        {STR_INIT("{\"message\":\"cut"), ": {\"message\":\"cut"},
        {STR_INIT("\x1b[2Jcleared\a\x7f"), ": [2Jcleared"},
        {STR_INIT("a\0b"), ": a b"},
        {STR_INIT("caf\xc3\xa9 \xff\xfe latin \xe9"), ": caf\xc3\xa9 latin"},
        {STR_INIT("csi \xc2\x9b"
                  "31m"),
         ": csi 31m"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct decoded d;
        decode(&d, 502, ROWS[i].body);
        char want[256];
        snprintf(want, sizeof want, "OBJECT_LIST: HubSpot answered 502%s", ROWS[i].want);
        assert_string_equal(d.error.message, want);
        done(&d);
    }
}

static void test_printable(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        size_t max;
        const char *want;
    } ROWS[] = {
        {STR_INIT(""), 4, ""},
        {STR_INIT("abcd"), 4, "abcd"},
        {STR_INIT("abcde"), 4, "abcd"},
        {STR_INIT("a\xe2\x82\xac"), 4, "a\xe2\x82\xac"},
        {STR_INIT("ab\xe2\x82\xac"), 4, "ab"},
        {STR_INIT("abc\n"), 4, "abc"},
        {STR_INIT("abcd\n\n"), 4, "abcd"},
        {STR_INIT("\x01\x02 a\x1f\x7f\xc2\x80\xc2\x9f\xc2\xa0z"), 20, "a \xc2\xa0z"},
        {STR_INIT("\xed\xa0\x80x\xc0\x80"), 20, "x"},
    };
    struct arena arena;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        check_str(hubspot_printable(ROWS[i].text, ROWS[i].max, &arena), ROWS[i].want);
    }
    arena_done(&arena);
}

static void test_hostile_json(void **state)
{
    (void)state;
    static const char BODY[] =
        "{\"category\":\"A\\u001b[31mB\",\"message\":\"one\\ntwo\\r\\u0007\\u0000three\\u009b31m "
        "\\u001b]0;title\\u0007 "
        "caf\\u00e9\",\"correlationId\":\"c\\u001bd\",\"errors\":[{\"context\":{"
        "\"requiredScopes\":[\"s\\u001b\\u0000t\"]}}]}";
    struct decoded d;
    decode(&d, 403, str_from(BODY));
    assert_true(is_plain(d.error.message));
    check_contains(d.error.message, "A [31mB");
    check_contains(d.error.message, "one two three 31m ]0;title caf\xc3\xa9");
    check_contains(d.error.message, "correlationId c d)");
    check_contains(d.error.message, "missing scopes: s t)");
    done(&d);
}

// Fills the body with a field of `n` times `unit`, between the two parts.
static struct str long_body(char *out, const char *before, const char *unit, size_t n,
                            const char *after)
{
    size_t len = (size_t)snprintf(out, BODY_MAX, "%s", before);
    for (size_t i = 0; i < n; i++) {
        len += (size_t)snprintf(out + len, BODY_MAX - len, "%s", unit);
    }
    len += (size_t)snprintf(out + len, BODY_MAX - len, "%s", after);
    assert_true(len < BODY_MAX);
    return (struct str){out, len};
}

// However long one part is, the others are still told: support asks for the correlationId.
static void test_long_parts(void **state)
{
    (void)state;
    static const struct {
        const char *before, *unit;
        size_t n;
        const char *after;
    } ROWS[] = {
        {"{\"message\":\"", "x", 5000, "\",\"correlationId\":\"c-1\",\"category\":\"CAT\"}"},
        {"{\"category\":\"CAT", "x", 5000, "\",\"correlationId\":\"c-1\"}"},
        {"{\"correlationId\":\"c-1", "x", 5000, "\",\"category\":\"CAT\"}"},
        {"{\"message\":\"a", "\xe2\x82\xac", 3000,
         "\",\"correlationId\":\"c-1\",\"category\":\"CAT\"}"},
        {"{\"message\":\"", "\xf0\x9f\x98\x80", 3000,
         "\",\"correlationId\":\"c-1\",\"category\":\"CAT\"}"},
        {"{\"message\":\"m\",\"correlationId\":\"c-1\",\"category\":\"CAT\",\"errors\":[{"
         "\"context\":{"
         "\"requiredScopes\":[\"first\"",
         ",\"scope.that.is.rather.long.by.itself\"", 500, "]}}]}"},
        {"{\"message\":\"m\",\"correlationId\":\"c-1\",\"category\":\"CAT\",\"errors\":[{"
         "\"context\":{"
         "\"requiredScopes\":[\"",
         "s", 50000, "\",\"t\"]}}]}"},
    };
    char *body = malloc(BODY_MAX);
    assert_non_null(body);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct decoded d;
        decode(&d, 403, long_body(body, ROWS[i].before, ROWS[i].unit, ROWS[i].n, ROWS[i].after));
        check_row(is_plain(d.error.message), ROWS[i].before);
        check_contains(d.error.message, "answered 403 CAT");
        check_contains(d.error.message, "correlationId c-1");
        check_row(strlen(d.error.message) < ERROR_MESSAGE_MAX - 1, ROWS[i].before);
        done(&d);
    }
    struct decoded d; // text of the edge, cut between characters
    decode(&d, 502, long_body(body, "a", "\xe2\x82\xac", 3000, ""));
    assert_true(is_plain(d.error.message) && strlen(d.error.message) < 300);
    done(&d);
    free(body);
}

static void test_all_parts_long(void **state)
{
    (void)state;
    static const char *const FIELDS[] = {"category\":\"CAT", "message\":\"mmm",
                                         "policyName\":\"pol", "correlationId\":\"c-1",
                                         "errors\":[{\"context\":{\"requiredScopes\":[\"sco"};
    char *body = malloc(BODY_MAX);
    assert_non_null(body);
    size_t len = 0;
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        len += (size_t)snprintf(body + len, BODY_MAX - len, "%c\"%s", i ? ',' : '{', FIELDS[i]);
        memset(body + len, 'x', 5000);
        len += 5000;
        body[len++] = '"';
    }
    len += (size_t)snprintf(body + len, BODY_MAX - len, "]}}]}");
    struct decoded d;
    decode(&d, 403, (struct str){body, len});
    check_contains(d.error.message, "403 CATxxx");
    check_contains(d.error.message, "xxx: mmmxxx");
    check_contains(d.error.message, "missing scopes: scoxxx");
    check_contains(d.error.message, "correlationId c-1xxx");
    check_contains(d.error.message, "xxx)");
    done(&d);
    free(body);
}

// Many different scopes: as many as fit, and that there are more.
static void test_many_scopes(void **state)
{
    (void)state;
    char *body = malloc(BODY_MAX);
    assert_non_null(body);
    static const int COUNTS[] = {17, 5000};
    for (size_t k = 0; k < ARRAY_LEN(COUNTS); k++) {
        size_t len =
            (size_t)snprintf(body, BODY_MAX, "{\"errors\":[{\"context\":{\"requiredScopes\":[");
        for (int i = 0; i < COUNTS[k]; i++) {
            len += (size_t)snprintf(body + len, BODY_MAX - len, "%s\"%s.%d\"", i ? "," : "",
                                    k ? "a.scope.with.a.long.name" : "s", i);
        }
        len += (size_t)snprintf(body + len, BODY_MAX - len, "]}}]}");
        struct decoded d;
        decode(&d, 403, (struct str){body, len});
        check_contains(d.error.message, k ? "name.0, a.scope.with" : "s.0, s.1, ");
        check_contains(d.error.message, ", ...)");
        assert_in_range(d.failure.scopes.len, 50, 300);
        done(&d);
    }
    free(body);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_status_codes),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_odd_json),
        cmocka_unit_test(test_missing_scopes),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_bodies_without_json),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_hostile_json),
        cmocka_unit_test(test_long_parts),
        cmocka_unit_test(test_all_parts_long),
        cmocka_unit_test(test_many_scopes),
        cmocka_unit_test(test_all_fields),
        cmocka_unit_test(test_refused_values),
        cmocka_unit_test(test_many_items),
        cmocka_unit_test(test_edge),
        cmocka_unit_test(test_policies_in_words),
        cmocka_unit_test(test_two_kinds_of_414),
        cmocka_unit_test(test_broken_text),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
