#include "source/hubspot/fetch.h"

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
