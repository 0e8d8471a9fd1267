// Those who follow GET /events: one thread of the process reads what is new in the store and hands
// it to a bounded queue for each of them. Private to the API's frame.
//
// Threads: any.
#pragma once

#include "api/frame.h"

struct followers *followers_create(struct api *a);
void followers_destroy(struct followers *f); // takes NULL
// Something was committed: look at once.
void followers_wake(struct followers *f);
// Ends all streams, and takes no more.
void followers_close(struct followers *f);
