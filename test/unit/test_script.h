// A tiny HTTP server for tests: a thread on a loopback port that plays scripted answers, byte for
// byte, so that it can be as broken as a test wants. Threads: start, look and stop from one thread;
// a script_fn runs in the server's thread.
#pragma once

#include "core/arena.h"

enum script_after {
    SCRIPT_KEEP,  // waits for the connection's next request
    SCRIPT_CLOSE, // closes the connection behind the answer
    SCRIPT_RESET, // breaks it off
    SCRIPT_STALL, // keeps it open and says no more
    SCRIPT_DRIP   // keeps it open and sends an x every ten milliseconds
};

struct script_answer {
    struct str raw; // sent as it is; must live until script_stop
    enum script_after after;
};

struct script_request {
    size_t number;   // 0 for the first that the server got
    int connection;  // 0 for the first that was opened
    struct str text; // head and body
    struct str body;
};
typedef void script_fn(void *user, const struct script_request *request, struct script_answer *ret);

struct script;
struct script *script_start(script_fn *fn, void *user);
// Plays the answers in order, the last one for all that follow.
struct script *script_play(const struct script_answer *answers, size_t n);
void script_stop(struct script *s);

const char *script_url(const struct script *s); // "http://127.0.0.1:PORT"
size_t script_count(struct script *s);          // requests so far
int script_connections(struct script *s);
// The text of request i; valid until script_stop.
struct str script_text(struct script *s, size_t i);
// Waits until there were that many requests; false when there are not within some seconds.
bool script_wait(struct script *s, size_t requests);

// A whole answer: status line, Content-Length, `headers` ("Name: value\r\n" lines), body.
struct str script_format(struct arena *arena, int status, const char *headers, struct str body);
// A loopback port on which nobody listens.
int script_free_port(void);
