// sluice requests: what was asked of HubSpot and what came back.
#include "store/requests.h"
#include "cli/remote_verbs.h"
#include "core/timestamp.h"
#include "data/json_repair.h"
#include "data/json_writer.h"
#include "hubspot/printable.h"

enum { MESSAGE_SHOWN_MAX = 100, LINE_MAX = 8 * REQUEST_LOG_BODY_MAX };

static const char *time_text(int64_t ms, char out[TIMESTAMP_TEXT_MAX])
{
    return timestamp_format(ms, out) ? out : "?";
}

// ---- the list

static void print_line(const struct stored_request *q, struct arena *arena)
{
    const struct request_record *r = &q->record;
    char when[TIMESTAMP_TEXT_MAX];
    char status[16] = "-";
    if (r->status > 0) {
        snprintf(status, sizeof status, "%d", r->status);
    }
    struct str what = hubspot_printable(r->message, MESSAGE_SHOWN_MAX, arena);
    printf("%6lld  %s  %-3s  try %d%s  %6lld ms  %-20.*s  %-16.*s  %.*s%s\n", (long long)q->id,
           time_text(r->started_ms, when), status, r->tries, r->again ? "+" : " ",
           (long long)(r->took_us / 1000), STR_ARG(r->endpoint), STR_ARG(r->stream), STR_ARG(what),
           what.len < r->message.len ? "..." : "");
}

static void put_time(struct json_writer *w, const char *key, int64_t ms)
{
    char text[TIMESTAMP_TEXT_MAX];
    json_field_str(w, key, str_from(time_text(ms, text)));
}

// The fields that lists and single requests have in common.
static void put_summary(struct json_writer *w, const struct stored_request *q)
{
    const struct request_record *r = &q->record;
    json_field_int(w, "id", q->id);
    put_time(w, "started_at", r->started_ms);
    json_field_int(w, "first_byte_us", r->first_byte_us);
    json_field_int(w, "took_us", r->took_us);
    json_field_str(w, "connection", r->connection);
    json_field_str(w, "stream", r->stream);
    json_field_str(w, "endpoint", r->endpoint);
    json_field_str(w, "method", r->method);
    json_field_str(w, "url", r->url);
    json_field_int(w, "status", r->status);
    json_field_int(w, "tries", r->tries);
    json_field_int(w, "sends", r->sends);
    json_field_bool(w, "failed", r->failed);
    json_field_bool(w, "sent_again", r->again);
    json_field_str(w, "code", q->code);
    json_field_str(w, "message", r->message);
    json_field_str(w, "correlation_id", r->correlation_id);
    json_field_int(w, "request_body_bytes", (int64_t)r->request_body_bytes);
    json_field_int(w, "response_body_bytes", (int64_t)r->response_body_bytes);
}

static void put_whole(struct json_writer *w, const struct stored_request *q)
{
    const struct request_record *r = &q->record;
    json_field_str(w, "request_headers", r->request_headers);
    if (r->request_body.ptr) {
        json_field_str(w, "request_body", r->request_body);
    } else {
        json_field_null(w, "request_body");
    }
    json_field_str(w, "response_headers", r->response_headers);
    json_field_str(w, "response_body", r->response_body);
}

static void print_json(const struct stored_request *q, bool whole)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, 4 * (size_t)LINE_MAX);
    json_writer_init(&w, &out);
    json_begin_object(&w);
    put_summary(&w, q);
    if (whole) {
        put_whole(&w, q);
    }
    json_end_object(&w);
    buf_add_char(&out, '\n');
    assert(!out.overflow); // the bodies are bounded
    fwrite(out.ptr, 1, out.len, stdout);
    buf_done(&out);
}

static bool list(const struct cli *cli, const struct remote_options *s, struct store *store,
                 struct error *err)
{
    struct requests_filter filter = {
        .max = (size_t)s->last, .failed = s->failed, .since_ms = s->since_ms};
    struct stored_request *all = NULL;
    size_t n = 0;
    if (store && !requests_list(store, &filter, cli->arena, &all, &n, err)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (s->remote.json) {
            print_json(&all[i], false);
        } else {
            print_line(&all[i], cli->arena);
        }
    }
    if (n == 0 && !s->remote.json) {
        puts("No such requests are kept. Those that fail are; with --trace, all.");
    }
    return true;
}

// ---- one

// Text from outside, fit for a terminal: lines, tabs and spaces stay, other control characters and
// what is no UTF-8 become a question mark.
static void print_text(struct str text)
{
    for (size_t i = 0, len = 0; i < text.len; i += MAX(1, len)) {
        struct str rest = str_sub(text, i, text.len);
        unsigned char c = (unsigned char)rest.ptr[0];
        len = utf8_length(rest);
        bool c1 = len == 2 && c == 0xc2 && (unsigned char)rest.ptr[1] < 0xa0;
        bool shown = len > 0 && !c1 && ((c >= ' ' && c != 0x7f) || c == '\n' || c == '\t');
        if (shown) {
            fwrite(rest.ptr, 1, len, stdout);
        } else if (c != '\r') {
            putchar('?');
        }
    }
    if (text.len > 0 && text.ptr[text.len - 1] != '\n') {
        putchar('\n');
    }
}

static void print_body(struct str body, size_t bytes)
{
    if (body.len < bytes) {
        printf("\n(%zu bytes, of which the first %zu are kept)\n", bytes, body.len);
    } else {
        putchar('\n');
    }
    print_text(body);
}

static void print_whole(const struct stored_request *q, struct arena *arena)
{
    const struct request_record *r = &q->record;
    char when[TIMESTAMP_TEXT_MAX];
    printf("Request %lld, %s", (long long)q->id, time_text(r->started_ms, when));
    const struct {
        const char *name;
        struct str text;
    } about[] = {{"endpoint", r->endpoint},
                 {"stream", r->stream},
                 {"connection", r->connection},
                 {"correlation id", r->correlation_id}};
    for (size_t i = 0; i < ARRAY_LEN(about); i++) {
        if (about[i].text.len > 0) {
            struct str text = hubspot_printable(about[i].text, about[i].text.len, arena);
            printf(", %s %.*s", about[i].name, STR_ARG(text));
        }
    }
    printf("\nTry %d%s%s; first byte after %lld ms, %lld ms in all\n", r->tries,
           r->again ? ", sent again afterwards" : "",
           r->sends > 1 ? ", over a second connection since the first was found dead" : "",
           (long long)(r->first_byte_us / 1000), (long long)(r->took_us / 1000));
    if (r->message.len > 0) {
        printf("%.*s: ", STR_ARG(q->code));
        print_text(r->message);
    }
    printf("\n%.*s ", STR_ARG(r->method));
    print_text(r->url);
    print_text(r->request_headers);
    if (r->request_body.ptr) {
        print_body(r->request_body, r->request_body_bytes);
    }
    if (r->status == 0) {
        puts("\nNo answer.");
        return;
    }
    printf("\nHTTP %d\n", r->status);
    print_text(r->response_headers);
    print_body(r->response_body, r->response_body_bytes);
}

static bool show(const struct cli *cli, const struct remote_options *s, struct store *store,
                 struct str word, struct error *err)
{
    int64_t id = 0;
    struct stored_request q;
    if (!str_to_int64(word, &id) || id < 1) {
        return error_set(err, ERR_USAGE,
                         "\"%.*s\" is no request's number; sluice requests lists them",
                         STR_ARG(str_sub(word, 0, MESSAGE_SHOWN_MAX)));
    }
    if (!store) {
        return error_set(err, ERR_NOT_FOUND, "no requests are kept in the data directory");
    }
    if (!requests_find(store, id, cli->arena, &q, err)) {
        return false;
    }
    if (s->remote.json) {
        print_json(&q, true);
    } else {
        print_whole(&q, cli->arena);
    }
    return true;
}

// A number alone is one to show, here as there.
static int of_server(const struct cli *cli, struct remote_options *s, struct cli_args *args)
{
    int64_t number;
    if (args->n_words == 1 && str_to_int64(args->words[0], &number)) {
        args->words[1] = args->words[0];
        args->words[0] = STR("show");
        args->n_words = 2;
    }
    return remote_verb_run(&(struct remote_verb){cli, "requests", s, args});
}

int cli_requests(const struct cli *cli, int argc, char **argv)
{
    struct remote_options s = {.last = 0};
    struct cli_args args;
    struct error err;
    struct store *store = NULL;
    if (!cli_parse(cli, "requests", argc, argv, &s, &args)) {
        return args.exit_code;
    }
    if (s.remote.server.len > 0) {
        return of_server(cli, &s, &args);
    }
    bool ok = args.n_words <= 1 || error_set(&err, ERR_USAGE, "one request's number is expected");
    ok = ok && store_open(&(struct store_options){.url = s.store,
                                                  .directory = s.place.data_dir,
                                                  .clock = cli->clock},
                          &store, &err);
    ok = ok && (args.n_words == 1 ? show(cli, &s, store, args.words[0], &err)
                                  : list(cli, &s, store, &err));
    store_close(store);
    if (ok && fflush(stdout) != 0) {
        ok = error_set(&err, ERR_INTERNAL, "standard output cannot be written");
    }
    return ok ? 0 : cli_fail(&err);
}
