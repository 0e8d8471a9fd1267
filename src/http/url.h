// Building URLs: percent-encoding of what goes into paths and queries (RFC 3986). Pure; any thread.
#pragma once

#include "core/buf.h"
#include "core/error.h"

// Appends s with every byte outside the unreserved set (letters, digits, "-._~") as %XX.
bool url_add_encoded(struct buf *out, struct str s);
// Appends "?name=" or "&name=" (by whether `out` has a '?') and the encoded value.
bool url_add_query(struct buf *out, struct str name, struct str value);
// Checks a base URL: https, or http to this machine itself; a host; no query, no fragment, no user
// info. *ret is without a trailing slash.
bool url_check_base(struct str url, struct str *ret, struct error *err) MUST_CHECK;
