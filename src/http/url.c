#include "http/url.h"

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

bool url_add_encoded(struct buf *out, struct str s)
{
    static const char HEX[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (is_unreserved(c)) {
            buf_add_char(out, (char)c);
        } else {
            buf_add_char(out, '%');
            buf_add_char(out, HEX[c >> 4]);
            buf_add_char(out, HEX[c & 15]);
        }
    }
    return !out->overflow;
}

bool url_add_query(struct buf *out, struct str name, struct str value)
{
    buf_add_char(out, str_find_char(buf_str(out), '?') >= 0 ? '&' : '?');
    url_add_encoded(out, name);
    buf_add_char(out, '=');
    return url_add_encoded(out, value);
}

// Whether "host[:port][/path]" names this machine.
static bool is_loopback(struct str rest)
{
    static const struct str HOSTS[] = {STR_INIT("localhost"), STR_INIT("[::1]")};
    ptrdiff_t slash = str_find_char(rest, '/');
    struct str host = slash >= 0 ? str_sub(rest, 0, (size_t)slash) : rest;
    if (host.ptr[0] != '[') {
        ptrdiff_t colon = str_find_char(host, ':');
        host = colon >= 0 ? str_sub(host, 0, (size_t)colon) : host;
    } else {
        ptrdiff_t end = str_find_char(host, ']');
        struct str behind = end >= 0 ? str_sub(host, (size_t)end + 1, host.len) : host;
        if (behind.len > 0 && behind.ptr[0] != ':') {
            return false; // "[::1].evil.example"
        }
        host = str_sub(host, 0, (size_t)end + 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(HOSTS); i++) {
        if (str_eq_nocase(host, HOSTS[i])) {
            return true;
        }
    }
    // 127.0.0.0/8 in digits and dots only, so that "127.evil.example" is no loopback.
    if (!str_starts(host, STR("127."))) {
        return false;
    }
    for (size_t i = 0; i < host.len; i++) {
        if ((host.ptr[i] < '0' || host.ptr[i] > '9') && host.ptr[i] != '.') {
            return false;
        }
    }
    return true;
}

// User info and query may be secrets, and other bytes may be commands to a terminal: what is wrong
// is told by its place, not by quoting the URL.
static bool check_characters(struct str url, struct error *err)
{
    for (size_t i = 0; i < url.len; i++) {
        unsigned char c = (unsigned char)url.ptr[i];
        if (c > ' ' && c != 0x7f && c != '?' && c != '#' && c != '@' && c != '\\') {
            continue;
        }
        char shown[8];
        snprintf(shown, sizeof shown, c > ' ' && c != 0x7f ? "%c" : "\\x%02x", c);
        return error_set(err, ERR_CONFIG,
                         "base URL may hold scheme, host, port and path only; its character %zu is "
                         "'%s'",
                         i + 1, shown);
    }
    return true;
}

// "host[:port][/path]": a port is a number that there is, and brackets are closed.
static bool check_host(struct str rest, struct str url, struct error *err)
{
    ptrdiff_t slash = str_find_char(rest, '/');
    struct str host = slash >= 0 ? str_sub(rest, 0, (size_t)slash) : rest;
    if (host.len == 0 || host.ptr[0] == ':') {
        return error_set(err, ERR_CONFIG, "base URL \"%.*s\" has no host", STR_ARG(url));
    }
    bool bracket = host.ptr[0] == '[';
    ptrdiff_t end = str_find_char(host, bracket ? ']' : ':');
    if (bracket && end < 0) {
        return error_set(err, ERR_CONFIG, "base URL \"%.*s\": the [ of the address is not closed",
                         STR_ARG(url));
    }
    struct str port =
        end < 0 ? (struct str){NULL, 0} : str_sub(host, (size_t)end + (bracket ? 1 : 0), host.len);
    int64_t number = 0;
    bool known = str_starts(port, STR(":")) && str_to_int64(str_sub(port, 1, port.len), &number);
    if (port.len > 0 && (!known || number < 1 || number > 65535)) {
        return error_set(err, ERR_CONFIG,
                         "base URL \"%.*s\": behind the host, a colon and a port from 1 to 65535 "
                         "may stand",
                         STR_ARG(url));
    }
    return true;
}

bool url_check_base(struct str url, struct str *ret, struct error *err)
{
    struct str rest;
    if (!check_characters(url, err)) {
        return false;
    }
    if (str_starts(url, STR("https://"))) {
        rest = str_sub(url, 8, url.len);
    } else if (str_starts(url, STR("http://"))) {
        rest = str_sub(url, 7, url.len);
    } else {
        return error_set(err, ERR_CONFIG, "base URL \"%.*s\" must start with https:// or http://",
                         STR_ARG(url));
    }
    if (!check_host(rest, url, err)) {
        return false;
    }
    if (str_starts(url, STR("http://")) && !is_loopback(rest)) {
        return error_set(err, ERR_CONFIG,
                         "base URL \"%.*s\": plain http would show the token to the network; "
                         "it is allowed for localhost only, use https",
                         STR_ARG(url));
    }
    while (url.len > 0 && url.ptr[url.len - 1] == '/') {
        url.len--;
    }
    *ret = url;
    return true;
}
