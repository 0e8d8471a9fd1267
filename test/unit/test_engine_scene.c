#include "test_engine.h"

#include "core/timestamp.h"
#include "engine/cron.h"
#include "engine/elt_settings.h"
#include "store/destinations.h"
#include "store/workspaces.h"

#include <sys/stat.h>

const char *const SCENE_CONTACTS[] = {"contacts", NULL};
const char *const SCENE_THREE[] = {"contacts", "companies", "deals", NULL};

// Threads wait for one another's locks in real time: the clock of the place stands still meanwhile.
static void really_sleep(const struct clock *c, int64_t us)
{
    (void)c;
    (void)usleep((useconds_t)MIN(us, 1000));
}

void scene_init(struct scene *s, struct place *place)
{
    struct error err;
    struct workspace workspace;
    struct stored_destination d;
    *s = (struct scene){.place = place, .sleep_us = place->clock.clock.sleep_us};
    place->clock.clock.sleep_us = really_sleep;
    paper_init(&s->paper, &place->clock.clock);
    must(workspace_prepare(place->store, &place->arena, &workspace, &err), &err);
    s->account_id = workspace.id;
    struct secret *url = secret_create(STR("sqlite:/nowhere/data.db"));
    d.account_id = s->account_id;
    must(stored_destination_set_default(place->store, place->sealing, url, &d, &place->arena, &err),
         &err);
    secret_destroy(url);
    s->destination_id = d.id;
}

void scene_done(struct scene *s)
{
    if (getenv("SLUICE_TEST_LOG")) {
        print_message("%.*s", (int)s->paper.log_len, s->paper.log_text);
    }
    assert_false(s->paper.twice);
    paper_done(&s->paper);
}

void scene_connection(struct scene *s, const char *name)
{
    struct error err;
    struct sql_value args[] = {sql_text(s->account_id), sql_text(str_from(name))};
    must(place_put_token(s->place, name, MARK, &err), &err);
    must(sql_once(store_sql(s->place->store),
                  STR("UPDATE connection SET account_id = $1 WHERE name = $2"), args, 2, NULL,
                  &err),
         &err);
}

static int64_t first_due(struct scene *s, const struct elt_sync *sync)
{
    struct cron cron;
    struct elt_settings settings;
    struct error err;
    int64_t due = 0;
    must(cron_parse(sync->sync_interval, &cron, &err), &err);
    must(elt_settings_parse(sync->settings, &s->place->arena, &settings, &err), &err);
    assert_true(cron_next(&cron, settings.time_zone, scene_now(s), &due));
    return due;
}

struct scene_sync scene_add(struct scene *s, const char *connection, const char *interval,
                            const char *settings, const char *const *streams)
{
    struct error err;
    struct arena *arena = &s->place->arena;
    struct store *store = s->place->store;
    struct elt_sync sync = {.account_id = s->account_id,
                            .connection_id = str_from(connection),
                            .destination_id = s->destination_id,
                            .sync_interval = str_from(interval),
                            .settings = str_from(settings)};
    struct scene_sync ret = {{NULL, 0}, {NULL, 0}};
    int64_t n = scene_number(s, "SELECT count(*) FROM elt_sync");
    sync.schema_name = arena_printf(arena, "schema_%lld", (long long)n);
    must(store_begin(store, &err), &err);
    must(elt_sync_create(store, &sync, arena, &err), &err);
    for (size_t i = 0; streams[i]; i++) {
        struct elt_stream stream = {
            .account_id = s->account_id, .sync_id = sync.id, .name = str_from(streams[i])};
        must(elt_stream_put(store, &stream, arena, &err), &err);
        ret.stream_id = i == 0 ? stream.id : ret.stream_id;
    }
    must(elt_sync_enable(store, s->account_id, sync.id, true, first_due(s, &sync), &err), &err);
    must(store_end(store, true, &err), &err);
    ret.id = sync.id;
    return ret;
}

struct engine *scene_engine(struct scene *s, const char *worker, size_t workers)
{
    struct engine *e = NULL;
    struct error err;
    struct engine_options o = {.store = place_options(s->place),
                               .worker = str_from(worker),
                               .workers = workers,
                               .schedule = true,
                               .clock = &s->place->clock.clock,
                               .log = &s->paper.log};
    must(engine_open(&o, &e, &err), &err);
    return e;
}

void scene_settle(struct engine *e)
{
    uint64_t before = 0;
    struct engine_figures f = {0};
    engine_wake(e);
    do {
        before = f.started;
        assert_true(engine_pass(e));
        assert_true(workers_settle(e, engine_real_ms() + 60000));
        engine_wake(e);
        engine_figures(e, &f);
    } while (f.started != before);
}

void scene_advance_ms(struct scene *s, int64_t ms)
{
    virtual_clock_advance_us(&s->place->clock, ms * 1000);
}

int64_t scene_now(struct scene *s)
{
    return clock_now_ms(&s->place->clock.clock);
}

int64_t scene_number(struct scene *s, const char *query)
{
    return place_number(s->place, query);
}

static int setup_at(void **state, const char *url)
{
    struct place *p = place_create(url);
    struct scene *s = calloc(1, sizeof *s);
    int64_t begin_ms = 0;
    assert_true(s && timestamp_parse(STR("2026-01-01T00:00:30Z"), &begin_ms));
    virtual_clock_advance_us(&p->clock, (begin_ms - clock_now_ms(&p->clock.clock)) * 1000);
    scene_init(s, p);
    scene_connection(s, "main");
    *state = s;
    return 0;
}

// In memory: a year is many transactions.
int scene_setup_in_memory(void **state)
{
    char url[64];
    snprintf(url, sizeof url, "sqlite:/dev/shm/sluice-year-%d", (int)getpid());
    assert_int_equal(mkdir(url + strlen("sqlite:"), 0700), 0);
    snprintf(url + strlen(url), sizeof url - strlen(url), "/db");
    return setup_at(state, url);
}

int scene_setup(void **state)
{
    return setup_at(state, "");
}

int scene_teardown(void **state)
{
    struct scene *s = *state;
    void *place = s->place;
    if (s->place->url[0]) {
        char command[128];
        const char *file = s->place->url + strlen("sqlite:");
        snprintf(command, sizeof command, "rm -rf '%.*s'", (int)(strrchr(file, '/') - file), file);
        assert_int_equal(system(command), 0);
    }
    scene_done(s);
    free(s);
    return place_teardown(&place);
}

int64_t scene_active(struct scene *s, const char *status)
{
    return scene_number(s,
                        arena_printf(&s->place->arena,
                                     "SELECT count(*) FROM stream_run WHERE status = '%s'", status)
                            .ptr);
}
