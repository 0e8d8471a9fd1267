// A client of a sluice server's REST API, for the verbs that talk to one.
//
// Answers are JSON and belong to the client until the next call. Errors of the server are turned
// into ours by their error_code, so that exit codes mean the same; the message is the server's, and
// goes with no hint of ours (remote_fail). Threads: one.
#pragma once

#include "cli/cli.h"
#include "data/json.h"
#include "http/client.h"

enum { REMOTE_SETTINGS_N = 3 };
struct remote_settings {
    struct str server; // empty: there is none to talk to
    struct str api_key_env;
    bool json;
};

struct remote;
// Checks the address and finds the key; calls nobody yet. Errors: CONFIG, CREDENTIALS.
bool remote_open(const struct cli *cli, const struct remote_settings *settings, struct remote **ret,
                 struct error *err) MUST_CHECK;
void remote_close(struct remote *r); // takes NULL

struct remote_call {
    enum http_method method;
    struct str path; // with its query
    struct str body; // JSON; ptr NULL: none
};
// *ret is null where the answer has no body. Errors: those of the server; CONNECT, TLS,
// SOURCE_UNAVAILABLE, SOURCE_DATA when it does not answer as a server of ours does.
bool remote_call(struct remote *r, const struct remote_call *call, struct json *ret,
                 struct error *err) MUST_CHECK;
// All items of a paged list, page by page. `path` may have a query. `item` returns false to stop.
struct remote_walk {
    struct str path;
    size_t max; // items; 0: all
    void (*item)(void *user, struct json item);
    void *user;
};
bool remote_list(struct remote *r, const struct remote_walk *walk, struct error *err) MUST_CHECK;

// A path with each "{}" replaced by the next of the texts, percent-encoded. Into `arena`.
struct str remote_path(const char *pattern, const struct str *words, struct arena *arena);
// Prints what went wrong; returns the exit code.
int remote_fail(const struct error *err);
