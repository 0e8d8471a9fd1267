#include "core/secret.h"

#include <sys/mman.h>
#include <unistd.h>

enum { MAGIC = 0x5ec4e755, MASKED_MIN = 8 };

struct secret {
    uint32_t magic;
    size_t mapped; // bytes of the mapping that this struct begins
    size_t len;
    char bytes[];
};

struct secret *secret_create(struct str bytes)
{
    assert(bytes.len <= SECRET_MAX);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (sizeof(struct secret) + bytes.len + 1 + page - 1) / page * page;
    struct secret *s = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED) {
        abort();
    }
    // Both are best effort: the limit on locked memory may be low, and the kernel old.
    (void)mlock(s, size);
    (void)madvise(s, size, MADV_DONTDUMP);
    s->magic = MAGIC;
    s->mapped = size;
    s->len = bytes.len;
    if (bytes.len > 0) {
        memcpy(s->bytes, bytes.ptr, bytes.len);
    }
    return s;
}

struct secret *secret_copy(const struct secret *s)
{
    return s ? secret_create(secret_reveal(s)) : NULL;
}

void secret_destroy(struct secret *s)
{
    if (!s) {
        return;
    }
    assert(s->magic == MAGIC);
    size_t size = s->mapped;
    secret_wipe(s, size);
    munmap(s, size);
}

size_t secret_len(const struct secret *s)
{
    return s ? s->len : 0;
}

struct str secret_reveal(const struct secret *s)
{
    if (!s) {
        return (struct str){NULL, 0};
    }
    assert(s->magic == MAGIC);
    return (struct str){s->bytes, s->len};
}

bool secret_same_bytes(struct str a, struct str b)
{
    if (a.len != b.len) {
        return false;
    }
    volatile unsigned char difference = 0;
    for (size_t i = 0; i < a.len; i++) {
        difference =
            (unsigned char)(difference | ((unsigned char)a.ptr[i] ^ (unsigned char)b.ptr[i]));
    }
    return difference == 0;
}

bool secret_eq(const struct secret *a, const struct secret *b)
{
    if (!a || !b) {
        return a == b;
    }
    return secret_same_bytes(secret_reveal(a), secret_reveal(b));
}

bool secret_mask(const struct secret *s, char *text, size_t len)
{
    struct str needle = secret_reveal(s);
    if (needle.len < MASKED_MIN) {
        return false;
    }
    bool found = false;
    struct str rest = {text, len};
    ptrdiff_t at;
    while ((at = str_find(rest, needle)) >= 0) {
        size_t from = (size_t)(rest.ptr - text) + (size_t)at;
        memset(text + from, '*', needle.len);
        rest = str_sub(rest, (size_t)at + needle.len, rest.len);
        found = true;
    }
    return found;
}

void secret_wipe(void *bytes, size_t n)
{
    if (n > 0) {
        explicit_bzero(bytes, n);
    }
}

void secret_buf_done(struct buf *b)
{
    secret_wipe(b->ptr, b->cap);
    buf_done(b);
}
