// The value of a property of a record: set by hand, or made up from hashes. Pure reading under the
// portal's lock.
#pragma once

#include "sim/portal.h"
#include "sim/text.h"

enum { GENERATE_SHORT_MAX = 256 }; // bytes of a value of a short kind

// Kinds whose values may be long or need escaping in JSON; all others are short and plain.
static inline bool generate_is_long(enum value_kind kind)
{
    return kind >= KIND_PARAGRAPH;
}

// The start of a made-up value, and whether there is one.
static inline uint64_t generate_hash(const struct record *r, const struct property *p)
{
    uint64_t x = r->hash ^ p->salt;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}
static inline bool generate_filled(const struct property *p, uint64_t hash)
{
    return (uint32_t)(hash >> 32) <= p->fill && p->fill > 0;
}
// A record that was created through the API has nothing made up but what HubSpot knows by itself.
static inline bool generate_made_up(const struct record *r, const struct property *p, uint64_t hash)
{
    return generate_filled(p, hash) && (!r->blank || p->kind <= KIND_COMPANY_ID);
}

// Writes a made-up value of a short kind; the new end, or NULL for no value after all.
char *generate_short(const struct record *r, const struct property *p, uint64_t hash, char *to);
// Appends a made-up value of a long kind, unescaped.
void generate_long(const struct record *r, const struct property *p, uint64_t hash,
                   struct buf *out);
// The newest value set by hand, or NULL.
const struct change *generate_change(const struct record *r, const struct property *p);
// The value whatever its origin, appended to `out` unescaped; false when there is none (null). A
// cleared value is empty.
bool generate_value(const struct record *r, const struct property *p, struct buf *out);
// Which record a made-up unique value (e-mail, key) belongs to: the number at its end; false when
// there is none.
bool generate_basis_of(const struct property *p, struct str value, uint64_t *ret_basis);
