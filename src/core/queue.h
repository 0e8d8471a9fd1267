// A bounded queue of pointers between threads. Any number of producers and consumers.
// Ownership of an item passes with it. Close wakes everybody: puts then fail, takes drain what is
// left.
#pragma once

#include "core/base.h"

struct queue;

struct queue *queue_create(size_t capacity); // capacity > 0
void queue_destroy(struct queue *q); // takes NULL; must be empty or its items owned elsewhere
// Waits for room; false when closed (the item stays the caller's).
bool queue_put(struct queue *q, void *item) MUST_CHECK;
// Waits for an item at most timeout_ms (-1 = for ever). NULL when closed and empty, or on timeout.
void *queue_take(struct queue *q, int timeout_ms);
void *queue_try_take(struct queue *q);
void queue_close(struct queue *q);
bool queue_is_done(struct queue *q); // closed and empty
size_t queue_length(struct queue *q);
