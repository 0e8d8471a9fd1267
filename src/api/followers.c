#include "api/followers_state.h"

#include "core/wait.h"

#include <time.h>

enum { POLL_MS = 500, FEED_ARENA = 64 * 1024 * 1024 };

// Who has been away asks again after so long.
static const char HELLO[] = ": connected\nretry: 3000\n\n";
static const char BEAT[] = ": still here\n\n";

static void *run(void *arg)
{
    struct followers *f = arg;
    pthread_mutex_lock(&f->lock);
    while (!f->closing) {
        if (f->n == 0) {
            pthread_cond_wait(&f->changed, &f->lock);
            continue;
        }
        if (!f->woken) {
            wait_at_most(&f->changed, &f->lock, 1000 * POLL_MS);
        }
        f->woken = false;
        pthread_mutex_unlock(&f->lock);
        followers_feed(f);
        pthread_mutex_lock(&f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

struct followers *followers_create(struct api *a)
{
    struct followers *f = calloc(1, sizeof(*f));
    if (!f) {
        abort();
    }
    f->api = a;
    pthread_mutex_init(&f->lock, NULL);
    wait_init(&f->changed);
    arena_init(&f->arena, FEED_ARENA);
    return f;
}

void followers_wake(struct followers *f)
{
    pthread_mutex_lock(&f->lock);
    f->woken = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

void followers_close(struct followers *f)
{
    pthread_mutex_lock(&f->lock);
    f->closing = true;
    pthread_cond_signal(&f->changed);
    if (f->n > 0) { // the server lives as long as one of its streams
        http_server_stream_wake(f->server);
    }
    pthread_mutex_unlock(&f->lock);
}

void followers_destroy(struct followers *f)
{
    if (!f) {
        return;
    }
    followers_close(f);
    assert(f->n == 0);
    if (f->running) {
        pthread_join(f->thread, NULL);
    }
    arena_done(&f->arena);
    free(f->budgets);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

// ---- one of them

// Copies of what the filter says and of the key's id, which outlive the request.
static void keep_texts(struct follower *w, const struct follower_filter *filter, struct str key_id)
{
    struct str *from[] = {&w->filter.connection_id, &w->filter.sync_id, &w->filter.stream_id,
                          &w->filter.run_id, &w->key_id};
    w->filter = *filter;
    w->key_id = key_id;
    size_t size = 1;
    for (size_t i = 0; i < ARRAY_LEN(from); i++) {
        size += from[i]->len;
    }
    w->texts = malloc(size);
    if (!w->texts) {
        abort();
    }
    char *to = w->texts;
    for (size_t i = 0; i < ARRAY_LEN(from); i++) {
        size_t len = from[i]->len;
        if (len > 0) {
            memcpy(to, from[i]->ptr, len);
        }
        *from[i] = (struct str){to, len};
        to += len;
    }
}

struct follower *followers_add(struct followers *f, const struct follower_filter *filter,
                               int64_t after_id, const struct api_call *caller)
{
    struct follower *w = calloc(1, sizeof(*w));
    if (!w) {
        abort();
    }
    w->of = f;
    w->seen_id = after_id;
    w->said_us = clock_mono_us(f->api->options.site.clock);
    buf_init(&w->queue, FOLLOWER_QUEUE_MAX + 1024); // room for the last word
    buf_add_cstr(&w->queue, HELLO);
    keep_texts(w, filter, caller->key.id);
    pthread_mutex_lock(&f->lock);
    bool room = f->n < FOLLOWERS_MAX && !f->closing;
    if (room) {
        f->server = caller->http->server;
        w->next = f->first;
        if (w->next) {
            w->next->prev = w;
        }
        f->first = w;
        if (f->n++ == 0) {
            f->seen_id = after_id; // nobody has seen more
        }
        if (!f->running) {
            f->running = true;
            if (pthread_create(&f->thread, NULL, run, f) != 0) {
                abort();
            }
        }
        f->woken = true;
        pthread_cond_signal(&f->changed);
    }
    pthread_mutex_unlock(&f->lock);
    if (!room) {
        buf_done(&w->queue);
        free(w->texts);
        free(w);
        return NULL;
    }
    return w;
}

static bool next(void *user, struct buf *out)
{
    struct follower *w = user;
    struct followers *f = w->of;
    int64_t now_us = clock_mono_us(f->api->options.site.clock);
    pthread_mutex_lock(&f->lock);
    bool go_on = !f->closing && !w->lost;
    if (w->queue.len > 0) {
        buf_add(out, buf_str(&w->queue));
        buf_reset(&w->queue);
        w->said_us = now_us;
    } else if (now_us - w->said_us >= (int64_t)FOLLOWER_BEAT_MS * 1000) {
        buf_add_cstr(out, BEAT);
        w->said_us = now_us;
    }
    pthread_mutex_unlock(&f->lock);
    return go_on;
}

static void gone(void *user)
{
    struct follower *w = user;
    struct followers *f = w->of;
    pthread_mutex_lock(&f->lock);
    *(w->prev ? &w->prev->next : &f->first) = w->next;
    if (w->next) {
        w->next->prev = w->prev;
    }
    f->n--;
    pthread_mutex_unlock(&f->lock);
    buf_done(&w->queue);
    free(w->texts);
    free(w);
}

struct http_server_stream follower_stream(struct follower *f)
{
    return (struct http_server_stream){
        .next = next, .gone = gone, .user = f, .idle_ms = FOLLOWER_BEAT_MS};
}
