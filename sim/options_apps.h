// Defaults of the options of the OAuth app. Used by options.c and options_apps.c.
#pragma once

#define OPTIONS_CLIENT_ID     "5a1c0de0-0000-4000-8000-000000000001"
#define OPTIONS_CLIENT_SECRET "5ec4e700-0000-4000-8000-000000000001"
#define OPTIONS_REDIRECT_URIS "http://localhost:*/oauth/callback http://127.0.0.1:*/oauth/callback"
