#include "store/requests.h"
#include "core/wait.h"

#include "data/json_repair.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum {
    QUEUE_MAX = 512,
    QUEUE_BYTES_MAX = 16 * 1024 * 1024,
    STOP_WAIT_S = 2,
    TEXTS = 11, // slices of a record that are copied
};

// A record and, behind it, the bytes that its slices show.
struct item {
    struct item *next;
    size_t size;
    struct request_record record;
    char bytes[];
};

struct requests {
    struct requests_options options;
    struct request_log log;
    struct cancel cancel; // ends waits for the database when there is no time left
    pthread_t thread;
    pthread_mutex_t lock; // guards what follows
    pthread_cond_t changed;
    struct item *first, *last;
    size_t n, bytes;
    uint64_t dropped;
    bool stopping;
    bool ended; // the thread has no more to write
};

static void slices(struct request_record *r, struct str *ret[TEXTS])
{
    struct str *all[TEXTS] = {&r->connection,       &r->stream,       &r->endpoint,
                              &r->method,           &r->url,          &r->request_headers,
                              &r->request_body,     &r->message,      &r->correlation_id,
                              &r->response_headers, &r->response_body};
    memcpy(ret, all, sizeof all);
}

// Servers refuse texts that are not UTF-8, which no header promises to be.
static void mend_text(char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t length = utf8_length((struct str){text + i, n - i});
        if (length == 0 || text[i] == '\0') {
            text[i] = '?';
            length = 1;
        }
        i += length;
    }
}

static struct item *item_of(const struct request_record *record)
{
    struct request_record r = *record;
    struct str *texts[TEXTS];
    size_t bytes = 0;
    slices(&r, texts);
    for (size_t i = 0; i < TEXTS; i++) {
        bytes += texts[i]->len;
    }
    struct item *item = malloc(sizeof *item + bytes);
    if (!item) {
        abort();
    }
    char *at = item->bytes;
    for (size_t i = 0; i < TEXTS; i++) {
        if (texts[i]->ptr) {
            memcpy(at, texts[i]->ptr, texts[i]->len);
            if (texts[i] != &r.request_body && texts[i] != &r.response_body) {
                mend_text(at, texts[i]->len);
            }
            texts[i]->ptr = at;
            at += texts[i]->len;
        }
    }
    item->next = NULL;
    item->size = sizeof *item + bytes;
    item->record = r;
    return item;
}

// ---- the thread that writes

static const char INSERT[] =
    "INSERT INTO request (started_ms, first_byte_us, took_us, connection, stream, endpoint, method,"
    " url, request_headers, request_body, request_body_bytes, status, response_headers,"
    " response_body, response_body_bytes, tries, sends, failed, again, code, message,"
    " correlation_id, size) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
    " $15, $16, $17, $18, $19, $20, $21, $22, $23)";

// All from the newest one on that is too many or too much.
static const char TRIM[] = "DELETE FROM request WHERE id <= (SELECT max(id) FROM ("
                           "SELECT id, sum(size) OVER (ORDER BY id DESC) AS total,"
                           " row_number() OVER (ORDER BY id DESC) AS place FROM request) AS r"
                           " WHERE total > $1 OR place > $2)";

static bool insert(struct sql_stmt *st, const struct item *item, struct error *err)
{
    const struct request_record *r = &item->record;
    const struct sql_value args[] = {
        sql_int(r->started_ms),
        sql_int(r->first_byte_us),
        sql_int(r->took_us),
        sql_text(r->connection.ptr ? r->connection : STR("")),
        sql_text(r->stream.ptr ? r->stream : STR("")),
        sql_text(r->endpoint),
        sql_text(r->method),
        sql_text(r->url),
        sql_text(r->request_headers),
        sql_blob(r->request_body),
        sql_int((int64_t)r->request_body_bytes),
        sql_int(r->status),
        sql_text(r->response_headers.ptr ? r->response_headers : STR("")),
        sql_blob(r->response_body),
        sql_int((int64_t)r->response_body_bytes),
        sql_int(r->tries),
        sql_int(r->sends),
        sql_int(r->failed),
        sql_int(r->again),
        sql_text(str_from(error_info(r->code)->name)),
        sql_text(r->message),
        sql_text(r->correlation_id.ptr ? r->correlation_id : STR("")),
        sql_int((int64_t)item->size),
    };
    return sql_run(st, args, ARRAY_LEN(args), NULL, err);
}

static bool write_all_of(struct store *s, const struct item *first, struct error *err)
{
    struct sql *db = store_sql(s);
    struct sql_stmt *st = NULL;
    const struct sql_value bounds[] = {sql_int(REQUESTS_BYTES_MAX), sql_int(REQUESTS_MAX)};
    bool ok = sql_prepare(db, str_from(INSERT), &st, err);
    for (const struct item *i = first; ok && i; i = i->next) {
        ok = insert(st, i, err);
    }
    sql_finalize(st);
    return (ok && sql_once(db, str_from(TRIM), bounds, ARRAY_LEN(bounds), NULL, err)) ||
           store_fail(err);
}

static bool write_batch(struct store *s, const struct item *first, struct error *err)
{
    return store_begin(s, err) && store_end(s, write_all_of(s, first, err), err);
}

static struct item *take_all(struct requests *r)
{
    pthread_mutex_lock(&r->lock);
    while (!r->first && !r->stopping) {
        pthread_cond_wait(&r->changed, &r->lock);
    }
    struct item *first = r->first;
    r->first = NULL;
    r->last = NULL;
    r->n = 0;
    r->bytes = 0;
    pthread_mutex_unlock(&r->lock);
    return first;
}

static size_t free_all(struct item *first)
{
    size_t n = 0;
    while (first) {
        struct item *next = first->next;
        free(first);
        first = next;
        n++;
    }
    return n;
}

static void drop(struct requests *r, size_t n)
{
    pthread_mutex_lock(&r->lock);
    r->dropped += n;
    pthread_mutex_unlock(&r->lock);
}

static void *write_all(void *user)
{
    struct requests *r = user;
    const struct log *log = r->options.log;
    const struct store_options options = {.url = r->options.url,
                                          .directory = r->options.directory,
                                          .create = !r->options.existing,
                                          .clock = r->options.clock,
                                          .cancel = &r->cancel};
    struct store *store = NULL;
    bool tried = false;
    bool told = false;
    struct item *batch;
    while ((batch = take_all(r)) != NULL) {
        struct error err;
        if (!tried && !store_open(&options, &store, &err) && log) {
            log_line(log, LOG_DEBUG, "no store: failed requests are not kept",
                     LOG_C("reason", err.message));
        }
        tried = true;
        bool ok = store && write_batch(store, batch, &err);
        if (store && !ok && !told && log) {
            log_line(log, LOG_WARN, "failed requests cannot be kept", LOG_C("reason", err.message));
            told = true;
        }
        size_t n = free_all(batch);
        drop(r, ok ? 0 : n);
    }
    store_close(store);
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

// ---- the side of those who log

static void put(void *user, const struct request_record *record)
{
    struct requests *r = user;
    struct item *item = item_of(record);
    pthread_mutex_lock(&r->lock);
    bool room = r->n < QUEUE_MAX && r->bytes + item->size <= QUEUE_BYTES_MAX;
    if (room) {
        if (r->last) {
            r->last->next = item;
        } else {
            r->first = item;
        }
        r->last = item;
        r->n++;
        r->bytes += item->size;
        pthread_cond_signal(&r->changed);
    } else {
        r->dropped++;
    }
    pthread_mutex_unlock(&r->lock);
    if (!room) {
        free(item);
    }
}

struct requests *requests_start(const struct requests_options *options)
{
    struct requests *r = calloc(1, sizeof *r);
    if (!r) {
        abort();
    }
    r->options = *options;
    r->log = (struct request_log){.trace = options->trace, .write = put, .user = r};
    pthread_mutex_init(&r->lock, NULL);
    wait_init(&r->changed);
    if (pthread_create(&r->thread, NULL, write_all, r) != 0) {
        abort();
    }
    return r;
}

void requests_stop(struct requests *r)
{
    if (!r) {
        return;
    }
    struct timespec until = wait_deadline(INT64_C(1000000) * STOP_WAIT_S);
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_broadcast(&r->changed);
    int waited = 0;
    while (!r->ended && waited == 0) {
        waited = pthread_cond_timedwait(&r->changed, &r->lock, &until);
    }
    pthread_mutex_unlock(&r->lock);
    cancel_request(&r->cancel); // what still waits for the database
    pthread_join(r->thread, NULL);
    if (r->dropped > 0 && r->options.log) {
        log_line(r->options.log, LOG_DEBUG, "requests were not kept", LOG_I("n", r->dropped));
    }
    free_all(r->first);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

const struct request_log *requests_log(struct requests *r)
{
    return &r->log;
}

uint64_t requests_dropped(struct requests *r)
{
    pthread_mutex_lock(&r->lock);
    uint64_t n = r->dropped;
    pthread_mutex_unlock(&r->lock);
    return n;
}

// ---- reading

static struct str column(struct sql_stmt *st, size_t i, struct arena *arena)
{
    struct str s = sql_column_str(st, i);
    return s.ptr ? arena_dup(arena, s) : s;
}

#define SUMMARY                                                                                    \
    "SELECT id, started_ms, first_byte_us, took_us, connection, stream, endpoint, method, url,"    \
    " request_body_bytes, status, response_body_bytes, tries, sends, failed, again, code,"         \
    " message, correlation_id"

static void read_summary(struct sql_stmt *st, struct arena *arena, struct stored_request *ret)
{
    ret->id = sql_column(st, 0).num;
    ret->code = column(st, 16, arena);
    ret->record = (struct request_record){
        .started_ms = sql_column(st, 1).num,
        .first_byte_us = sql_column(st, 2).num,
        .took_us = sql_column(st, 3).num,
        .connection = column(st, 4, arena),
        .stream = column(st, 5, arena),
        .endpoint = column(st, 6, arena),
        .method = column(st, 7, arena),
        .url = column(st, 8, arena),
        .request_body_bytes = (size_t)sql_column(st, 9).num,
        .status = (int)sql_column(st, 10).num,
        .response_body_bytes = (size_t)sql_column(st, 11).num,
        .tries = (int)sql_column(st, 12).num,
        .sends = (int)sql_column(st, 13).num,
        .failed = sql_column(st, 14).num != 0,
        .again = sql_column(st, 15).num != 0,
        .message = column(st, 17, arena),
        .correlation_id = column(st, 18, arena),
    };
}

bool requests_list(struct store *s, const struct requests_filter *f, struct arena *arena,
                   struct stored_request **ret, size_t *ret_n, struct error *err)
{
    struct sql_stmt *st = NULL;
    size_t max = MIN(f->max, REQUESTS_MAX);
    struct stored_request *list = ARENA_ARRAY(arena, struct stored_request, max);
    const struct sql_value args[] = {sql_int(f->failed), sql_int(f->since_ms),
                                     sql_int((int64_t)max)};
    size_t n = 0;
    bool row = false;
    bool ok = sql_once_query(store_sql(s),
                             STR(SUMMARY " FROM request WHERE failed >= $1 AND started_ms >= $2 "
                                         "ORDER BY id DESC LIMIT $3"),
                             args, ARRAY_LEN(args), &st, err);
    while (ok && (ok = sql_next(st, &row, err)) && row) {
        read_summary(st, arena, &list[n++]);
    }
    sql_finalize(st);
    if (!ok) {
        return store_fail(err);
    }
    *ret = list;
    *ret_n = n;
    return true;
}

bool requests_find(struct store *s, int64_t id, struct arena *arena, struct stored_request *ret,
                   struct error *err)
{
    struct sql_stmt *st = NULL;
    const struct sql_value args[] = {sql_int(id)};
    bool row = false;
    bool ok = sql_once_query(store_sql(s),
                             STR(SUMMARY ", request_headers, request_body, response_headers,"
                                         " response_body FROM request WHERE id = $1"),
                             args, ARRAY_LEN(args), &st, err) &&
              sql_next(st, &row, err);
    if (ok && row) {
        read_summary(st, arena, ret);
        ret->record.request_headers = column(st, 19, arena);
        ret->record.request_body = column(st, 20, arena);
        ret->record.response_headers = column(st, 21, arena);
        ret->record.response_body = column(st, 22, arena);
    }
    sql_finalize(st);
    if (!ok) {
        return store_fail(err);
    }
    if (!row) {
        return error_set(err, ERR_NOT_FOUND,
                         "there is no request %lld in the log; sluice requests lists them",
                         (long long)id);
    }
    return true;
}
