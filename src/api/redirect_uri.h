// Where a browser is sent back to after authorizing: a URI that the API's caller names, and that
// nobody else may choose.
//
// Pure; any thread. Errors: CONFIG, which name the rule.
#pragma once

#include "core/arena.h"
#include "core/error.h"

enum { REDIRECT_URI_MAX = 2048 };

// https, or http on this machine itself (localhost, 127.0.0.1, [::1]); a port only there; no user
// info, query or fragment; only characters that a URI may hold.
bool redirect_uri_check(struct str uri, struct error *err) MUST_CHECK;
// Of one that was checked: "app.example.com" or "localhost:3000".
struct str redirect_uri_host(struct str uri);
// "https://app.example.com": what a Content-Security-Policy calls it.
struct str redirect_uri_origin(struct str uri);
