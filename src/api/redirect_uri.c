#include "api/redirect_uri.h"

enum { SHOWN_MAX = 120, PORT_MAX = 65535, HOST_MAX = 253, ESCAPE_LEN = 3 };

static const struct str HTTP = STR_INIT("http://");
static const struct str HTTPS = STR_INIT("https://");

static bool refuse(struct error *err, struct str uri, const char *rule)
{
    return error_set(err, ERR_CONFIG, "redirect_uri is \"%.*s%s\": it must %s",
                     STR_ARG(str_sub(uri, 0, SHOWN_MAX)), uri.len > SHOWN_MAX ? "..." : "", rule);
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Letters that RFC 3986 allows in a path, with whole escapes. A backslash is none: browsers take it
// for a slash.
static bool check_path(struct str path)
{
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        if (c == '%') {
            if (i + ESCAPE_LEN > path.len || !is_hex(path.ptr[i + 1]) || !is_hex(path.ptr[i + 2])) {
                return false;
            }
        } else if (!is_alphanumeric(c) && (c == '\0' || !strchr("/-._~!$&'()*+,;=:@", c))) {
            return false;
        }
    }
    return true;
}

static bool check_host(struct str host)
{
    // Labels begin and end with a letter or a digit.
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        char before = i > 0 ? host.ptr[i - 1] : '.';
        char behind = i + 1 < host.len ? host.ptr[i + 1] : '.';
        bool inside = c == '-' ? before != '.' && behind != '.'
                               : c == '.' && is_alphanumeric(before) && is_alphanumeric(behind);
        if (!is_alphanumeric(c) && !inside) {
            return false;
        }
    }
    return host.len > 0 && host.len <= HOST_MAX;
}

// Host and port as they stand between the scheme and the path.
static struct str authority_of(struct str uri)
{
    struct str rest = str_sub(uri, str_starts(uri, HTTPS) ? HTTPS.len : HTTP.len, uri.len);
    ptrdiff_t slash = str_find_char(rest, '/');
    return slash < 0 ? rest : str_sub(rest, 0, (size_t)slash);
}

// Whether it is this machine, and if so what is behind the host's name.
static bool is_local(struct str authority, struct str *ret_behind)
{
    static const struct str NAMES[] = {STR_INIT("localhost"), STR_INIT("127.0.0.1"),
                                       STR_INIT("[::1]")};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        struct str behind = str_sub(authority, NAMES[i].len, authority.len);
        if (str_starts(authority, NAMES[i]) && (behind.len == 0 || behind.ptr[0] == ':')) {
            *ret_behind = behind;
            return true;
        }
    }
    return false;
}

static bool check_port(struct str behind)
{
    uint64_t port = 0;
    return behind.len == 0 ||
           (str_to_uint64(str_sub(behind, 1, behind.len), &port) && port >= 1 && port <= PORT_MAX);
}

bool redirect_uri_check(struct str uri, struct error *err)
{
    struct str behind = {NULL, 0};
    if (uri.len > REDIRECT_URI_MAX) {
        return refuse(err, uri, "be at most 2048 bytes long");
    }
    if (!str_starts(uri, HTTPS) && !str_starts(uri, HTTP)) {
        return refuse(err, uri, "begin with https:// (or http://localhost)");
    }
    if (str_find_char(uri, '?') >= 0 || str_find_char(uri, '#') >= 0) {
        return refuse(err, uri,
                      "have no query and no fragment; pass what you need back as \"state\"");
    }
    struct str authority = authority_of(uri);
    struct str path = str_sub(uri, (size_t)(authority.ptr - uri.ptr) + authority.len, uri.len);
    if (str_find_char(authority, '@') >= 0) {
        // Not shown: what stands there may be a password.
        return error_set(err, ERR_CONFIG,
                         "redirect_uri: it must hold no user name and no password before the host");
    }
    if (!check_path(path)) {
        return refuse(err, uri,
                      "hold only characters that a URI may hold; write others as %XX escapes");
    }
    if (is_local(authority, &behind)) {
        return check_port(behind) || refuse(err, uri, "have a port from 1 to 65535");
    }
    if (!str_starts(uri, HTTPS)) {
        return refuse(err, uri, "begin with https://; http:// is for localhost only");
    }
    if (str_find_char(authority, ':') >= 0) {
        return refuse(err, uri, "have no port, except on localhost");
    }
    return check_host(authority) ||
           refuse(err, uri, "name a host of letters, digits, dots and hyphens");
}

struct str redirect_uri_host(struct str uri)
{
    return authority_of(uri);
}

struct str redirect_uri_origin(struct str uri)
{
    struct str authority = authority_of(uri);
    return str_sub(uri, 0, (size_t)(authority.ptr - uri.ptr) + authority.len);
}
