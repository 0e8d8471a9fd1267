// sluice runs: what goes on in a sync, or in all, once or until nothing goes on any more.
#include "cli/progress.h"
#include "cli/remote_show.h"
#include "cli/remote_verbs.h"
#include "cli/signals.h"

#include <unistd.h>

enum { LOOK_MS = 1000, SYNCS_MAX = 10000, NAME_WIDTH = 22 };

// What was seen of one stream last, to tell what is new.
struct look {
    struct str key; // sync and stream
    struct str line;
    struct look *next;
};

struct follow {
    const struct remote_verb *v;
    struct remote *r;
    struct arena arena; // of one look
    struct arena kept;
    struct str *syncs;
    size_t n_syncs;
    struct look *looks;
    size_t streams, active, delayed, failed;
    bool live;         // a terminal: lines are drawn over
    size_t live_lines; // drawn last
};

static void take_sync(void *user, struct json item)
{
    struct follow *f = user;
    struct str id;
    if (json_get_string(item, STR("id"), &id) && f->n_syncs < SYNCS_MAX) {
        f->syncs[f->n_syncs++] = arena_dup(&f->kept, id);
    }
}

static bool find_syncs(struct follow *f, struct error *err)
{
    struct remote_walk walk = {
        .path = STR("/elt_syncs"), .max = SYNCS_MAX, .item = take_sync, .user = f};
    f->syncs = arena_alloc(&f->kept, SYNCS_MAX * sizeof *f->syncs);
    if (f->v->options->sync.len > 0) {
        f->syncs[f->n_syncs++] = f->v->options->sync;
        return true;
    }
    return remote_list(f->r, &walk, err);
}

// ---- one look

static struct str line_of(struct follow *f, struct str sync, struct json stream, struct json run)
{
    char rows[COUNT_TEXT_MAX];
    int64_t n = 0;
    int64_t total = 0;
    (void)json_get_int(run, STR("records_synced"), &n);
    bool known = json_get_int(run, STR("estimated_total_count"), &total) && total > n;
    struct str status = show_text(run, "status", &f->arena);
    struct str name = show_text(stream, "name", &f->arena);
    struct str mode = show_text(run, "operation_mode", &f->arena);
    struct str why = show_text(run, "error_message", &f->arena);
    struct str details = show_text(run, "details", &f->arena);
    struct str percent =
        known ? arena_printf(&f->arena, " %3lld %%", (long long)(100 * n / total)) : STR("");
    return arena_printf(&f->arena, "%.*s %-*.*s %-10.*s %-12.*s %12s%.*s  %.*s", STR_ARG(sync),
                        NAME_WIDTH, STR_ARG(name), STR_ARG(status), STR_ARG(mode),
                        count_text((uint64_t)MAX(n, 0), rows), STR_ARG(percent),
                        STR_ARG(why.len > 0 ? why : details));
}

static bool is_new(struct follow *f, struct str key, struct str line)
{
    struct look *l = f->looks;
    while (l && !str_eq(l->key, key)) {
        l = l->next;
    }
    if (!l) {
        l = arena_zalloc(&f->kept, sizeof *l);
        l->key = arena_dup(&f->kept, key);
        l->next = f->looks;
        f->looks = l;
    } else if (str_eq(l->line, line)) {
        return false;
    }
    l->line = arena_dup(&f->kept, line);
    return true;
}

static void show_stream(struct follow *f, struct str sync, struct json stream)
{
    struct json run;
    struct str status = STR("");
    bool active = json_get(stream, STR("active_sync"), &run);
    if (!active && !json_get(stream, STR("latest_sync"), &run)) {
        return; // it has never run
    }
    (void)json_get_string(run, STR("status"), &status);
    bool waits = str_eq(status, STR("DELAYED"));
    f->streams++;
    f->active += active && !waits;
    f->delayed += active && waits;
    f->failed += !active && str_eq(status, STR("FAILED"));
    if (f->v->options->remote.json) {
        struct str key = arena_printf(&f->arena, "%.*s/%.*s", STR_ARG(sync),
                                      STR_ARG(show_text(stream, "name", &f->arena)));
        if (is_new(f, key, line_of(f, sync, stream, run))) {
            show_json(stream);
        }
        return;
    }
    struct str line = line_of(f, sync, stream, run);
    if (f->live) {
        printf("\033[K%.*s\n", STR_ARG(line));
        f->live_lines++;
    } else if (is_new(f, str_sub(line, 0, sync.len + 1 + NAME_WIDTH), line)) {
        printf("%.*s\n", STR_ARG(line));
    }
}

static bool look_at(struct follow *f, struct str sync, struct error *err)
{
    struct remote_call call = {.method = HTTP_GET,
                               .path = remote_path("/elt_syncs/{}/status", &sync, &f->arena)};
    struct json status;
    struct json streams;
    struct json stream;
    if (!remote_call(f->r, &call, &status, err)) {
        return false;
    }
    if (!json_get(status, STR("source_streams"), &streams)) {
        return error_set(err, ERR_SOURCE_DATA, "the server's status of sync %.*s has no streams",
                         STR_ARG(sync));
    }
    struct json_iter it = json_iter(streams);
    while (json_next(&it, &stream)) {
        show_stream(f, sync, stream);
    }
    return true;
}

static bool look(struct follow *f, struct error *err)
{
    if (f->live && f->live_lines > 0) {
        printf("\033[%zuA", f->live_lines); // over the lines of the last look
    }
    f->streams = f->active = f->delayed = f->failed = f->live_lines = 0;
    for (size_t i = 0; i < f->n_syncs; i++) {
        arena_reset(&f->arena);
        if (!look_at(f, f->syncs[i], err)) {
            return false;
        }
    }
    fflush(stdout);
    return true;
}

// ---- until nothing goes on

static bool watch(struct follow *f, bool *ret_interrupted, struct error *err)
{
    struct cancel cancel = {false};
    struct signals *signals = signals_catch_saying(&cancel, "");
    bool ok = look(f, err);
    while (ok && f->active > 0 && !signals_wait(signals, LOOK_MS)) {
        ok = look(f, err);
    }
    *ret_interrupted = cancel_requested(&cancel);
    signals_release(signals);
    return ok;
}

static int exit_code(const struct follow *f, bool interrupted)
{
    enum { SOME_FAILED = 3 };
    if (interrupted) {
        return error_info(ERR_INTERRUPTED)->exit_code;
    }
    return f->failed > 0    ? SOME_FAILED
           : f->delayed > 0 ? error_info(ERR_RATE_LIMITED)->exit_code
                            : 0;
}

int runs_show(const struct remote_verb *v, struct remote *r)
{
    struct follow f = {.v = v, .r = r};
    struct error err;
    bool interrupted = false;
    arena_init(&f.arena, 64 * 1024 * 1024);
    arena_init(&f.kept, 256 * 1024 * 1024);
    f.live = v->options->follow && !v->options->remote.json && isatty(STDOUT_FILENO);
    bool ok = find_syncs(&f, &err) &&
              (v->options->follow ? watch(&f, &interrupted, &err) : look(&f, &err));
    if (ok && f.streams == 0 && !v->options->remote.json) {
        printf("No stream has run yet.\n");
    }
    int code = !ok ? remote_fail(&err) : v->options->follow ? exit_code(&f, interrupted) : 0;
    arena_done(&f.arena);
    arena_done(&f.kept);
    return code;
}
