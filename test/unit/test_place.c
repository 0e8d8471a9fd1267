#include "test_place.h"

#include <sys/stat.h>

void must(bool ok, const struct error *err)
{
    if (!ok) {
        fail_msg("%s: %s", error_info(err->code)->name, err->message);
    }
}

struct store_options place_options(struct place *p)
{
    return (struct store_options){.url = str_from(p->url),
                                  .directory = str_from(p->dir),
                                  .create = true,
                                  .clock = &p->clock.clock,
                                  .cancel = &p->cancel};
}

struct store *place_open_store(struct place *p)
{
    struct error err;
    struct store *s = NULL;
    struct store_options o = place_options(p);
    must(store_open(&o, &s, &err), &err);
    return s;
}

struct sealing *place_open_sealing(struct store *store, const char *key_file)
{
    struct error err;
    struct sealing *s = NULL;
    must(sealing_open(&(struct sealing_options){store, str_from(key_file)}, &s, &err), &err);
    return s;
}

struct place *place_create(const char *url)
{
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    unsetenv("SLUICE_KEY");
    unsetenv("SLUICE_KEY_NEW");
    snprintf(p->root, sizeof p->root, "/tmp/sluice-store-XXXXXX");
    assert_non_null(mkdtemp(p->root));
    snprintf(p->dir, sizeof p->dir, "%s/a/b", p->root);
    snprintf(p->url, sizeof p->url, "%s", url);
    virtual_clock_init(&p->clock, 1000000);
    arena_init(&p->arena, 1 << 26);
    p->store = place_open_store(p);
    p->sealing = place_open_sealing(p->store, "");
    return p;
}

void place_destroy(struct place *p)
{
    char command[128];
    sealing_close(p->sealing);
    store_close(p->store);
    arena_done(&p->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", p->root);
    assert_int_equal(system(command), 0);
    unsetenv("SLUICE_KEY");
    unsetenv("SLUICE_KEY_NEW");
    free(p);
}

int place_setup(void **state)
{
    *state = place_create("");
    return 0;
}

int place_teardown(void **state)
{
    place_destroy(*state);
    return 0;
}

const char *place_file(struct place *p, const char *name)
{
    return arena_printf(&p->arena, "%s/%s", p->dir, name).ptr;
}

struct str place_contents(struct place *p, const char *path)
{
    FILE *f = fopen(path, "rb");
    char *bytes = arena_alloc(&p->arena, 1 << 20);
    assert_non_null(f);
    size_t n = fread(bytes, 1, 1 << 20, f);
    (void)fclose(f);
    return (struct str){bytes, n};
}

// A connection with one secret.
bool place_put_token(struct place *p, const char *name, const char *token, struct error *err)
{
    struct secret *s = secret_create(str_from(token));
    struct connection c = {.name = str_from(name),
                           .kind = CONNECTION_TOKEN,
                           .portal_id = 7,
                           .base_url = STR("http://localhost:1"),
                           .scopes = STR("a b")};
    bool ok =
        connection_put(p->store, p->sealing, &c, &(struct connection_secrets){.token = s}, err);
    secret_destroy(s);
    return ok;
}

void place_check_token(struct place *p, const char *name, const char *token)
{
    struct error err;
    struct secret *s = NULL;
    must(connection_secret(p->store, p->sealing, str_from(name), "token", &s, &err), &err);
    assert_non_null(s);
    check_str(secret_reveal(s), token);
    secret_destroy(s);
}

void place_run(struct place *p, const char *text)
{
    struct error err;
    must(sql_exec(store_sql(p->store), text, &err), &err);
}

void place_fill_syncs(struct place *p, int64_t n)
{
    int64_t more = n - place_number(p, "SELECT count(*) FROM elt_sync");
    assert_true(more > 0);
    struct str text = arena_printf(
        &p->arena,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %lld) "
        "INSERT INTO elt_sync SELECT 'copy' || n.i, s.account_id, s.connection_id, "
        "s.destination_id, 'copy' || n.i, 'copy' || n.i, s.sync_interval, s.settings, s.start_ms, "
        "s.enabled, s.started, s.next_due_ms, s.created_ms, s.updated_ms FROM n CROSS JOIN "
        "elt_sync s WHERE s.id = (SELECT min(id) FROM elt_sync)",
        (long long)more);
    place_run(p, text.ptr);
}

int64_t place_number(struct place *p, const char *query)
{
    struct error err;
    struct sql_value v = sql_null();
    must(sql_once_int(store_sql(p->store), str_from(query), NULL, 0, &v, &err), &err);
    return v.num;
}
