// The scene of the token manager's tests: a scripted token endpoint, a store in memory, virtual
// time.
#pragma once

#include "check.h"
#include "test_script.h"

#include "hubspot/credential.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LIFE_S = 1800, THREADS = 50, WALL_MS = 1000000000 };

// What the tokens of these tests look like, so that logs can be searched for them.
#define MARK "5ec7e7"

struct memory_store {
    pthread_mutex_t process_lock; // what other processes would hold
    pthread_mutex_t guard;
    char access[64], refresh[64];
    int64_t issued_ms, expires_ms;
    bool dead, refuses_to_save;
    int saves;
};

struct scene {
    struct virtual_clock time;
    struct memory_store store;
    struct script *script;
    struct arena arena;
    pthread_mutex_t arena_lock;
    atomic_int status;     // what the token endpoint answers
    const char *body;      // of statuses other than 200
    const char *headers;   // of those; may be NULL
    int portal;            // whose tokens are given; 0: not said
    atomic_int issued;     // tokens given out: the next one's number
    bool rotates;          // each answer has a new refresh token
    atomic_int hold_until; // the answer waits until so many bearers were given
    atomic_int given;      // bearers
    struct secret *app_secret;
    struct buf lines;
    pthread_mutex_t lines_lock;
    struct log log;
    struct credential *credential;
};

// cmocka's setup and teardown; teardown looks for tokens in what was logged.
int scene_setup(void **state);
int scene_teardown(void **state);
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, scene_setup, scene_teardown)

// One process more that uses the same store.
struct credential *another_process(struct scene *s);
// As a login or another process leaves it.
void put_tokens(struct scene *s, const char *access, const char *refresh);
void pass_s(struct scene *s, int64_t seconds);
bool bearer_of(struct scene *s, struct credential *c, char out[128], uint64_t *ret_generation,
               struct error *err);
// The bearer holds this token; its generation.
uint64_t check_bearer(struct scene *s, const char *token);
void check_fails(struct scene *s, enum error_code code, const char *says);
size_t asked(struct scene *s); // the token endpoint, so often
// How many of THREADS threads came back with success.
int run_threads(struct scene *s, void *(*fn)(void *user));
// For run_threads.
void *take_bearer(void *user);
