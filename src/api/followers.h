// Those who follow GET /events: one thread of the process reads what is new in the store and hands
// it to a bounded queue for each of them. Private to the API's frame.
//
// Threads: any.
#pragma once

#include "api/frame.h"

enum { FOLLOWERS_MAX = 200, FOLLOWER_QUEUE_MAX = 256 * 1024, FOLLOWER_BEAT_MS = 15000 };

struct followers *followers_create(struct api *a);
void followers_destroy(struct followers *f); // takes NULL; nobody may follow any more
// Something was committed: look at once.
void followers_wake(struct followers *f);
// Ends all streams, and takes no more.
void followers_close(struct followers *f);

// What one of them wants to see; empty: all.
struct follower_filter {
    struct str connection_id, sync_id, stream_id, run_id;
};
// One more, of events behind `after_id`; it ends when the caller's key does. NULL: there are
// FOLLOWERS_MAX, or all are being ended. The response streams it (follower_stream), and it goes
// with that.
struct follower;
struct follower *followers_add(struct followers *f, const struct follower_filter *filter,
                               int64_t after_id, const struct api_call *caller) MUST_CHECK;
struct http_server_stream follower_stream(struct follower *f);
