// An engine over a real store whose tasks are of paper: they do what the test says, and write down
// when they ran. The engine's thread is the test's own: it goes through the steps itself.
#pragma once

#include "test_place.h"

#include "engine/engine_internal.h"

#include <pthread.h>

enum { PAPER_STARTS_MAX = 100000, PAPER_RUNNING_MAX = 256, PAPER_LOG_MAX = 1 << 20 };

struct paper_start {
    uint64_t stream; // str_hash of its id
    int64_t at_ms;   // by the clock of the place
    bool full;
};

struct paper {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool hold; // tasks wait until this is false, or they are told to stop
    bool deaf; // and do not hear that they are to stop
    // How a task ends; NULL: COMPLETED. Called with the lock held.
    void (*outcome)(struct paper *p, const struct run_claim *claim, struct stream_run_row *ret);
    enum error_code code; // for outcomes
    const struct clock *clock;
    struct paper_start *starts;
    size_t n_starts;
    uint64_t running[PAPER_RUNNING_MAX];
    size_t n_running, most_running;
    size_t n_cancelled;
    bool twice; // a stream ran twice at once
    char *log_text;
    size_t log_len;
    struct log log;
};

void paper_init(struct paper *p, const struct clock *clock);
void paper_done(struct paper *p);
void paper_hold(struct paper *p, bool hold);
// Waits until so many tasks run.
void paper_await_running(struct paper *p, size_t n);
size_t paper_starts_of(struct paper *p, struct str stream_id);
size_t paper_log_count(struct paper *p, const char *text);
// An outcome: fails with `code` as plan_after says.
void paper_fails(struct paper *p, const struct run_claim *claim, struct stream_run_row *ret);

struct scene {
    struct place *place;
    struct paper paper;
    struct str account_id;
    struct str destination_id;
    void (*sleep_us)(const struct clock *c, int64_t us); // that lets the clock go on
};

struct scene_sync {
    struct str id;
    struct str stream_id; // of the first
};

extern const char *const SCENE_CONTACTS[]; // the names of one stream, and of three
extern const char *const SCENE_THREE[];

// cmocka's setup and teardown: a scene with the connection "main", at the beginning of 2026.
int scene_setup(void **state);
int scene_setup_in_memory(void **state); // the store costs no disk
int scene_teardown(void **state);

void scene_init(struct scene *s, struct place *place);
void scene_done(struct scene *s);
void scene_connection(struct scene *s, const char *name);
// An enabled sync of streams named in `streams` (NULL ends), due at the next tick.
struct scene_sync scene_add(struct scene *s, const char *connection, const char *interval,
                            const char *settings, const char *const *streams);
struct engine *scene_engine(struct scene *s, const char *worker, size_t workers);
// Passes until nothing is due or running any more.
void scene_settle(struct engine *e);
void scene_advance_ms(struct scene *s, int64_t ms);
int64_t scene_now(struct scene *s);
int64_t scene_number(struct scene *s, const char *query);
// How many runs have this status, as the table has it.
int64_t scene_active(struct scene *s, const char *status);
