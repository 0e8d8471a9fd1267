#include "store/ids.h"

#include <sodium.h>

static const char ALPHABET[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";
enum { LETTERS_AND_DIGITS = 62, ALPHABET_N = 64 };
static_assert(sizeof ALPHABET == ALPHABET_N + 1, "6 bits a character");

struct str id_make(struct arena *arena)
{
    char *id = arena_alloc(arena, ID_LEN + 1);
    for (size_t i = 0; i < ID_LEN; i++) {
        // The first is a name's first character in files and locks, where '-' and '_' mislead.
        id[i] = ALPHABET[i == 0 ? randombytes_uniform(LETTERS_AND_DIGITS)
                                : randombytes_uniform(ALPHABET_N)];
    }
    id[ID_LEN] = '\0';
    return (struct str){id, ID_LEN};
}

bool id_check(struct str id)
{
    for (size_t i = 0; i < id.len; i++) {
        const char *at = memchr(ALPHABET, id.ptr[i], ALPHABET_N);
        if (!at || (i == 0 && at - ALPHABET >= LETTERS_AND_DIGITS)) {
            return false;
        }
    }
    return id.len == ID_LEN;
}
