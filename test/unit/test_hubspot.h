// A HubSpot account over a scripted server, for the tests of the client. One program's test thread
// owns a fixture.
#pragma once

#include "check.h"
#include "test_script.h"

#include "hubspot/client.h"

#include <pthread.h>

// A token that a test would find anywhere.
#define TOKEN     "pat-na1-5ec7e7-5ec7e7"
#define SECOND_US 1000000LL

enum { ANSWERS_MAX = 32 };

// Real time, but sleeping jumps: nothing waits for seconds.
struct jumping_clock {
    struct clock clock;
    atomic_int_fast64_t ahead_us;
};

struct fixture {
    struct arena arena;
    struct jumping_clock time;
    struct log log;
    struct buf lines; // of the log
    pthread_mutex_t lines_lock;
    struct cancel cancel;
    struct script *script;
    struct script_answer answers[ANSWERS_MAX];
    size_t n_answers;
    struct request_log request_log; // used when it has a function
    struct credential *credential;  // instead of TOKEN
    size_t answers_bytes;           // of a thrifty account; 0: it is none
    struct hubspot *account;
    struct hubspot_client *client;
    int64_t begun_us, begun_ahead_us;
};

// cmocka's setup and teardown; the latter checks that no log line held the token.
int hub_setup(void **state);
int hub_teardown(void **state);

// The scene: answers in order, the last one for all that follow; then hub_begin.
void hub_answer(struct fixture *f, int status, const char *headers, const char *body);
void hub_answer_raw(struct fixture *f, const char *raw, enum script_after after);
void hub_begin(struct fixture *f);
// The same over a server that the test has started itself.
void hub_open(struct fixture *f);

int64_t hub_passed_us(struct fixture *f); // since hub_begin, jumps included
// That at least so long has passed, and that no more than so long of it was waited for: what the
// machine took for itself does not count.
void hub_check_passed(struct fixture *f, int64_t least_us, int64_t most_us);
struct hubspot_figures hub_figures(struct fixture *f);
void hub_start(struct fixture *f, enum hubspot_endpoint endpoint, void *tag);
// The next answer; checks that its error does not hold the token.
struct hubspot_answer *hub_next(struct fixture *f);
struct hubspot_answer *hub_call(struct fixture *f);
// Writes: one that must not be repeated blindly, one that may.
extern const struct hubspot_request HUB_CREATE, HUB_UPDATE;
// Starts the request and takes its answer.
struct hubspot_answer *hub_ask(struct fixture *f, const struct hubspot_request *r);
// One call that fails like this.
void hub_check_fails(struct fixture *f, enum error_code code, int status, int tries,
                     const char *says);
