#include "core/settings.h"

#include "core/buf.h"
#include "core/limits.h"
#include "core/nearest.h"
#include "core/timestamp.h"

enum {
    NAME_MAX_BYTES = 64,
    SHOWN_MAX = 80, // bytes of a refused value that an error shows
};

static struct str name_of(const struct setting *row)
{
    return str_from(row->name);
}

static const struct setting *find(const struct settings *s, struct str name)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct setting *row = &s->rows[i];
        if (str_eq(name_of(row), name) || (row->alias && str_eq(str_from(row->alias), name))) {
            return row;
        }
    }
    return NULL;
}

static void *field(const struct settings *s, const struct setting *row)
{
    return (char *)s->target + row->offset;
}

// ------------------------------------------------------------------------------------------------
// Values

// What is wrong with `value`, with the rule behind it.
static bool refuse(const struct setting *row, struct str value, struct error *err, const char *rule)
{
    if (row->secret) {
        return error_set(err, ERR_CONFIG, "--%s: the value (not shown) %s", row->name, rule);
    }
    bool cut = value.len > SHOWN_MAX;
    return error_set(err, ERR_CONFIG, "--%s: \"%.*s%s\" %s", row->name,
                     STR_ARG(str_sub(value, 0, SHOWN_MAX)), cut ? "..." : "", rule);
}

static bool bounded(const struct setting *row)
{
    return row->min < row->max;
}

static bool check_range(const struct setting *row, struct str value, double number,
                        struct error *err)
{
    if (!bounded(row) || (number >= row->min && number <= row->max)) {
        return true;
    }
    char rule[128];
    const char *unit = row->type == SET_MS ? " ms" : "";
    snprintf(rule, sizeof(rule), "is not between %.15g%s and %.15g%s", row->min, unit, row->max,
             unit);
    return refuse(row, value, err, rule);
}

static bool set_str(const struct settings *s, const struct setting *row, struct str value,
                    struct error *err)
{
    if (str_find_char(value, '\0') >= 0) {
        return refuse(row, value, err, "holds a NUL byte");
    }
    struct str *to = field(s, row);
    *to = arena_dup(s->arena, value);
    return true;
}

static bool set_int(const struct settings *s, const struct setting *row, struct str value,
                    struct error *err)
{
    int64_t number;
    if (!str_to_int64(value, &number)) {
        return refuse(row, value, err, "is not a whole number");
    }
    if (!check_range(row, value, (double)number, err)) {
        return false;
    }
    int64_t *to = field(s, row);
    *to = number;
    return true;
}

static bool set_float(const struct settings *s, const struct setting *row, struct str value,
                      struct error *err)
{
    double number;
    if (!str_to_double(value, &number)) {
        return refuse(row, value, err, "is not a number");
    }
    if (!check_range(row, value, number, err)) {
        return false;
    }
    double *to = field(s, row);
    *to = number;
    return true;
}

static bool set_bool(const struct settings *s, const struct setting *row, struct str value,
                     struct error *err)
{
    static const struct {
        const char *word;
        bool is;
    } WORDS[] = {{"true", true},   {"yes", true}, {"on", true},   {"1", true},
                 {"false", false}, {"no", false}, {"off", false}, {"0", false}};
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (str_eq_nocase(value, str_from(WORDS[i].word))) {
            bool *to = field(s, row);
            *to = WORDS[i].is;
            return true;
        }
    }
    return refuse(row, value, err, "is neither true nor false");
}

static bool set_ms(const struct settings *s, const struct setting *row, struct str value,
                   struct error *err)
{
    static const struct {
        const char *suffix;
        int64_t ms;
    } UNITS[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"", 1000}};
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
        struct str suffix = str_from(UNITS[i].suffix);
        uint64_t count;
        int64_t ms;
        if (!str_ends(value, suffix) ||
            !str_to_uint64(str_sub(value, 0, value.len - suffix.len), &count) ||
            __builtin_mul_overflow(count, UNITS[i].ms, &ms)) {
            continue;
        }
        if (!check_range(row, value, (double)ms, err)) {
            return false;
        }
        int64_t *to = field(s, row);
        *to = ms;
        return true;
    }
    return refuse(row, value, err, "is not a duration like 250ms, 5s, 30m, 1h or 2d");
}

static bool set_date(const struct settings *s, const struct setting *row, struct str value,
                     struct error *err)
{
    int64_t *to = field(s, row);
    if (timestamp_parse(value, to)) {
        return true;
    }
    return refuse(row, value, err, "is not a date like 2026-01-31 or 2026-01-31T08:00:00Z");
}

static bool set_enum(const struct settings *s, const struct setting *row, struct str value,
                     struct error *err)
{
    struct str rest = str_from(row->choices);
    struct str choice;
    while (str_next(&rest, '|', &choice)) {
        if (str_eq(choice, value)) {
            struct str *to = field(s, row);
            *to = choice; // lives as long as the table
            return true;
        }
    }
    char rule[512];
    snprintf(rule, sizeof(rule), "is not one of %s", row->choices);
    return refuse(row, value, err, rule);
}

static bool set_list(const struct settings *s, const struct setting *row, struct str value,
                     struct error *err)
{
    struct setting_list *list = field(s, row);
    struct str rest = value;
    struct str item;
    if (str_find_char(value, '\0') >= 0) {
        return refuse(row, value, err, "holds a NUL byte");
    }
    while (str_next(&rest, ',', &item)) {
        item = str_trim(item);
        if (item.len > 0 && list->n == SETTING_LIST_MAX) {
            return refuse(row, item, err, "is one too many; 64 are possible");
        }
        if (item.len > 0) {
            struct str *items = arena_alloc(s->arena, (list->n + 1) * sizeof *items);
            for (size_t k = 0; k < list->n; k++) {
                items[k] = list->items[k];
            }
            items[list->n] = arena_dup(s->arena, item);
            *list = (struct setting_list){items, list->n + 1};
        }
    }
    return true;
}

typedef bool set_fn(const struct settings *s, const struct setting *row, struct str value,
                    struct error *err);
static set_fn *const SET[] = {
    [SET_STR] = set_str, [SET_INT] = set_int,   [SET_FLOAT] = set_float, [SET_BOOL] = set_bool,
    [SET_MS] = set_ms,   [SET_DATE] = set_date, [SET_ENUM] = set_enum,   [SET_LIST] = set_list,
};

static bool set_row(const struct settings *s, const struct setting *row, struct str value,
                    struct error *err)
{
    if (value.len > LIMIT_SETTINGS_VALUE) {
        return error_set(err, ERR_CONFIG, "--%s: the value is longer than %d bytes", row->name,
                         (int)LIMIT_SETTINGS_VALUE);
    }
    return SET[row->type](s, row, value, err);
}

static bool is_given(const struct settings *s, const struct setting *row)
{
    return s->source[row - s->rows] != SETTING_DEFAULT;
}

bool settings_given(const struct settings *s, const char *name)
{
    const struct setting *row = find(s, str_from(name));
    assert(row);
    return is_given(s, row);
}

// ------------------------------------------------------------------------------------------------
// Names

static bool unknown(const struct settings *s, struct str name, struct error *err)
{
    name = str_sub(name, 0, SHOWN_MAX);
    struct nearest near = nearest_to(name);
    for (size_t i = 0; i < s->n; i++) {
        nearest_offer(&near, name_of(&s->rows[i]));
    }
    if (near.best.len > 0) {
        return error_set(err, ERR_USAGE, "unknown option --%.*s; did you mean --%.*s?",
                         STR_ARG(name), STR_ARG(near.best));
    }
    return error_set(err, ERR_USAGE, "unknown option --%.*s", STR_ARG(name));
}

// Takes a value for a row, unless a stronger source has set it.
static bool offer(struct settings *s, const struct setting *row, struct str value,
                  struct setting_origin origin, struct error *err)
{
    size_t i = (size_t)(row - s->rows);
    if (s->source[i] > origin.source) {
        return true;
    }
    struct setting_list *list = field(s, row);
    struct setting_list before = {NULL, 0};
    bool anew = row->type == SET_LIST && s->source[i] < origin.source;
    if (anew) { // what a weaker source has listed does not count any more
        before = *list;
        *list = (struct setting_list){NULL, 0};
    }
    if (!set_row(s, row, value, err)) {
        if (anew) {
            *list = before;
        }
        return false;
    }
    s->source[i] = (uint8_t)origin.source;
    s->line[i] = origin.line;
    return true;
}

bool settings_offer(struct settings *s, struct str name, struct str value,
                    struct setting_origin origin, struct error *err)
{
    const struct setting *row = find(s, name);
    return row ? offer(s, row, value, origin, err) : unknown(s, name, err);
}

bool settings_set(struct settings *s, struct str name, struct str value, struct error *err)
{
    return settings_offer(s, name, value, (struct setting_origin){.source = SETTING_OPTION}, err);
}

// ------------------------------------------------------------------------------------------------
// Sources of values

// "base-url" -> "PREFIX_BASE_URL"
static const char *env_name(const struct settings *s, const char *option)
{
    struct str name = arena_printf(s->arena, "%s_%s", s->env_prefix, option);
    char *text = arena_cstr(s->arena, name);
    for (char *at = text; *at; at++) {
        *at = *at == '-' ? '_' : *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    }
    return text;
}

static bool from_variable(struct settings *s, const struct setting *row, const char *option,
                          struct error *err)
{
    const char *name = env_name(s, option);
    const char *value = getenv(name); // NOLINT(concurrency-mt-unsafe): before any thread is started
    struct setting_origin origin = {.source = SETTING_ENVIRONMENT};
    // Set but empty is how shells and unit files write "not set".
    if (!value || !value[0]) {
        return true;
    }
    return offer(s, row, str_from(value), origin, err) ||
           error_context(err, "environment variable %s", name);
}

static bool from_environment(struct settings *s, const struct setting *row, struct error *err)
{
    return (!row->alias || from_variable(s, row, row->alias, err)) &&
           from_variable(s, row, row->name, err);
}

static void check_row(const struct setting *row)
{
    assert(row->name && strlen(row->name) <= NAME_MAX_BYTES && row->help);
    assert((unsigned)row->type < ARRAY_LEN(SET));
    assert((row->type == SET_ENUM) == (row->choices != NULL));
}

// NOLINTNEXTLINE(readability-function-size): the contract's own list of parameters
bool settings_init(struct settings *s, const struct setting *rows, size_t n, const char *env_prefix,
                   void *target, struct arena *arena, struct error *err)
{
    assert(n <= SETTINGS_ROWS_MAX && target && arena);
    *s = (struct settings){
        .rows = rows, .n = n, .env_prefix = env_prefix, .target = target, .arena = arena};
    for (size_t i = 0; i < n; i++) {
        check_row(&rows[i]);
        struct str fallback = str_from(rows[i].fallback);
        if (rows[i].fallback && !set_row(s, &rows[i], fallback, err)) {
            return error_context(err, "default");
        }
    }
    for (size_t i = 0; i < n && env_prefix; i++) {
        if (!from_environment(s, &rows[i], err)) {
            return false;
        }
    }
    return true;
}

// Reads the option at argv[*i]; leaves *i at the last word that it used.
static bool parse_option(struct settings *s, int argc, char **argv, int *i, struct error *err)
{
    struct str option = str_sub(str_from(argv[*i]), 2, SIZE_MAX);
    ptrdiff_t equals = str_find_char(option, '=');
    struct str name = str_sub(option, 0, equals < 0 ? SIZE_MAX : (size_t)equals);
    const struct setting *row = find(s, name);
    if (!row) {
        return unknown(s, name, err);
    }
    struct str value = STR("true");
    if (equals >= 0) {
        value = str_sub(option, (size_t)equals + 1, SIZE_MAX);
    } else if (row->type != SET_BOOL) {
        if (*i + 1 >= argc) {
            return error_set(err, ERR_USAGE, "--%s needs a value: --%s %s", row->name, row->name,
                             row->arg ? row->arg : "VALUE");
        }
        value = str_from(argv[++*i]);
    }
    return settings_set(s, name, value, err);
}

// NOLINTNEXTLINE(readability-function-size): the contract's own list of parameters
bool settings_parse_args(struct settings *s, int argc, char **argv, struct str *words,
                         size_t max_words, size_t *ret_words, struct error *err)
{
    size_t n = 0;
    bool options = true;
    for (int i = 1; i < argc; i++) {
        struct str arg = str_from(argv[i]);
        if (options && str_eq(arg, STR("--"))) {
            options = false;
        } else if (options && str_starts(arg, STR("--"))) {
            if (!parse_option(s, argc, argv, &i, err)) {
                return false;
            }
        } else if (options && arg.len > 1 && arg.ptr[0] == '-') {
            return error_set(err, ERR_USAGE, "unknown option %.*s; options start with \"--\"",
                             STR_ARG(str_sub(arg, 0, SHOWN_MAX)));
        } else if (n == max_words) {
            return error_set(err, ERR_USAGE, "\"%.*s\" is one word too many",
                             STR_ARG(str_sub(arg, 0, SHOWN_MAX)));
        } else {
            words[n++] = arg;
        }
    }
    *ret_words = n;
    return true;
}

bool settings_check(const struct settings *s, struct error *err)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct setting *row = &s->rows[i];
        if (row->required && !row->fallback && !is_given(s, row)) {
            const char *arg = row->arg ? row->arg : "VALUE";
            if (!s->env_prefix) {
                return error_set(err, ERR_USAGE, "--%s is missing; give --%s %s", row->name,
                                 row->name, arg);
            }
            return error_set(err, ERR_USAGE, "--%s is missing; give --%s %s or set %s", row->name,
                             row->name, arg, env_name(s, row->name));
        }
    }
    return true;
}

// ------------------------------------------------------------------------------------------------
// Help

static void print_default(const struct setting *row, FILE *out)
{
    bool off =
        row->type == SET_BOOL && row->fallback && str_eq(str_from(row->fallback), STR("false"));
    if (row->required && !row->fallback) {
        fputs(" (required)", out);
    } else if (row->fallback && row->fallback[0] && !row->secret && !off) {
        fprintf(out, " (default: %s)", row->fallback);
    }
}

void settings_help(const struct setting *rows, size_t n, FILE *out)
{
    enum { WIDTH = 30 };
    for (size_t i = 0; i < n; i++) {
        const struct setting *row = &rows[i];
        const char *arg = row->type == SET_BOOL ? "" : row->arg ? row->arg : "VALUE";
        int used = fprintf(out, "  --%s%s%s", row->name, arg[0] ? " " : "", arg);
        fprintf(out, "%*s%s", used < WIDTH ? WIDTH - used : 1, "", row->help);
        if (row->choices) {
            fprintf(out, "; one of %s", row->choices);
        }
        print_default(row, out);
        fputc('\n', out);
    }
}

// ------------------------------------------------------------------------------------------------
// What holds

struct str settings_origin(const struct settings *s, size_t i)
{
    assert(i < s->n);
    switch ((enum setting_source)s->source[i]) {
    case SETTING_FILE:
        return arena_printf(s->arena, "%.*s:%u", STR_ARG(s->file), (unsigned)s->line[i]);
    case SETTING_ENVIRONMENT:
        return str_from(env_name(s, s->rows[i].name));
    case SETTING_OPTION:
        return arena_printf(s->arena, "--%s", s->rows[i].name);
    case SETTING_DEFAULT:
        break;
    }
    return STR("default");
}

static struct str duration(const struct settings *s, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } UNITS[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
        if (ms != 0 && ms % UNITS[i].ms == 0) {
            return arena_printf(s->arena, "%lld%s", (long long)(ms / UNITS[i].ms), UNITS[i].unit);
        }
    }
    return arena_printf(s->arena, "%lldms", (long long)ms);
}

static struct str listed(const struct settings *s, const struct setting_list *list)
{
    struct buf all;
    buf_init(&all, SETTING_LIST_MAX * (size_t)LIMIT_SETTINGS_VALUE);
    for (size_t i = 0; i < list->n; i++) {
        buf_printf(&all, "%s%.*s", i ? "," : "", STR_ARG(list->items[i]));
    }
    struct str text = arena_dup(s->arena, buf_str(&all));
    buf_done(&all);
    return text;
}

struct str settings_value(const struct settings *s, size_t i)
{
    assert(i < s->n);
    const struct setting *row = &s->rows[i];
    void *value = field(s, row);
    char time[TIMESTAMP_TEXT_MAX];
    switch (row->type) {
    case SET_STR:
    case SET_ENUM: {
        struct str text = *(struct str *)value;
        return row->secret && text.len > 0 ? STR("***") : text;
    }
    case SET_INT:
        return arena_printf(s->arena, "%lld", (long long)*(int64_t *)value);
    case SET_FLOAT:
        return arena_printf(s->arena, "%.15g", *(double *)value);
    case SET_BOOL:
        return *(bool *)value ? STR("true") : STR("false");
    case SET_MS:
        return duration(s, *(int64_t *)value);
    case SET_DATE:
        return *(int64_t *)value != 0 && timestamp_format(*(int64_t *)value, time)
                   ? arena_dup(s->arena, str_from(time))
                   : STR("");
    case SET_LIST:
        return listed(s, value);
    }
    assert(false); // a row has a type
}
