// Handlers that may wait for others run on threads of their own, so that the event loops go on
// answering. The connection is suspended meanwhile: libmicrohttpd does not touch it.
#include "http/server_state.h"

#include "core/queue.h"

static void *slow_run(void *arg)
{
    struct http_server *s = arg;
    struct exchange *x;
    while ((x = queue_take(s->slow.queue, -1)) != NULL) {
        server_run_handler(x);
        MHD_resume_connection(x->request.connection); // asks again, and finds the answer
    }
    return NULL;
}

bool server_slow_start(struct http_server *s)
{
    struct slow *w = &s->slow;
    if (!s->options.is_slow) {
        return true;
    }
    w->queue = queue_create(s->options.max_connections);
    while (w->n < SLOW_THREADS && pthread_create(&w->threads[w->n], NULL, slow_run, s) == 0) {
        w->n++;
    }
    return w->n > 0;
}

bool server_slow_take(struct exchange *x, struct MHD_Connection *connection)
{
    struct http_server *s = x->server;
    if (!s->slow.queue || x->refused || !s->options.is_slow(s->options.user, &x->request)) {
        return false;
    }
    MHD_suspend_connection(connection);
    // One place for each connection, so there is room; only a server that is stopping refuses: the
    // connection is closed without an answer then.
    if (!queue_put(s->slow.queue, x)) {
        MHD_resume_connection(connection);
    }
    return true;
}

void server_slow_close(struct http_server *s)
{
    struct slow *w = &s->slow;
    if (!w->queue) {
        return;
    }
    queue_close(w->queue); // what is queued is still carried out
    for (size_t i = 0; i < w->n; i++) {
        pthread_join(w->threads[i], NULL);
    }
    w->n = 0;
}

void server_slow_done(struct http_server *s)
{
    assert(s->slow.n == 0);
    queue_destroy(s->slow.queue);
}
