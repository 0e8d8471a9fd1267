// A place where runs are claimed and executed: a store, a destination of SQLite files and hubsim
// (HUBSIM_BIN), all of the test's own.
#pragma once

#include "test_sql_server.h"

#include "engine/task.h"
#include "store/connections.h"
#include "store/destinations.h"
#include "store/leases.h"
#include "store/workspaces.h"

enum { CONTACTS = 118 }; // of 120, some are archived
#define TOKEN "pat-na1-token-of-the-task-tests"

struct scene {
    char dir[64];
    char sim_url[64];
    pid_t sim;
    struct arena arena;
    struct store *store;
    struct sealing *sealing;
    struct store_pool *stores;
    struct task_pool *pool;
    struct log log;
    struct workspace workspace;
    struct stored_destination destination;
    struct elt_sync sync;
    struct elt_stream stream;
    // What may_commit answers; NULL: yes.
    bool (*may_commit)(void *user, struct str lease, int64_t fence);
    size_t asked;
    int64_t fence; // of the last claim
};

int scene_create(void **state);
int scene_destroy(void **state);
void must(bool ok, const struct error *err);
void sim_post(struct scene *s, const char *path, const char *body);
// Asks for a run if there is none, claims it, executes it in this thread and writes its end, as a
// worker does. `before`: is called with the task before that.
struct stream_run_row scene_run(struct scene *s, void (*before)(struct task *t));
void scene_put_token(struct scene *s, const char *token);
void scene_set_destination(struct scene *s, const char *url);
void scene_load_stream(struct scene *s); // from the store
void scene_put_stream(struct scene *s);
// One cell of the destination's answer, as text.
struct str scene_ask(struct scene *s, const char *query);
const char *scene_text(struct scene *s, struct str text); // as a C string
