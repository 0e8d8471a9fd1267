// The shim over simdjson's DOM. Only its public interface is used; what is compiled must fit
// versions 3.0 to 3.12.
//
// A `struct json` holds the bytes of a dom::element (a document and an index), so that a value
// costs nothing and needs no release. The same holds for the iterators.

#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <new>
#include <type_traits>

#include <simdjson.h>

// In C a function may share its name with a struct; in C++ the same reads as a hidden constructor.
#pragma GCC diagnostic ignored "-Wshadow"

extern "C" {
#include "core/error.h"
#include "core/limits.h"
#include "core/str.h"
}

#include "data/json.h"
#include "data/json_repair.h"

namespace dom
{
using namespace simdjson::dom;
}

namespace
{

// Memory above this is given back as soon as a body comes that needs much less of it.
constexpr size_t KEEP_BYTES = 4 * 1024 * 1024;
constexpr size_t MIN_BYTES = 4 * 1024;
// A count in the parsed form saturates here.
constexpr size_t COUNT_SATURATED = 0xFFFFFF;

static_assert(sizeof(dom::element) == sizeof(struct json));
static_assert(std::is_trivially_copyable_v<dom::element>);
static_assert(sizeof(dom::object::iterator) == sizeof(struct json));
static_assert(std::is_trivially_copyable_v<dom::object::iterator>);
static_assert(sizeof(dom::array::iterator) == sizeof(struct json));
static_assert(std::is_trivially_copyable_v<dom::array::iterator>);

struct json to_c(const dom::element &e)
{
    struct json v;
    std::memcpy(&v, static_cast<const void *>(&e), sizeof(v));
    return v;
}

dom::element from_c(struct json v)
{
    assert(v.doc);
    dom::element e;
    std::memcpy(static_cast<void *>(&e), &v, sizeof(e));
    return e;
}

struct str to_c(std::string_view s)
{
    return {s.data(), s.size()};
}

template <typename Iterator> void save(struct json_iter *it, const Iterator &at)
{
    struct json v;
    std::memcpy(&v, static_cast<const void *>(&at), sizeof(v));
    it->doc = v.doc;
    it->at = v.at;
}

template <typename Iterator> Iterator load(const struct json_iter *it)
{
    struct json v = {it->doc, it->at};
    Iterator at;
    std::memcpy(static_cast<void *>(&at), &v, sizeof(at));
    return at;
}

template <typename Container> struct json_iter start(const Container &c, bool object)
{
    struct json_iter last;
    save(&last, c.end());
    struct json_iter it;
    save(&it, c.begin());
    it.end = last.at;
    it.object = object;
    return it;
}

} // namespace

struct json_doc {
    dom::parser parser{LIMIT_BODY_BYTES};
    dom::document document;
    std::unique_ptr<char[]> body;
    size_t capacity = 0; // bytes of body that all parts have room for
};

namespace
{

void release(json_doc *d)
{
    d->parser = dom::parser(LIMIT_BODY_BYTES);
    d->document = dom::document();
    d->body.reset();
    d->capacity = 0;
}

// Room for a body of `len` bytes in all parts. Doubling, so that bodies that grow a little cost
// nothing.
void make_room(json_doc *d, size_t len)
{
    if (d->capacity > KEEP_BYTES && len < d->capacity / 4) {
        release(d);
    }
    if (d->body && len <= d->capacity) {
        return;
    }
    size_t want = d->capacity > 0 ? d->capacity : MIN_BYTES;
    while (want < len) {
        want *= 2;
    }
    d->body.reset(new (std::nothrow) char[want + simdjson::SIMDJSON_PADDING]);
    // One level more than the limit, since simdjson refuses what reaches its depth. Empty
    // containers do not count.
    if (!d->body || d->parser.allocate(want, LIMIT_JSON_DEPTH + 1) != simdjson::SUCCESS ||
        d->document.allocate(want) != simdjson::SUCCESS) {
        abort(); // out of memory; the size is bounded by LIMIT_BODY_BYTES
    }
    d->capacity = want;
}

bool too_long(size_t len, struct error *err)
{
    return error_set(err, ERR_LIMIT, "a JSON body of %zu bytes is over the limit of %d bytes", len,
                     static_cast<int>(LIMIT_BODY_BYTES));
}

// Parses the `len` bytes that are in d->body already.
simdjson::error_code parse_padded(json_doc *d, size_t len, struct json *ret_root)
{
    std::memset(d->body.get() + len, 0, simdjson::SIMDJSON_PADDING);
    dom::element root;
    simdjson::error_code rc =
        d->parser.parse_into_document(d->document, d->body.get(), len, false).get(root);
    if (rc == simdjson::SUCCESS) {
        *ret_root = to_c(root);
    }
    return rc;
}

bool fail(simdjson::error_code rc, size_t len, struct error *err)
{
    if (rc == simdjson::DEPTH_ERROR) {
        return error_set(err, ERR_LIMIT, "JSON nested deeper than %d levels",
                         static_cast<int>(LIMIT_JSON_DEPTH));
    }
    if (rc == simdjson::EMPTY) {
        return error_set(err, ERR_SOURCE_DATA, "JSON was expected, but the body is empty");
    }
    return error_set(err, ERR_SOURCE_DATA, "a body of %zu bytes is not valid JSON: %s", len,
                     simdjson::error_message(rc));
}

// Whether rewriting the body could help.
bool mendable(simdjson::error_code rc)
{
    return rc != simdjson::SUCCESS && rc != simdjson::DEPTH_ERROR && rc != simdjson::EMPTY &&
           rc != simdjson::CAPACITY && rc != simdjson::MEMALLOC;
}

bool parse(json_doc *d, struct str body, bool repair, struct json *ret_root, size_t *ret_repairs,
           struct error *err)
{
    if (body.len >= 3 && std::memcmp(body.ptr, "\xEF\xBB\xBF", 3) == 0) {
        body = {body.ptr + 3, body.len - 3}; // a byte order mark
    }
    if (body.len > LIMIT_BODY_BYTES) {
        return too_long(body.len, err);
    }
    make_room(d, body.len);
    if (body.len > 0) {
        std::memcpy(d->body.get(), body.ptr, body.len);
    }
    struct json root;
    simdjson::error_code rc = parse_padded(d, body.len, &root);
    struct json_mend mend = {};
    if (mendable(rc)) {
        mend = json_mend(body, repair, nullptr);
    }
    if (mend.repairs + mend.numbers > 0) {
        if (mend.len > LIMIT_BODY_BYTES) {
            return too_long(mend.len, err);
        }
        make_room(d, mend.len);
        json_mend(body, repair, d->body.get());
        rc = parse_padded(d, mend.len, &root);
    }
    if (rc != simdjson::SUCCESS) {
        return fail(rc, body.len, err);
    }
    *ret_root = root;
    *ret_repairs = mend.repairs;
    return true;
}

} // namespace

struct json_doc *json_doc_create(void)
{
    json_doc *d = new (std::nothrow) json_doc;
    if (!d) {
        abort();
    }
    return d;
}

void json_doc_destroy(struct json_doc *doc)
{
    delete doc;
}

bool json_parse(struct json_doc *doc, struct str body, struct json *ret_root, struct error *err)
{
    size_t repairs;
    return parse(doc, body, false, ret_root, &repairs, err);
}

bool json_parse_repair(struct json_doc *doc, struct str body, struct json *ret_root,
                       size_t *ret_repairs, struct error *err)
{
    return parse(doc, body, true, ret_root, ret_repairs, err);
}

size_t json_doc_memory(const struct json_doc *doc)
{
    // Per byte of capacity: the body, one index of 4 bytes, one tape word of 8, and 5/3 of strings.
    return sizeof(*doc) + doc->capacity * (1 + 4 + 8) + doc->capacity / 3 * 5;
}

enum json_type json_type(struct json v)
{
    switch (from_c(v).type()) {
    case dom::element_type::ARRAY:
        return JSON_ARRAY;
    case dom::element_type::OBJECT:
        return JSON_OBJECT;
    case dom::element_type::INT64:
        return JSON_INT;
    case dom::element_type::UINT64:
        return JSON_UINT;
    case dom::element_type::DOUBLE:
        return JSON_DOUBLE;
    case dom::element_type::STRING:
        return JSON_STRING;
    case dom::element_type::BOOL:
        return JSON_BOOL;
    case dom::element_type::NULL_VALUE:
        break;
    }
    return JSON_NULL;
}

bool json_string(struct json v, struct str *ret)
{
    std::string_view s;
    if (from_c(v).get_string().get(s) != simdjson::SUCCESS) {
        return false;
    }
    *ret = to_c(s);
    return true;
}

bool json_bool(struct json v, bool *ret)
{
    return from_c(v).get_bool().get(*ret) == simdjson::SUCCESS;
}

bool json_int(struct json v, int64_t *ret)
{
    return from_c(v).get_int64().get(*ret) == simdjson::SUCCESS;
}

bool json_uint(struct json v, uint64_t *ret)
{
    return from_c(v).get_uint64().get(*ret) == simdjson::SUCCESS;
}

bool json_double(struct json v, double *ret)
{
    return from_c(v).get_double().get(*ret) == simdjson::SUCCESS;
}

bool json_is_null(struct json v)
{
    return from_c(v).is_null();
}

struct json_iter json_iter(struct json container)
{
    dom::element e = from_c(container);
    dom::object object;
    if (e.get_object().get(object) == simdjson::SUCCESS) {
        return start(object, true);
    }
    dom::array array;
    if (e.get_array().get(array) == simdjson::SUCCESS) {
        return start(array, false);
    }
    return {container.doc, 0, 0, false};
}

bool json_next(struct json_iter *it, struct json *ret_value)
{
    if (it->at == it->end || it->object) {
        return false;
    }
    auto at = load<dom::array::iterator>(it);
    *ret_value = to_c(*at);
    ++at;
    save(it, at);
    return true;
}

bool json_next_field(struct json_iter *it, struct str *ret_key, struct json *ret_value)
{
    if (it->at == it->end || !it->object) {
        return false;
    }
    auto at = load<dom::object::iterator>(it);
    *ret_key = to_c(at.key());
    *ret_value = to_c(at.value());
    ++at;
    save(it, at);
    return true;
}

size_t json_count(struct json v)
{
    dom::element e = from_c(v);
    dom::object object;
    dom::array array;
    size_t count = 0;
    if (e.get_object().get(object) == simdjson::SUCCESS) {
        count = object.size();
    } else if (e.get_array().get(array) == simdjson::SUCCESS) {
        count = array.size();
    }
    if (count < COUNT_SATURATED) {
        return count;
    }
    count = 0;
    struct json_iter it = json_iter(v);
    struct str key;
    struct json value;
    while (it.object ? json_next_field(&it, &key, &value) : json_next(&it, &value)) {
        count++;
    }
    return count;
}

bool json_get(struct json v, struct str key, struct json *ret)
{
    dom::object object;
    dom::element found;
    if (from_c(v).get_object().get(object) != simdjson::SUCCESS ||
        object.at_key(std::string_view(key.ptr, key.len)).get(found) != simdjson::SUCCESS) {
        return false;
    }
    *ret = to_c(found);
    return true;
}

bool json_get_string(struct json v, struct str key, struct str *ret)
{
    struct json field;
    return json_get(v, key, &field) && json_string(field, ret);
}

bool json_get_int(struct json v, struct str key, int64_t *ret)
{
    struct json field;
    return json_get(v, key, &field) && json_int(field, ret);
}

bool json_get_bool(struct json v, struct str key, bool *ret)
{
    struct json field;
    return json_get(v, key, &field) && json_bool(field, ret);
}
