// Long texts: pieces of the portal's corpus.
#include "core/random.h"
#include "sim/generate.h"
#include "sim/words.h"

enum {
    TEXT_MAX_CHARS = 65536, // HubSpot's limit
    GIANT_ONE_IN = 4096,    // rare, so that giants do not rule the throughput
};

// Appends `n` sentences from a place that the hash picks.
static void add_sentences(const struct portal *p, uint64_t h, size_t n, struct buf *out)
{
    size_t first = (size_t)(h % (p->n_corpus_starts - n - 1));
    size_t from = p->corpus_starts[first];
    size_t to = p->corpus_starts[first + n];
    buf_add(out, str_sub(p->corpus, from, to - from - 1));
}

static size_t count_chars(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return n;
}

// Exactly as many characters as HubSpot allows.
static void add_giant(const struct portal *p, uint64_t h, struct buf *out)
{
    size_t start = out->len;
    size_t chars = 0;
    for (uint64_t i = 0; chars < TEXT_MAX_CHARS; i++) {
        size_t before = out->len;
        add_sentences(p, random_mix(h + i), 100, out);
        chars += count_chars(str_sub(buf_str(out), before, out->len));
    }
    while (chars > TEXT_MAX_CHARS) {
        out->len--;
        chars -= ((unsigned char)out->ptr[out->len] & 0xc0) != 0x80 ? 1 : 0;
    }
    assert(out->len > start);
}

static bool is_giant(const struct record *r, uint64_t h)
{
    return !r->portal->options.clean && (h >> 20) % GIANT_ONE_IN == 7;
}

static void add_html(const struct record *r, uint64_t h, struct buf *out)
{
    buf_add(out,
            STR("<div style=\"\" dir=\"auto\" data-top-level=\"true\"><p style=\"margin:0;\">"));
    add_sentences(r->portal, h, 1 + (h >> 8) % 4, out);
    buf_add(out,
            STR("</p><p style=\"margin:0;\"><a href=\"https://www.example.com/?a=1&amp;b=2\">"));
    add_sentences(r->portal, h >> 16, 1, out);
    buf_add(out, STR("</a><br></p></div>"));
}

static void add_json(const struct record *r, uint64_t h, struct buf *out)
{
    char number[TEXT_UINT_MAX];
    buf_add(out, STR("{\"source\":\""));
    buf_add(out, words_nouns[(h & 0xffff) % words_nouns_n]);
    buf_add(out, STR("\",\"score\":"));
    buf_add(out, (struct str){number, (size_t)(text_uint(number, h >> 16 & 0x3ff) - number)});
    buf_add(out, STR(",\"ids\":["));
    buf_add(out, (struct str){number, (size_t)(text_uint(number, r->id) - number)});
    buf_add(out, STR("],\"note\":\"line\\nbreak\"}"));
}

void generate_long(const struct record *r, const struct property *p, uint64_t hash, struct buf *out)
{
    if (p->kind == KIND_JSON) {
        add_json(r, hash, out);
    } else if (is_giant(r, hash)) {
        add_giant(r->portal, hash, out);
    } else if (p->kind == KIND_HTML) {
        add_html(r, hash, out);
    } else {
        add_sentences(r->portal, hash, 1 + hash % 4, out);
    }
}
