// When the key that seals secrets is lost for good: what it sealed is given up, so that the rest of
// the store can be worked with again.
//
// Errors: USAGE when the key is not lost or another than `key_id` is; STORE_BUSY when a server or
// worker is at work on the store, which still has the key: then nothing is changed. One owner.
#pragma once

#include "store/sealing.h"

struct key_loss {
    int64_t connections;  // that have to be authorized anew
    int64_t destinations; // whose password is to be given again
    int64_t streams;      // with hashed columns: their next run is full, as hashes have a new salt
};
// `key_id`: of the lost key, as errors name it; nobody gives up anything by accident.
bool key_loss_accept(struct store *s, struct sealing *sealing, struct str key_id,
                     struct key_loss *ret, struct error *err) MUST_CHECK;
