// The execution of one claimed run by a worker thread: from opening connection and destination to
// the status it ends with. Internal to the engine.
//
// Connections are shared: all runs of a connection in this process use one struct source, one
// credential and one budget, opened by the first and closed some time after the last.
#pragma once

#include "engine/engine.h"
#include "store/pool.h"
#include "store/runs.h"

struct task_pool; // what tasks of a process share: open connections

struct task_pool_options {
    struct store_options store;
    struct store_pool *stores; // what short calls of tasks borrow from
    struct str key_file;
    struct str state_directory;
    struct str time_zone; // whose midnight counts where a sync says nothing; empty: UTC
    size_t at_once;       // tasks that may run at the same time: what memory is shared out by
    const struct clock *clock;
    const struct log *log;
    const struct request_log *request_log; // may be NULL
    // Asked before every commit, from the run's thread: whether the lease still holds. False stops
    // the run without a commit.
    bool (*may_commit)(void *user, struct str lease, int64_t fence);
    void *user;
};
struct task_pool *task_pool_create(const struct task_pool_options *options);
void task_pool_destroy(struct task_pool *p); // takes NULL; no task may be running
// Closes connections that no task has used for a while.
void task_pool_tidy(struct task_pool *p);

struct task;
// Copies the claim.
struct task *task_create(struct task_pool *pool, const struct run_claim *claim);
void task_destroy(struct task *t); // takes NULL
// Decides mode and trigger, runs the stream, and fills *ret as stream_run_end wants it: COMPLETED;
// FAILED; RETRYING or DELAYED with not_before_ms; SCHEDULED when the process is stopping or the
// lease was lost. Texts of *ret live as long as the task. Writes stream_run_begin by itself, with a
// handle borrowed from options.stores (as for all short calls: no thread keeps one of its own).
// Blocks. The caller calls stream_run_end.
void task_execute(struct task *t, struct stream_run_row *ret);
// From any thread, while it executes: figures and details for stream_run_progress.
void task_progress(struct task *t, struct stream_run_row *ret);
// Asks it to stop at its next safe point. `cancelled`: for good (FAILED, "cancelled"); else it is
// to be gone on with.
void task_stop(struct task *t, bool cancelled);

struct budget_row;
// What is known of each connection that is open here. Into `arena`.
void task_pool_budgets(struct task_pool *p, struct arena *arena, struct budget_row **ret,
                       size_t *ret_n);
