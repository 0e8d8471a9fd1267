// struct secret: bytes that must not be shown: tokens, client secrets, keys.
//
// The type is opaque, so that no log call, format or error can take it by accident. The bytes lie
// in pages of their own that are kept out of swap where the system allows it and out of core dumps,
// and are wiped when the secret is destroyed. secret_reveal is the one way to them; scripts/lint.py
// lists the files that may call it. What a library makes of them behind it (libcurl's copy of a
// header) is out of reach. Immutable after creation: any thread may read; one owner destroys.
#pragma once

#include "core/buf.h"

struct secret;

// Copies; the caller wipes its own copy. At most SECRET_MAX bytes (asserted: inputs are checked
// before).
enum { SECRET_MAX = 64 * 1024 };
struct secret *secret_create(struct str bytes);
struct secret *secret_copy(const struct secret *s); // NULL gives NULL
void secret_destroy(struct secret *s);              // takes NULL; wipes
size_t secret_len(const struct secret *s);          // 0 for NULL
// Borrowed, NUL-terminated behind its length; lives as long as the secret. NULL gives the empty
// slice.
struct str secret_reveal(const struct secret *s);
// Same length and bytes; the time taken depends on the length only. NULL equals NULL.
bool secret_eq(const struct secret *a, const struct secret *b);
// The same for plain bytes that an attacker may have chosen.
bool secret_same_bytes(struct str a, struct str b);
// Overwrites every occurrence in the text with '*'; true when there was one. A secret shorter than
// 8 bytes would be found in any text and is left.
bool secret_mask(const struct secret *s, char *text, size_t len);
// Overwrites in a way that the compiler keeps.
void secret_wipe(void *bytes, size_t n);
// Wipes what the buffer holds, then frees it. A buffer that is to hold secrets reserves its room
// first (buf_reserve), since growing leaves copies behind.
void secret_buf_done(struct buf *b);
