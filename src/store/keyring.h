// Where the keys of a store are: the environment or files. Only for sealing.c.
#pragma once

#include "store/sealing.h"

struct key {
    struct secret *bytes; // NULL: there is none
    char id[SEALING_ID_MAX];
};

enum { KEYRING_CURRENT, KEYRING_NEW, KEYRING_N };
struct keyring {
    struct key keys[KEYRING_N];
    bool from_environment;
    struct str path; // of the key file, when not from the environment
};

// Reads what is there; keys that are missing stay empty. The texts live in `arena`.
bool keyring_read(struct keyring *k, struct str directory, struct str key_file, struct arena *arena,
                  struct error *err) MUST_CHECK;
// The same look, for nobody: keys that are there can be read, and a key file that is named but not
// there could be made.
bool keyring_check(struct str directory, struct str key_file, struct error *err) MUST_CHECK;
void keyring_done(struct keyring *k);
const struct key *keyring_find(const struct keyring *k, struct str id); // NULL when not there
// Makes a random key and its file (0600, durable); never overwrites. The one found when another
// program was quicker.
bool keyring_make_first(struct keyring *k, struct error *err) MUST_CHECK;
// Puts a new random key into the ".new" file, over a former one.
bool keyring_make_new(struct keyring *k, struct error *err) MUST_CHECK;
// The new key takes the place of the current one, durably.
bool keyring_promote(struct keyring *k, struct error *err) MUST_CHECK;
