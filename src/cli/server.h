// A running server or worker, in parts: server_prepare.c makes what it needs in the store,
// server_http.c listens and answers, serve.c begins and ends it all.
//
// Threads: begun and ended by one; the parts have threads of their own.
#pragma once

#include "api/api.h"
#include "cli/server_settings.h"
#include "cli/signals.h"
#include "engine/engine.h"
#include "store/requests.h"
#include "store/workspaces.h"

#include <stdatomic.h>

enum { SERVER_ROUTES_MAX = 16 };

struct server {
    const struct cli *cli;
    const struct server_settings *settings;
    bool is_worker;
    bool listens;
    struct log log;
    struct cancel cancel;
    struct signals *signals;
    struct str id; // of this process among those that share the store
    struct listen_address address;
    struct str listen_url; // with the port that was bound
    struct str public_url;
    struct secret *client_secret; // NULL: no app
    struct secret *tls_cert;      // NULL: plain HTTP
    struct secret *tls_key;
    struct store *store; // holds the instance; used by no other thread
    struct sealing *sealing;
    struct store_lock *instance;
    struct workspace workspace;
    struct requests *requests;
    struct engine *engine;
    struct http_server *http;
    _Atomic(struct api *) api; // NULL: not ready yet
    struct api_routes routes[SERVER_ROUTES_MAX];
    size_t n_routes;
    const char *cors_origins[SETTING_LIST_MAX + 1];
};

// How every handle of the server's store is opened. Only the first may make it: a store that goes
// away is not replaced by an empty one.
struct store_options server_store_options(const struct server *s);
// Opens the store and makes what is missing: directory, tables, key, workspace, the default
// destination. Errors: those of the store; DESTINATION.
bool server_prepare(struct server *s, struct error *err) MUST_CHECK;
// Makes the first API key where there is none, and hands it over: last, so that nobody is shown the
// key of a server that does not start. Errors: those of the store; CONFIG.
bool server_first_key(struct server *s, struct error *err) MUST_CHECK;
// Binds, and answers 503 until server_http_ready.
bool server_http_start(struct server *s, struct error *err) MUST_CHECK;
bool server_http_ready(struct server *s, struct error *err) MUST_CHECK;
// Waits for requests that are being answered, then ends. Safe when it never began.
void server_http_stop(struct server *s, int64_t drain_ms);
