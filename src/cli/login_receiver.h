// The end of an OAuth login on this machine: a loopback port to which HubSpot sends the browser
// back. Takes one answer to this login's state; shows the person a small page, without any secret,
// that says how it went.
// Threads: one owner; the server's own threads serve the browser.
#pragma once

#include "core/cancel.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/secret.h"

struct login_receiver;

struct login_receiver_options {
    const char *host; // an address of this machine
    uint16_t port;
    struct str path;  // of the redirect URI
    struct str state; // what a true answer repeats
    const struct clock *clock;
    const struct cancel *cancel; // may be NULL
};
// Listens. Errors: CONFIG (port taken, with the way out).
bool login_receiver_open(const struct login_receiver_options *options, struct login_receiver **ret,
                         struct error *err) MUST_CHECK;
// Waits for the answer; the code is the caller's. Errors: LOGIN (denied, no answer in time),
// INTERRUPTED. Answers to other states and to other paths are refused and waited past;
// *ret_strays counts them.
bool login_receiver_wait(struct login_receiver *r, int64_t timeout_ms, struct secret **ret_code,
                         size_t *ret_strays, struct error *err) MUST_CHECK;
// What the browser, which is still waiting for its page, is told. `good`: it worked.
void login_receiver_tell(struct login_receiver *r, bool good, struct str what);
void login_receiver_close(struct login_receiver *r); // takes NULL; tells a failure if nothing was
