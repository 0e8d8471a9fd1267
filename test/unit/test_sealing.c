// Sealed secrets: what opens them, what does not, and new keys.
#include "test_place.h"

#include <sys/stat.h>

#define KEY_A "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define KEY_B "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="

static void write_file(const char *path, struct str bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static void check_token_fails(struct place *p, const char *name, const char *says)
{
    struct error err = {0};
    struct secret *s = NULL;
    assert_false(connection_secret(p->store, p->sealing, str_from(name), "token", &s, &err));
    assert_int_equal(err.code, ERR_KEY);
    check_contains(err.message, says);
}

// ---- sealing

static void test_seals_and_opens(void **state)
{
    struct place *p = *state;
    struct error err;
    must(place_put_token(p, "acme", MARK, &err), &err);
    must(place_put_token(p, "other", MARK "-2", &err), &err);
    place_check_token(p, "acme", MARK);
    place_check_token(p, "other", MARK "-2");
    assert_int_equal(place_number(p, "SELECT count(DISTINCT nonce) FROM secret"), 2);
    // Another process with the same directory.
    sealing_close(p->sealing);
    p->sealing = place_open_sealing(p->store, "");
    place_check_token(p, "acme", MARK);
}

static void test_rows_cannot_be_swapped_or_altered(void **state)
{
    struct place *p = *state;
    struct error err;
    must(place_put_token(p, "acme", MARK, &err), &err);
    must(place_put_token(p, "other", MARK "-2", &err), &err);
    place_run(p, "UPDATE secret SET nonce = (SELECT nonce FROM secret WHERE connection = 'other'), "
                 "sealed = (SELECT sealed FROM secret WHERE connection = 'other') "
                 "WHERE connection = 'acme'");
    check_token_fails(p, "acme", "altered");
    place_run(p, "UPDATE secret SET sealed = zeroblob(length(sealed)) WHERE connection = 'other'");
    check_token_fails(p, "other", "altered");
    place_run(p, "UPDATE secret SET sealed = x'00'");
    check_token_fails(p, "other", "altered");
    place_run(p, "UPDATE secret SET nonce = x'00'");
    check_token_fails(p, "other", "altered");
}

static void test_a_wrong_key_is_named(void **state)
{
    struct place *p = *state;
    struct error err;
    must(place_put_token(p, "acme", MARK, &err), &err);
    char id[SEALING_ID_MAX];
    snprintf(id, sizeof id, "%s", sealing_key_id(p->sealing));
    write_file(place_file(p, "key"), STR(KEY_A "\n"));
    sealing_close(p->sealing);
    p->sealing = place_open_sealing(p->store, "");
    check_token_fails(p, "acme", id);
    check_token_fails(p, "acme", "--key-file");
    assert_false(place_put_token(p, "new", MARK, &err)); // and does not seal beside the others
    assert_int_equal(err.code, ERR_KEY);
    // When nothing is left that the lost key has sealed, the one at hand will do.
    bool found = false;
    must(connection_remove(p->store, STR("acme"), &found, &err), &err);
    assert_true(found);
    must(place_put_token(p, "new", MARK, &err), &err);
    place_check_token(p, "new", MARK);
}

static void test_keys_that_cannot_be(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } ROWS[] = {{"", "does not hold a key"},
                {"AQEB", "does not hold a key"},
                {KEY_A "x", "does not hold a key"},
                {"not base64 !", "does not hold a key"}};
    struct place *p = *state;
    struct error err = {0};
    struct sealing *s = NULL;
    struct sealing_options o = {p->store, str_from(place_file(p, "mine"))};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        write_file(o.key_file.ptr, str_from(ROWS[i].text));
        check_row(!sealing_open(&o, &s, &err), ROWS[i].text);
        check_contains(err.message, ROWS[i].says);
        check_contains(err.message, "mine");
    }
    write_file(o.key_file.ptr, STR(KEY_A));
    assert_int_equal(chmod(o.key_file.ptr, 0640), 0);
    assert_false(sealing_open(&o, &s, &err));
    check_contains(err.message, "chmod 600");
    setenv("SLUICE_KEY", "c2hvcnQ=", 1);
    assert_false(sealing_open(&o, &s, &err));
    check_contains(err.message, "SLUICE_KEY");
}

// ---- rotation

static void rotate(struct place *p, size_t rows)
{
    struct error err;
    size_t n = 0;
    must(sealing_rotate(p->sealing, &n, &err), &err);
    assert_int_equal(n, rows);
    assert_int_equal(place_number(p, "SELECT count(DISTINCT key_id) FROM secret"), 1);
}

static void test_rotation(void **state)
{
    struct place *p = *state;
    struct error err;
    must(place_put_token(p, "acme", MARK, &err), &err);
    must(place_put_token(p, "other", MARK "-2", &err), &err);
    struct str key = place_contents(p, place_file(p, "key"));
    struct sealing *running = place_open_sealing(p->store, ""); // of another program
    rotate(p, 2);
    assert_false(str_eq(place_contents(p, place_file(p, "key")), key));
    assert_int_not_equal(access(place_file(p, "key.new"), F_OK), 0);
    place_check_token(p, "acme", MARK);
    // The other one notices, reads and writes with the new key.
    sealing_close(p->sealing);
    p->sealing = running;
    place_check_token(p, "other", MARK "-2");
    must(place_put_token(p, "third", MARK "-3", &err), &err);
    assert_int_equal(place_number(p, "SELECT count(DISTINCT key_id) FROM secret"), 1);
    // The old key opens nothing.
    write_file(place_file(p, "key"), key);
    sealing_close(p->sealing);
    p->sealing = place_open_sealing(p->store, "");
    check_token_fails(p, "acme", "sealed with key");
}

// What a kill leaves at each step of a rotation: a new key that nothing uses yet, and a new key
// that everything uses but that has not taken its place.
static void test_rotation_cut_at_any_step(void **state)
{
    struct place *p = *state;
    struct error err;
    must(place_put_token(p, "acme", MARK, &err), &err);
    write_file(place_file(p, "key.new"), STR(KEY_A));
    sealing_close(p->sealing);
    p->sealing = place_open_sealing(p->store, "");
    place_check_token(p, "acme", MARK);
    must(place_put_token(p, "other", MARK "-2", &err), &err);
    rotate(p, 2);
    // Behind the transaction: undo the renaming.
    struct str used = place_contents(p, place_file(p, "key"));
    write_file(place_file(p, "key.new"), used);
    write_file(place_file(p, "key"), STR(KEY_B));
    sealing_close(p->sealing);
    p->sealing = place_open_sealing(p->store, "");
    place_check_token(p, "acme", MARK);
    must(place_put_token(p, "third", MARK "-3", &err), &err);
    assert_int_equal(place_number(p, "SELECT count(DISTINCT key_id) FROM secret"), 1);
    rotate(p, 3);
    place_check_token(p, "third", MARK "-3");
    assert_int_not_equal(access(place_file(p, "key.new"), F_OK), 0);
}

// A process that is killed while it rotates for ever: what is left can be opened, each time.
static void test_rotation_survives_kills(void **state)
{
    struct place *p = *state;
    struct error err;
    must(place_put_token(p, "acme", MARK, &err), &err);
    must(place_put_token(p, "other", MARK "-2", &err), &err);
    sealing_close(p->sealing);
    store_close(p->store);
    p->sealing = NULL;
    p->store = NULL;
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct store *s = place_open_store(p);
            struct sealing *k = place_open_sealing(s, "");
            size_t n;
            for (int turn = 0; turn < 100000 && sealing_rotate(k, &n, &err); turn++) {
            }
            _exit(0);
        }
        usleep((useconds_t)(2000 + i * 1700));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        p->store = place_open_store(p);
        p->sealing = place_open_sealing(p->store, "");
        place_check_token(p, "acme", MARK);
        place_check_token(p, "other", MARK "-2");
        sealing_close(p->sealing);
        store_close(p->store);
    }
    p->store = place_open_store(p);
    p->sealing = place_open_sealing(p->store, "");
    rotate(p, 2);
}

static void test_rotation_of_a_key_from_the_environment(void **state)
{
    struct place *p = *state;
    struct error err;
    size_t n = 0;
    setenv("SLUICE_KEY", KEY_A, 1);
    sealing_close(p->sealing);
    p->sealing = place_open_sealing(p->store, "");
    must(place_put_token(p, "acme", MARK, &err), &err);
    assert_int_not_equal(access(place_file(p, "key"), F_OK), 0);
    assert_false(sealing_rotate(p->sealing, &n, &err));
    check_contains(err.message, "SLUICE_KEY_NEW");
    setenv("SLUICE_KEY_NEW", KEY_B, 1);
    rotate(p, 1);
    place_check_token(p, "acme", MARK);
    setenv("SLUICE_KEY", KEY_B, 1);
    unsetenv("SLUICE_KEY_NEW");
    sealing_close(p->sealing);
    p->sealing = place_open_sealing(p->store, "");
    place_check_token(p, "acme", MARK);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_seals_and_opens),
        CASE(test_rows_cannot_be_swapped_or_altered),
        CASE(test_a_wrong_key_is_named),
        CASE(test_keys_that_cannot_be),
        CASE(test_rotation),
        CASE(test_rotation_cut_at_any_step),
        CASE(test_rotation_survives_kills),
        CASE(test_rotation_of_a_key_from_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
