#include "test_task.h"

#include "http/client.h"

#include <fcntl.h>
#include <sys/prctl.h>

void must(bool ok, const struct error *err)
{
    if (!ok) {
        print_error("%s: %s\n", error_info(err->code)->name, err->message);
        fail();
    }
}

const char *scene_text(struct scene *s, struct str text)
{
    return arena_cstr(&s->arena, text);
}

// ---- hubsim

static void read_port(struct scene *s, int fd)
{
    char text[4096];
    size_t len = 0;
    ssize_t n = 0;
    char *at = NULL;
    while (!at && len + 1 < sizeof text && (n = read(fd, text + len, sizeof text - 1 - len)) > 0) {
        len += (size_t)n;
        text[len] = '\0';
        at = strstr(text, "127.0.0.1:");
        at = at && strpbrk(at, " \n/") ? at : NULL;
    }
    if (!at) {
        fail_msg("hubsim did not say where it listens");
        return;
    }
    size_t length = strspn(at + 10, "0123456789");
    snprintf(s->sim_url, sizeof s->sim_url, "http://127.0.0.1:%.*s", (int)length, at + 10);
}

static void start_sim(struct scene *s)
{
    const char *program = getenv("HUBSIM_BIN"); // NOLINT(concurrency-mt-unsafe)
    int out[2];
    if (!program) {
        fail_msg("HUBSIM_BIN names no hubsim");
        return;
    }
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    s->sim = fork();
    assert_true(s->sim >= 0);
    if (s->sim == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); // ends with the test, however that ends
        (void)dup2(out[1], STDOUT_FILENO);
        (void)dup2(out[1], STDERR_FILENO);
        (void)execl(program, program, "--listen", "127.0.0.1:0", "--contacts", "120", "--seed", "7",
                    "--token", TOKEN, "--limit", "off", "--search-limit", "off", (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    read_port(s, out[0]);
    // What it still says goes nowhere, but must not stop it.
    (void)fcntl(out[0], F_SETFD, FD_CLOEXEC);
}

void sim_post(struct scene *s, const char *path, const char *body)
{
    struct error err;
    struct http_client *c =
        http_client_create(&(struct http_client_options){.user_agent = "test",
                                                         .connect_timeout_ms = 5000,
                                                         .first_byte_timeout_ms = 30000,
                                                         .stall_timeout_ms = 30000,
                                                         .body_limit = 1 << 20},
                           clock_system());
    struct http_header headers[] = {{STR("Authorization"), STR("Bearer " TOKEN)},
                                    {STR("Content-Type"), STR("application/json")}};
    struct http_request r = {.method = HTTP_POST,
                             .url = arena_printf(&s->arena, "%s%s", s->sim_url, path),
                             .headers = headers,
                             .n_headers = 2,
                             .body = str_from(body)};
    must(http_client_start(c, &r, &err), &err);
    struct http_exchange *x = http_client_wait(c, 30000);
    assert_non_null(x);
    if (x->status < 200 || x->status > 299) {
        print_error("%s: %d %.*s\n", path, x->status, (int)x->body.len, x->body.ptr);
        fail();
    }
    http_exchange_release(c, x);
    http_client_destroy(c);
}

// ---- the store

static bool may_commit(void *user, struct str lease, int64_t fence)
{
    struct scene *s = user;
    return !s->may_commit || s->may_commit(s, lease, fence);
}

static struct store_options store_place(struct scene *s)
{
    return (struct store_options){.directory = arena_printf(&s->arena, "%s/data", s->dir),
                                  .create = true,
                                  .clock = clock_system()};
}

void scene_put_token(struct scene *s, const char *token)
{
    struct error err;
    struct secret *secret = secret_create(str_from(token));
    struct connection c = {.name = STR("acme"),
                           .account_id = s->workspace.id,
                           .integration_id = STR("hubspot-v2"),
                           .kind = CONNECTION_TOKEN,
                           .portal_id = 4711002,
                           .base_url = str_from(s->sim_url),
                           .oauth_version = STR("2026-03")};
    must(connection_put(s->store, s->sealing, &c, &(struct connection_secrets){.token = secret},
                        &err),
         &err);
    secret_destroy(secret);
}

void scene_set_destination(struct scene *s, const char *url)
{
    struct error err;
    struct secret *secret = secret_create(str_from(url));
    s->destination = (struct stored_destination){
        .account_id = s->workspace.id, .label = STR("here"), .integration_id = STR("sqlite")};
    must(stored_destination_create(s->store, s->sealing, secret, &s->destination, &s->arena, &err),
         &err);
    secret_destroy(secret);
    if (s->sync.id.len > 0) {
        struct sql_value args[] = {sql_text(s->destination.id), sql_text(s->sync.id)};
        must(sql_once(store_sql(s->store),
                      STR("UPDATE elt_sync SET destination_id = $1 WHERE id = $2"), args, 2, NULL,
                      &err),
             &err);
    }
}

void scene_put_stream(struct scene *s)
{
    struct error err;
    must(elt_stream_put(s->store, &s->stream, &s->arena, &err), &err);
}

void scene_load_stream(struct scene *s)
{
    struct error err;
    must(elt_stream_find(s->store, s->workspace.id, s->stream.id, &s->arena, &s->stream, &err),
         &err);
}

static void make_sync(struct scene *s)
{
    struct error err;
    s->sync = (struct elt_sync){.account_id = s->workspace.id,
                                .connection_id = STR("acme"),
                                .destination_id = s->destination.id,
                                .schema_name = STR("crm"),
                                .sync_interval = STR("0 * * * *"),
                                .settings = STR("{}")};
    must(elt_sync_create(s->store, &s->sync, &s->arena, &err), &err);
    must(elt_sync_enable(s->store, s->workspace.id, s->sync.id, true,
                         clock_now_ms(clock_system()) + INT64_C(3600000), &err),
         &err);
    s->stream = (struct elt_stream){
        .account_id = s->workspace.id, .sync_id = s->sync.id, .name = STR("contacts")};
    scene_put_stream(s);
}

int scene_create(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct error err;
    assert_non_null(s);
    *state = s;
    arena_init(&s->arena, 64 << 20);
    test_dir_create(s->dir);
    must(http_client_global_init(&err), &err);
    start_sim(s);
    struct store_options place = store_place(s);
    must(store_open(&place, &s->store, &err), &err);
    must(sealing_open(&(struct sealing_options){.store = s->store}, &s->sealing, &err), &err);
    must(workspace_prepare(s->store, &s->arena, &s->workspace, &err), &err);
    scene_put_token(s, TOKEN);
    scene_set_destination(s, arena_printf(&s->arena, "sqlite:%s/warehouse/", s->dir).ptr);
    make_sync(s);
    s->log = (struct log){.fd = STDERR_FILENO, .level = LOG_OFF, .clock = clock_system()};
    s->stores = store_pool_create(&(struct store_pool_options){.store = place, .max = 2});
    s->pool = task_pool_create(&(struct task_pool_options){.store = place,
                                                           .stores = s->stores,
                                                           .state_directory = place.directory,
                                                           .clock = clock_system(),
                                                           .log = &s->log,
                                                           .may_commit = may_commit,
                                                           .user = s});
    return 0;
}

int scene_destroy(void **state)
{
    struct scene *s = *state;
    task_pool_destroy(s->pool);
    store_pool_destroy(s->stores);
    sealing_close(s->sealing);
    store_close(s->store);
    if (s->sim > 0) {
        kill(s->sim, SIGKILL);
        waitpid(s->sim, NULL, 0);
    }
    test_dir_destroy(s->dir);
    arena_done(&s->arena);
    free(s);
    return 0;
}

// ---- running

static struct run_claim claim(struct scene *s)
{
    struct error err;
    struct stream_run_row row;
    bool made = false;
    struct run_wish wish = {
        .account_id = s->workspace.id, .stream_id = s->stream.id, .by_user = true};
    must(stream_run_request(s->store, &wish, &s->arena, &row, &made, &err), &err);
    struct run_claim *claims = NULL;
    size_t n = 0;
    struct run_take take = {.worker = STR("worker-1"), .max = 1};
    must(stream_run_take(s->store, &take, &s->arena, &claims, &n, &err), &err);
    assert_int_equal(n, 1);
    return claims[0];
}

struct stream_run_row scene_run(struct scene *s, void (*before)(struct task *t))
{
    struct error err;
    struct stream_run_row end;
    struct stream_run_row progress;
    struct run_claim c = claim(s);
    s->fence = c.run.fence;
    struct task *t = task_create(s->pool, &c);
    if (before) {
        before(t);
    }
    task_progress(t, &progress);
    task_execute(t, &end);
    end.worker = c.run.worker;
    must(stream_run_end(s->store, &end, &err), &err);
    // Its texts live as long as the task.
    end.error_code = arena_dup(&s->arena, end.error_code);
    end.error_message = arena_dup(&s->arena, end.error_message);
    end.details = arena_dup(&s->arena, end.details);
    task_destroy(t);
    return end;
}

struct str scene_ask(struct scene *s, const char *query)
{
    struct error err;
    struct sql *db = NULL;
    struct sql_stmt *st = NULL;
    bool row = false;
    struct sql_options o = {.url = arena_printf(&s->arena, "sqlite:%s/warehouse/crm.db", s->dir),
                            .clock = clock_system()};
    must(sql_open(&o, &db, &err), &err);
    must(sql_once_query(db, str_from(query), NULL, 0, &st, &err) && sql_next(st, &row, &err), &err);
    assert_true(row);
    struct sql_value v = sql_column(st, 0);
    struct str text = {NULL, 0};
    if (v.type == SQL_INT) {
        text = arena_printf(&s->arena, "%lld", (long long)v.num);
    } else if (v.type == SQL_TEXT) {
        text = arena_dup(&s->arena, (struct str){v.ptr, v.len});
    }
    sql_finalize(st);
    sql_close(db);
    return text;
}
