// Any bytes as the settings of a sync, as a settings file, as an address to send browsers back to
// and as the id of a run: read or refused with words, and what is read is within its limits.
#include "api/redirect_uri.h"
#include "engine/elt_settings.h"
#include "fuzz.h"
#include "store/runs.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct target {
    struct str text;
    int64_t number;
    double share;
    bool flag;
    int64_t span_ms;
    struct str choice;
    struct setting_list list;
};
static const struct setting ROWS[] = {
    {.name = "text", .type = SET_STR, .offset = offsetof(struct target, text), .help = "t"},
    {.name = "number",
     .type = SET_INT,
     .offset = offsetof(struct target, number),
     .fallback = "3",
     .min = 1,
     .max = 9,
     .help = "n"},
    {.name = "share",
     .type = SET_FLOAT,
     .offset = offsetof(struct target, share),
     .fallback = "0.5",
     .min = 0.01,
     .max = 1,
     .help = "s"},
    {.name = "flag", .type = SET_BOOL, .offset = offsetof(struct target, flag), .help = "f"},
    {.name = "span",
     .type = SET_MS,
     .offset = offsetof(struct target, span_ms),
     .fallback = "5s",
     .min = 1000,
     .max = 60000,
     .help = "s"},
    {.name = "choice",
     .type = SET_ENUM,
     .offset = offsetof(struct target, choice),
     .fallback = "a",
     .choices = "a|bee",
     .help = "c"},
    {.name = "list", .type = SET_LIST, .offset = offsetof(struct target, list), .help = "l"},
};

static void must(bool held)
{
    if (!held) {
        abort();
    }
}

static void check_error(const struct error *err)
{
    must(err->code != ERR_OK && err->message[0] != '\0');
}

static void try_file(struct str text, struct arena *arena)
{
    struct target t;
    struct settings s;
    struct error err = {0};
    int fd = memfd_create("settings", 0);
    must(fd >= 0 && write(fd, text.ptr ? text.ptr : "", text.len) == (ssize_t)text.len);
    must(settings_init(&s, ROWS, ARRAY_LEN(ROWS), NULL, &t, arena, &err));
    if (settings_read_file(&s, arena_printf(arena, "/proc/self/fd/%d", fd), &err)) {
        must(t.number >= 1 && t.number <= 9 && t.share >= 0.01 && t.share <= 1);
        must(t.span_ms >= 1000 && t.span_ms <= 60000);
        must(str_eq(t.choice, STR("a")) || str_eq(t.choice, STR("bee")));
    } else {
        check_error(&err);
    }
    close(fd);
}

static void try_sync(struct str text, struct arena *arena)
{
    struct elt_settings s;
    struct error err = {0};
    if (elt_settings_parse(text, arena, &s, &err)) {
        must(s.share > 0 && s.share <= 1 && s.search_limit >= 1 && s.max_wait_ms > 0);
        must(s.horizon_ms >= 0 && s.reconcile_ms >= 0 && s.metadata_columns.len > 0);
    } else {
        check_error(&err);
    }
}

static void try_address(struct str text)
{
    struct error err = {0};
    if (!redirect_uri_check(text, &err)) {
        check_error(&err);
        return;
    }
    struct str host = redirect_uri_host(text);
    must(str_starts(text, redirect_uri_origin(text)) && host.len > 0);
    must(str_starts(text, STR("https://")) || str_starts(host, STR("localhost")) ||
         str_starts(host, STR("127.0.0.1")) || str_starts(host, STR("[::1]")));
    must(str_find_char(text, '?') < 0 && str_find_char(text, '#') < 0 &&
         str_find_char(host, '@') < 0 && str_find_char(text, '\\') < 0);
    for (size_t i = 0; i < text.len; i++) {
        must(text.ptr[i] > ' ' && text.ptr[i] < 0x7f);
    }
}

static void try_run_id(struct str text, struct arena *arena)
{
    struct str stream = {NULL, 0};
    int64_t at_ms = 0;
    if (run_id_parse(text, arena, &stream, &at_ms)) {
        must(str_eq(run_id_make(stream, at_ms, arena), text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct str rest = {(const char *)data, size};
    if (size > 64 * 1024) {
        return 0;
    }
    arena_init(&arena, 64 * 1024 * 1024);
    try_file(fuzz_field(&rest), &arena);
    try_sync(fuzz_field(&rest), &arena);
    try_address(fuzz_field(&rest));
    try_run_id(fuzz_field(&rest), &arena);
    arena_done(&arena);
    return 0;
}
