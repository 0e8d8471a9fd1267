#include "api/frame.h"
#include "store/syncs.h"

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

enum { CURSOR_MAX = 512, PLACE_ID_MAX = 255 };

struct str api_base64_make(struct arena *arena, struct str bytes)
{
    char *out = arena_alloc(arena, bytes.len * 4 / 3 + 4);
    size_t n = 0;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bits = bits << 8 | (unsigned char)bytes.ptr[i];
        for (have += 8; have >= 6; have -= 6) {
            out[n++] = DIGITS[bits >> (have - 6) & 63];
        }
    }
    if (have > 0) {
        out[n++] = DIGITS[bits << (6 - have) & 63];
    }
    out[n] = '\0';
    return (struct str){out, n};
}

bool api_base64_read(struct arena *arena, struct str text, struct str *ret)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t n = 0;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *at = memchr(DIGITS, text.ptr[i], sizeof(DIGITS) - 1);
        if (!at) {
            return false;
        }
        bits = bits << 6 | (uint32_t)(at - DIGITS);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (char)(bits >> have & 255);
        }
    }
    // What is left over are zeros; a lone digit holds no byte.
    if (have >= 6 || (bits & ((1U << have) - 1)) != 0) {
        return false;
    }
    out[n] = '\0';
    *ret = (struct str){out, n};
    return true;
}

static bool read_place(struct arena *arena, struct str cursor, struct page_place *ret)
{
    struct str text;
    if (cursor.len > CURSOR_MAX || !api_base64_read(arena, cursor, &text)) {
        return false;
    }
    ptrdiff_t mark = str_find_char(text, '|');
    int64_t at_ms;
    if (mark < 1 || !str_to_int64(str_sub(text, 0, (size_t)mark), &at_ms) || at_ms < 0) {
        return false;
    }
    struct str id = str_sub(text, (size_t)mark + 1, text.len);
    if (id.len == 0 || id.len > PLACE_ID_MAX || !api_is_plain(id)) {
        return false;
    }
    *ret = (struct page_place){at_ms, id};
    return true;
}

bool api_cursor_read(struct api_call *c, struct page_place *ret)
{
    struct page_place place = {0, STR("")};
    if (c->starting_after.len > 0 && !read_place(c->arena, c->starting_after, &place)) {
        api_refuse(c, 400, "config",
                   "starting_after is no cursor of this list: pass the next_cursor of the answer "
                   "before, as it is");
        return false;
    }
    *ret = place;
    return true;
}

struct str api_cursor_make(struct api_call *c, const struct page_place *p)
{
    struct str text = arena_printf(c->arena, "%lld|%.*s", (long long)p->at_ms, STR_ARG(p->id));
    return api_base64_make(c->arena, text);
}
