// Sealing: secrets at rest. Each is encrypted and authenticated (libsodium's secretbox) with a
// random nonce and a key that is not in the database; what it belongs to is sealed with it, so that
// rows cannot be swapped.
//
// Where keys come from: the environment (SLUICE_KEY, base64 of 32 bytes), or the file of
// --key-file, or else `key` in the data directory, which is made when it is first needed. A key
// beside the database protects copies and backups of the database, not the machine.
// Beside each key there may be a second one, where a rotation puts the new key before it uses it:
// SLUICE_KEY_NEW, or the key file's name with ".new". Whichever of the two the store names as
// current seals; both open. So a rotation may be cut at any instant.
// Several machines that share a store need the same key: SLUICE_KEY, or copies of one file.
// Errors: KEY, STORE, STORE_BUSY. Threads: one owner at a time.
#pragma once

#include "core/secret.h"
#include "store/store.h"

enum { SEALING_KEY_BYTES = 32, SEALING_ID_MAX = 17 };

struct sealing;

struct sealing_options {
    struct store *store; // must outlive the sealing
    struct str key_file; // empty: see above
};
// Reads the keys. The key file is made by the first seal.
bool sealing_open(const struct sealing_options *options, struct sealing **ret,
                  struct error *err) MUST_CHECK;
void sealing_close(struct sealing *s); // takes NULL; wipes the keys
// 16 hexadecimal digits of a hash of the key that seals now. Valid until the keys are read again.
const char *sealing_key_id(const struct sealing *s);

// A secret as it lies in a row.
struct sealed {
    struct str key_id;
    struct str nonce;
    struct str bytes;
};
// What can be said about the keys where there is no store yet: those that are there can be read,
// and one that is to be made can be.
bool sealing_check_keys(struct str directory, struct str key_file, struct error *err) MUST_CHECK;
// Whether the key is at hand that the store is sealed with; true when nothing is sealed yet.
bool sealing_check(struct sealing *s, struct error *err) MUST_CHECK;
// Which row: what is sealed for one opens as no other.
struct seal_name {
    struct str owner; // a connection's name; "bridge:<id>", "destination:<id>", "workspace:<id>"
    struct str what;
};
// Must be called between store_begin and store_end, so that no rotation comes between choosing the
// key and storing the row. Rows are written by store/secrets.h. Into `arena`.
bool sealing_seal(struct sealing *s, const struct seal_name *name, const struct secret *plain,
                  struct arena *arena, struct sealed *ret, struct error *err) MUST_CHECK;
bool sealing_unseal(struct sealing *s, const struct seal_name *name, const struct sealed *sealed,
                    struct secret **ret, struct error *err) MUST_CHECK;

// Makes a new key and seals every row of the store anew with it. *ret_rows: how many.
bool sealing_rotate(struct sealing *s, size_t *ret_rows, struct error *err) MUST_CHECK;
