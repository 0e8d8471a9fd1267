#include "hubspot/printable.h"

#include "data/json_repair.h"

enum { PAGE_READ_MAX = 16384 };

// Whether the character at the start of `s`, `len` bytes of UTF-8, is shown as it is.
static bool is_printable(struct str s, size_t len)
{
    unsigned char first = (unsigned char)s.ptr[0];
    bool c1 = len == 2 && first == 0xc2 && (unsigned char)s.ptr[1] < 0xa0;
    // U+FDD0: what stands for bytes that are no text in a body that was repaired.
    bool repaired = str_starts(s, STR("\xef\xb7\x90"));
    return len > 0 && first > ' ' && first != 0x7f && !c1 && !repaired;
}

struct str hubspot_printable(struct str s, size_t max, struct arena *arena)
{
    char *out = arena_alloc(arena, MIN(max, s.len) + 1);
    size_t n = 0;
    for (size_t i = 0, len = 0; i < s.len; i += MAX(1, len)) {
        struct str rest = str_sub(s, i, s.len);
        len = utf8_length(rest);
        if (is_printable(rest, len)) {
            if (n + len > max) {
                break;
            }
            memcpy(out + n, rest.ptr, len);
            n += len;
        } else if (n > 0 && n < max && out[n - 1] != ' ') {
            out[n++] = ' ';
        }
    }
    out[n] = '\0';
    return str_trim((struct str){out, n});
}

struct str hubspot_printable_page(struct str page, size_t max, struct arena *arena)
{
    page = arena_dup(arena, str_sub(page, 0, PAGE_READ_MAX));
    char *text = (char *)(uintptr_t)page.ptr; // our own copy
    bool in_tag = false;
    for (size_t i = 0; i < page.len; i++) {
        bool bracket = text[i] == '<' || text[i] == '>';
        in_tag = bracket ? text[i] == '<' : in_tag;
        text[i] = bracket || in_tag ? ' ' : text[i];
    }
    return hubspot_printable(page, max, arena);
}

struct str hubspot_cut(struct str s, size_t max)
{
    if (s.len <= max) {
        return s;
    }
    while (max > 0 && ((unsigned char)s.ptr[max] & 0xc0) == 0x80) {
        max--;
    }
    return (struct str){s.ptr, max};
}
