#include "source/hubspot/fetch.h"

enum { ERROR_SHOWN_MAX = 250, EMPTY_PAGES_MAX = 10 };

// A NUL can only come from its escape; the search costs far less than looking at each value.
static bool has_nul_escape(struct str body)
{
    return memmem(body.ptr, body.len, "\\u0000", 6) != NULL;
}

enum fetch_result fetch_parse(struct hubspot_client *client, struct hubspot_answer *a,
                              struct json_doc *doc, struct json *ret_root, bool *ret_suspicious,
                              struct error *err)
{
    assert(a->ok);
    size_t repairs = 0;
    json_doc_use(doc, hubspot_client_parser(client));
    if (json_parse_repair(doc, a->body, ret_root, &repairs, err)) {
        *ret_suspicious = repairs > 0 || has_nul_escape(a->body);
        hubspot_client_release(client, a);
        if (hubspot_client_is_thrifty(client)) {
            json_doc_trim(doc); // it waits to be loaded
        }
        return FETCH_OK;
    }
    error_context(err, "answer of %zu bytes", a->body.len);
    if (hubspot_client_again(client, a, err)) {
        return FETCH_AGAIN;
    }
    hubspot_client_release(client, a);
    return FETCH_FAILED;
}

bool fetch_json(struct hubspot_client *client, const struct hubspot_request *r,
                struct json_doc *doc, struct json *ret_root, size_t *ret_bytes, struct error *err)
{
    struct hubspot_answer *a = hubspot_client_call(client, r, err);
    while (a) {
        size_t bytes = a->body.len;
        bool suspicious = false;
        enum fetch_result result = fetch_parse(client, a, doc, ret_root, &suspicious, err);
        if (result == FETCH_OK && ret_bytes) {
            *ret_bytes = bytes;
        }
        if (result != FETCH_AGAIN) {
            return result == FETCH_OK;
        }
        a = hubspot_client_next(client, -1);
        if (!a) {
            return error_set(err, ERR_INTERRUPTED, "interrupted");
        }
        if (!a->ok) {
            *err = a->error;
            hubspot_client_release(client, a);
            return false;
        }
    }
    return false;
}

bool fetch_results(struct json root, struct json *ret, struct error *err)
{
    struct json results;
    if (!json_get(root, STR("results"), &results) || json_type(results) != JSON_ARRAY) {
        return error_set(err, ERR_SOURCE_DATA, "the answer has no list of \"results\"");
    }
    *ret = results;
    return true;
}

bool fetch_after(struct json v, char digits[FETCH_DIGITS_MAX], struct str *ret, struct error *err)
{
    struct json paging;
    struct json next;
    struct json after;
    struct str text = {NULL, 0};
    int64_t number = 0;
    if (!json_get(v, STR("paging"), &paging) || !json_get(paging, STR("next"), &next) ||
        json_is_null(next)) {
        *ret = text;
        return true;
    }
    if (json_get(next, STR("after"), &after) && !json_string(after, &text) &&
        json_int(after, &number)) {
        snprintf(digits, FETCH_DIGITS_MAX, "%lld", (long long)number);
        text = str_from(digits);
    }
    if (text.len == 0 || str_find_char(text, '\0') >= 0) {
        return error_set(err, ERR_SOURCE_DATA,
                         "the list goes on, but \"paging.next.after\" does not say from where");
    }
    *ret = text;
    return true;
}

bool fetch_cursor(struct json root, const char *current, char out[CURSOR_MAX], bool *ret_more,
                  int *empty_pages, struct error *err)
{
    char digits[FETCH_DIGITS_MAX];
    struct str after = {NULL, 0};
    if (!fetch_after(root, digits, &after, err)) {
        return false;
    }
    if (after.len >= CURSOR_MAX) {
        return error_set(err, ERR_SOURCE_DATA, "a cursor of %zu bytes; %d are understood",
                         after.len, CURSOR_MAX - 1);
    }
    // An empty page may well lead to where it stands itself: the next id is still the next.
    struct json results = {0};
    bool same = after.len > 0 && str_eq(after, str_from(current));
    bool empty = json_get(root, STR("results"), &results) && json_count(results) == 0;
    *empty_pages = same && empty ? *empty_pages + 1 : 0;
    if (same && (!empty || *empty_pages > EMPTY_PAGES_MAX)) {
        return error_set(err, ERR_SOURCE_DATA, "the next page of the list is the same page again");
    }
    memset(out, 0, CURSOR_MAX);
    memcpy(out, after.len > 0 ? after.ptr : "", after.len);
    *ret_more = after.len > 0;
    return true;
}

// "category subCategory: message" of one of the errors.
static bool explain(struct json e, struct error *err)
{
    static const struct str KEYS[] = {STR_INIT("category"), STR_INIT("subCategory"),
                                      STR_INIT("message")};
    struct str texts[ARRAY_LEN(KEYS)] = {0};
    struct arena arena;
    arena_init(&arena, ERROR_MESSAGE_MAX * ARRAY_LEN(KEYS));
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
        if (json_get_string(e, KEYS[i], &texts[i])) {
            texts[i] = hubspot_printable(texts[i], ERROR_SHOWN_MAX, &arena);
        }
    }
    error_set(err, ERR_SOURCE_DATA, "HubSpot could not read some records: %.*s %.*s: %.*s",
              STR_ARG(texts[0]), STR_ARG(texts[1]), STR_ARG(texts[2]));
    arena_done(&arena);
    return false;
}

bool fetch_errors(struct json root, struct error *err)
{
    struct json errors;
    if (!json_get(root, STR("errors"), &errors)) {
        return true;
    }
    struct json_iter it = json_iter(errors);
    struct json e;
    while (json_next(&it, &e)) {
        struct str category = {NULL, 0};
        struct str sub = {NULL, 0};
        json_get_string(e, STR("category"), &category);
        json_get_string(e, STR("subCategory"), &sub);
        if (!str_eq(category, STR("OBJECT_NOT_FOUND")) &&
            !str_ends(sub, STR("NO_ASSOCIATIONS_FOUND"))) {
            return explain(e, err);
        }
    }
    return true;
}
