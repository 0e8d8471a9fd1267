#include "sim/validate.h"

#include "core/limits.h"
#include "core/timestamp.h"
#include "sim/sim.h"
#include "sim/text.h"

#include <stdarg.h>

enum { MESSAGE_MAX = 1024 * 1024, DAY_MS = 86400000 };

bool invalids_add(struct call *c, struct invalids *list, struct str name, const char *code,
                  const char *fmt, ...)
{
    struct buf message;
    buf_init(&message, MESSAGE_MAX);
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&message, fmt, args);
    va_end(args);
    if (list->n == list->cap) {
        list->cap = MAX(list->cap * 2, (size_t)8);
        struct invalid *items = ARENA_ARRAY(c->arena, struct invalid, list->cap);
        if (list->n > 0) {
            memcpy(items, list->items, list->n * sizeof(*items));
        }
        list->items = items;
    }
    list->items[list->n++] = (struct invalid){name, code, arena_dup(c->arena, buf_str(&message))};
    buf_done(&message);
    return false;
}

static void put_invalid(struct json_writer *w, const struct invalid *i, uint64_t portal_id)
{
    json_begin_object(w);
    json_field_bool(w, "isValid", false);
    json_field_str(w, "message", i->message);
    json_field_str(w, "error", str_from(i->code));
    json_field_str(w, "name", i->name);
    json_field_str(w, "localizedErrorMessage", i->message);
    json_field_int(w, "portalId", (int64_t)portal_id);
    json_end_object(w);
}

static void put_detail(struct json_writer *w, const struct invalid *i)
{
    json_begin_object(w);
    json_field_str(w, "message", i->message);
    json_field_str(w, "code", str_from(i->code));
    json_key(w, STR("context"));
    json_begin_object(w);
    json_key(w, STR("propertyName"));
    json_begin_array(w);
    json_put_str(w, i->name);
    json_end_array(w);
    json_end_object(w);
    json_end_object(w);
}

bool invalids_refuse(struct call *c, const struct invalids *list, struct refusal *ret)
{
    assert(list->n > 0);
    struct buf all;
    buf_init(&all, LIMIT_BODY_BYTES);
    struct json_writer w;
    json_writer_init(&w, &all);
    json_begin_array(&w);
    for (size_t i = 0; i < list->n; i++) {
        put_invalid(&w, &list->items[i], c->sim->portal->options.portal_id);
    }
    json_end_array(&w);
    refuse(c, ret, 400, "VALIDATION_ERROR", "Property values were not valid: %.*s",
           STR_ARG(buf_str(&all)));
    buf_reset(&all);
    json_writer_init(&w, &all);
    json_begin_array(&w);
    for (size_t i = 0; i < list->n; i++) {
        put_detail(&w, &list->items[i]);
    }
    json_end_array(&w);
    ret->errors = arena_dup(c->arena, str_sub(buf_str(&all), 1, all.len - 2));
    buf_done(&all);
    return false;
}

struct checked {
    struct call *call;
    const struct property *property;
    struct invalids *list;
};

#define INVALID(k, code, ...)                                                                      \
    invalids_add((k)->call, (k)->list, (k)->property->name, code, __VA_ARGS__)

static size_t count_characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return n;
}

static bool is_host_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || (unsigned char)c >= 0x80;
}

// "example.com": at least one dot, none at the ends nor two in a row.
static bool is_host(struct str s)
{
    bool dot = false;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_host_character(s.ptr[i])) {
            return false;
        }
        if (s.ptr[i] == '.') {
            if (i == 0 || i + 1 == s.len || s.ptr[i - 1] == '.') {
                return false;
            }
            dot = true;
        }
    }
    return dot;
}

bool validate_email(struct str s)
{
    ptrdiff_t at = str_find_char(s, '@');
    if (at <= 0 || s.len > 254) {
        return false;
    }
    struct str local = str_sub(s, 0, (size_t)at);
    for (size_t i = 0; i < local.len; i++) {
        unsigned char c = (unsigned char)local.ptr[i];
        bool dot = c == '.' && (i == 0 || i + 1 == local.len || local.ptr[i - 1] == '.');
        if (c <= ' ' || dot || strchr("\"(),:;<>[\\]", c)) {
            return false;
        }
    }
    return is_host(str_sub(s, (size_t)at + 1, s.len));
}

// Made for texts of known kinds; others are only bounded in length.
static bool check_email(const struct checked *k, struct str value)
{
    return validate_email(value) ||
           INVALID(k, "INVALID_EMAIL", "Email address %.*s is invalid", STR_ARG(value));
}

static bool check_domain(const struct checked *k, struct str value)
{
    return is_host(value) ||
           INVALID(k, "INVALID_DOMAIN", "%.*s is not a valid domain name", STR_ARG(value));
}

static bool contains(struct str s, struct str part)
{
    for (size_t i = 0; i + part.len <= s.len; i++) {
        if (str_eq_nocase(str_sub(s, i, part.len), part)) {
            return true;
        }
    }
    return false;
}

static bool check_no_url(const struct checked *k, struct str value)
{
    bool url = contains(value, STR("http://")) || contains(value, STR("https://")) ||
               contains(value, STR("www."));
    return !url ||
           INVALID(k, "CONTAINS_URL", "%.*s contains a URL, which a name must not", STR_ARG(value));
}

static const struct {
    enum value_kind kind;
    bool (*check)(const struct checked *k, struct str value);
} text_checks[] = {
    {KIND_EMAIL, check_email},
    {KIND_DOMAIN, check_domain},
    {KIND_FIRST_NAME, check_no_url},
    {KIND_LAST_NAME, check_no_url},
};

static bool check_further_emails(const struct checked *k, struct str value)
{
    struct str one;
    while (value.len > 0 && str_next(&value, ';', &one)) {
        if (one.len > 0 && !check_email(k, one)) {
            return false;
        }
    }
    return true;
}

static bool check_string(const struct checked *k, struct str value, struct str *ret)
{
    size_t n = count_characters(value);
    if (n > VALUE_CHARACTERS_MAX) {
        return INVALID(k, "MAX_LENGTH", "%zu characters are more than the maximum of %d", n,
                       VALUE_CHARACTERS_MAX);
    }
    for (size_t i = 0; i < ARRAY_LEN(text_checks); i++) {
        if (text_checks[i].kind == k->property->kind && !text_checks[i].check(k, value)) {
            return false;
        }
    }
    *ret = value;
    return !str_eq(k->property->name, STR("hs_additional_emails")) ||
           check_further_emails(k, value);
}

// Digits, one minus in front, one dot.
static bool is_number(struct str s)
{
    size_t digits = 0;
    size_t dots = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        digits += c >= '0' && c <= '9' ? 1 : 0;
        dots += c == '.' ? 1 : 0;
        if (!((c >= '0' && c <= '9') || c == '.' || (c == '-' && i == 0))) {
            return false;
        }
    }
    return digits > 0 && dots <= 1;
}

static bool check_number(const struct checked *k, struct str value, struct str *ret)
{
    *ret = value;
    return is_number(value) ||
           INVALID(k, "INVALID_INTEGER", "%.*s was not a valid integer.", STR_ARG(value));
}

static bool check_date(const struct checked *k, struct str value, struct str *ret)
{
    int64_t ms;
    bool number = str_to_int64(value, &ms);
    if (!number && (value.len != TEXT_DATE_MAX || !timestamp_parse(value, &ms))) {
        return INVALID(k, "INVALID_DATE", "%.*s was not a valid date.", STR_ARG(value));
    }
    int64_t of_day = ((ms % DAY_MS) + DAY_MS) % DAY_MS;
    if (of_day != 0) {
        return INVALID(k, "INVALID_DATE", "%lld is at %d:%d:%d.%03d UTC, not midnight!",
                       (long long)ms, (int)(of_day / 3600000), (int)(of_day / 60000 % 60),
                       (int)(of_day / 1000 % 60), (int)(of_day % 1000));
    }
    if (ms < INT64_C(-62135596800000) || ms > INT64_C(253402300799999)) { // years 1 to 9999
        return INVALID(k, "INVALID_DATE", "%.*s was not a valid date.", STR_ARG(value));
    }
    char *text = arena_alloc(k->call->arena, TEXT_DATE_MAX);
    text_date(text, ms / DAY_MS - (ms % DAY_MS < 0 ? 1 : 0));
    *ret = (struct str){text, TEXT_DATE_MAX};
    return true;
}

static bool check_datetime(const struct checked *k, struct str value, struct str *ret)
{
    int64_t ms;
    if ((!str_to_int64(value, &ms) && !timestamp_parse(value, &ms)) ||
        ms < INT64_C(-62135596800000) || ms > INT64_C(253402300799999)) {
        return INVALID(k, "INVALID_LONG", "%.*s was not a valid long.", STR_ARG(value));
    }
    *ret = call_iso(k->call, ms);
    return true;
}

static bool is_option(const struct property *p, struct str value)
{
    for (size_t i = 0; i < p->n_options; i++) {
        if (str_eq(p->options[i].value, value)) {
            return true;
        }
    }
    return false;
}

// As HubSpot words it, labels and values of all that would have been allowed.
static bool invalid_option(const struct checked *k, struct str value)
{
    struct buf all;
    buf_init(&all, MESSAGE_MAX / 2);
    for (size_t i = 0; i < k->property->n_options; i++) {
        const struct property_option *o = &k->property->options[i];
        buf_printf(&all, "%slabel: \"%.*s\"\nvalue: \"%.*s\"\n", i > 0 ? ", " : "",
                   STR_ARG(o->label), STR_ARG(o->value));
    }
    INVALID(k, "INVALID_OPTION", "%.*s was not one of the allowed options: [%.*s]", STR_ARG(value),
            STR_ARG(buf_str(&all)));
    buf_done(&all);
    return false;
}

static bool check_owner(const struct checked *k, struct str value)
{
    uint64_t id;
    const struct owner *owner =
        str_to_uint64(value, &id) ? owners_find(&k->call->sim->portal->owners, id) : NULL;
    return (owner && !owner->archived) ||
           INVALID(k, "INVALID_OWNER_ID", "%.*s is not the id of an active owner", STR_ARG(value));
}

bool validate_is_multiple(const struct property *p)
{
    return p->type == PROPERTY_ENUMERATION && strcmp(p->field_type, "checkbox") == 0;
}

static bool check_option(const struct checked *k, struct str value, struct str *ret)
{
    *ret = value;
    if (k->property->external_options) {
        return check_owner(k, value);
    }
    if (!validate_is_multiple(k->property)) {
        return is_option(k->property, value) || invalid_option(k, value);
    }
    struct str rest = value;
    struct str one;
    while (rest.len > 0 && str_next(&rest, ';', &one)) {
        if (one.len > 0 && !is_option(k->property, one)) {
            return invalid_option(k, one);
        }
    }
    return true;
}

static bool (*const checks[PROPERTY_TYPE_COUNT])(const struct checked *k, struct str value,
                                                 struct str *ret) = {
    [PROPERTY_STRING] = check_string,       [PROPERTY_NUMBER] = check_number,
    [PROPERTY_DATE] = check_date,           [PROPERTY_DATETIME] = check_datetime,
    [PROPERTY_ENUMERATION] = check_option,  [PROPERTY_BOOL] = check_option,
    [PROPERTY_PHONE_NUMBER] = check_string, [PROPERTY_JSON] = check_string,
    [PROPERTY_COORDINATES] = check_string,
};

bool validate_value(struct call *c, const struct property *p, struct str value, struct str *ret,
                    struct invalids *list)
{
    assert(value.len > 0);
    struct checked k = {c, p, list};
    if (p->kind == KIND_PIPELINE || p->kind == KIND_STAGE) {
        *ret = value;
        return true;
    }
    return checks[p->type](&k, value, ret);
}
