// The shim over simdjson's DOM. Only its public interface is used, and the form of its tape, which
// is documented; what is compiled must fit versions 3.0 to 3.12.
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
#include <utility>

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

struct json_parser {
    dom::parser parser{LIMIT_BODY_BYTES};
    std::unique_ptr<char[]> body; // padded copy of what is parsed
    size_t capacity = 0;          // bytes of body that both have room for
};

struct json_doc {
    dom::document document;
    size_t capacity = 0; // bytes of body that the document has room for
    size_t trimmed = 0;  // bytes that it takes instead, once it is trimmed
    std::unique_ptr<json_parser> own;
    json_parser *borrowed = nullptr; // for the next parse
};

namespace
{

// The capacity for `len` bytes: kept when it fits and is not far too large, else doubled, so that
// bodies that grow a little cost nothing. Returns the present one when nothing has to change.
size_t room_for(size_t capacity, size_t len)
{
    bool too_large = capacity > KEEP_BYTES && len < capacity / 4;
    if (len <= capacity && capacity > 0 && !too_large) {
        return capacity;
    }
    size_t want = too_large || capacity == 0 ? static_cast<size_t>(MIN_BYTES) : capacity;
    while (want < len) {
        want *= 2;
    }
    return want;
}

void make_room(json_parser *p, size_t len)
{
    size_t want = room_for(p->capacity, len);
    if (want == p->capacity) {
        return;
    }
    p->parser = dom::parser(LIMIT_BODY_BYTES);
    p->body.reset();
    p->body.reset(new (std::nothrow) char[want + simdjson::SIMDJSON_PADDING]);
    // One level more than the limit, since simdjson refuses what reaches its depth. Empty
    // containers do not count.
    if (!p->body || p->parser.allocate(want, LIMIT_JSON_DEPTH + 1) != simdjson::SUCCESS) {
        abort(); // out of memory; the size is bounded by LIMIT_BODY_BYTES
    }
    p->capacity = want;
}

void make_room(json_doc *d, size_t len)
{
    size_t want = room_for(d->capacity, len);
    if (want == d->capacity) {
        return;
    }
    d->document = dom::document();
    d->trimmed = 0;
    if (d->document.allocate(want) != simdjson::SUCCESS) {
        abort(); // out of memory, as above
    }
    d->capacity = want;
}

// What the words of a tape say; see simdjson's doc/tape.md, which has been the same since 0.3.
constexpr uint64_t TAPE_PAYLOAD = (UINT64_C(1) << 56) - 1;

// Bytes of the string buffer up to the end of the last string: a length of four bytes, the text and
// a NUL each.
size_t strings_used(const dom::document &d, size_t words)
{
    size_t end = 0;
    for (size_t i = 0; i < words; i++) {
        char type = static_cast<char>(d.tape[i] >> 56);
        if (type == '"') {
            size_t at = d.tape[i] & TAPE_PAYLOAD;
            uint32_t len;
            std::memcpy(&len, d.string_buf.get() + at, sizeof(len));
            end = MAX(end, at + sizeof(len) + len + 1);
        }
        i += type == 'l' || type == 'u' || type == 'd'; // the number is the next word
    }
    return end;
}

template <typename T> void cut(std::unique_ptr<T[]> *at, size_t n)
{
    std::unique_ptr<T[]> smaller(new (std::nothrow) T[n]);
    if (!smaller) {
        abort();
    }
    std::memcpy(smaller.get(), at->get(), n * sizeof(T));
    *at = std::move(smaller);
}

// The parser for the next parse: the borrowed one, which is given back with it, or the document's
// own.
json_parser *take_parser(json_doc *d)
{
    json_parser *p = d->borrowed;
    d->borrowed = nullptr;
    if (p) {
        return p;
    }
    if (!d->own) {
        d->own.reset(new (std::nothrow) json_parser);
        if (!d->own) {
            abort();
        }
    }
    return d->own.get();
}

bool too_long(size_t len, struct error *err)
{
    return error_set(err, ERR_LIMIT, "a JSON body of %zu bytes is over the limit of %d bytes", len,
                     static_cast<int>(LIMIT_BODY_BYTES));
}

// Parses the `len` bytes that are in p->body already.
simdjson::error_code parse_padded(json_parser *p, json_doc *d, size_t len, struct json *ret_root)
{
    std::memset(p->body.get() + len, 0, simdjson::SIMDJSON_PADDING);
    make_room(d, len);
    dom::element root;
    simdjson::error_code rc =
        p->parser.parse_into_document(d->document, p->body.get(), len, false).get(root);
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
    json_parser *p = take_parser(d);
    make_room(p, body.len);
    if (body.len > 0) {
        std::memcpy(p->body.get(), body.ptr, body.len);
    }
    struct json root;
    simdjson::error_code rc = parse_padded(p, d, body.len, &root);
    struct json_mend mend = {};
    if (mendable(rc)) {
        mend = json_mend(body, repair, nullptr);
    }
    if (mend.repairs + mend.numbers > 0) {
        if (mend.len > LIMIT_BODY_BYTES) {
            return too_long(mend.len, err);
        }
        make_room(p, mend.len);
        json_mend(body, repair, p->body.get());
        rc = parse_padded(p, d, mend.len, &root);
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

struct json_parser *json_parser_create(void)
{
    json_parser *p = new (std::nothrow) json_parser;
    if (!p) {
        abort();
    }
    return p;
}

void json_parser_destroy(struct json_parser *parser)
{
    delete parser;
}

void json_doc_use(struct json_doc *doc, struct json_parser *parser)
{
    doc->borrowed = parser;
}

void json_doc_trim(struct json_doc *doc)
{
    if (doc->capacity == 0) {
        return; // nothing is parsed, or it is trimmed already
    }
    size_t words = doc->document.tape[0] & TAPE_PAYLOAD;
    size_t bytes = strings_used(doc->document, words);
    cut(&doc->document.tape, words);
    cut(&doc->document.string_buf, bytes);
    doc->own.reset();
    doc->trimmed = words * sizeof(uint64_t) + bytes;
    doc->capacity = 0; // the next parse makes room anew
}

size_t json_doc_memory(const struct json_doc *doc)
{
    // Per byte of capacity: one tape word of 8 and 5/3 of strings; in a parser of its own the body
    // and one index of 4.
    size_t own = doc->own ? doc->own->capacity * (1 + 4) : 0;
    return sizeof(*doc) + own + doc->trimmed + doc->capacity * 8 + doc->capacity / 3 * 5;
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
