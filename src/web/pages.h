// Pages for people: authorizing a connection, and reading the API's description. HTML without
// scripts; every text from outside is escaped; a strict Content-Security-Policy.
//
// Threads: as api/api.h.
#pragma once

#include "api/api.h"

extern const struct api_routes WEB_ROUTES_AUTHORIZE; // /authorize, /authorize/..., /oauth/callback
extern const struct api_routes WEB_ROUTES_DOCS;      // /docs
