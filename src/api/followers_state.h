// What the files of the followers share (followers.c, followers_feed.c); private to them.
#pragma once

#include "api/followers.h"

struct follower {
    struct followers *of;
    struct follower *prev, *next;
    char *texts; // what the filter points to
    struct follower_filter filter;
    struct str key_id; // of the API key it was let in with
    // Guarded by the followers' lock:
    int64_t seen_id; // events up to here have been looked at for it
    struct buf queue;
    bool lost; // too slow, or its key is no good any more: its stream ends behind what is queued
    int64_t said_us;
};

struct budget_seen {
    uint64_t connection; // hash of its id
    int64_t at_ms;
};

struct followers {
    struct api *api;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool running, closing, woken;
    struct follower *first;
    size_t n;
    struct http_server *server; // whose streams they are
    // The thread's own:
    struct arena arena;
    int64_t seen_id;    // events up to here were handed to all who had seen all before
    int64_t figures_us; // when budgets and runs were looked at last
    int64_t runs_since_ms;
    int64_t keys_us; // when the followers' keys were looked at last
    struct budget_seen *budgets;
    size_t n_budgets;
};

// Reads what is new and queues it. On the thread, without the lock.
void followers_feed(struct followers *f);
