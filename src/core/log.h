// Logfmt lines: `ts=... level=info msg="page loaded" stream=contacts rows=100`, or the same as JSON
// objects.
// One struct log per process, passed to what logs (main, engine, api, sim); libraries return
// errors. Thread-safe: each line is one write. Values are quoted where needed; a value whose key
// names a secret (token, secret, password, authorization, key) is printed as "***", whoever passes
// it.
#pragma once

#include "core/clock.h"
#include "core/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

enum log_format { LOG_LOGFMT, LOG_JSON };

struct log {
    int fd;
    enum log_level level;
    enum log_format format;
    const struct clock *clock;
    // When set, lines go here instead of fd (tests; the live progress display that must move
    // aside).
    void (*sink)(void *user, struct str line);
    void *user;
};

enum log_kind { LOG_END, LOG_STR, LOG_INT, LOG_DOUBLE };
struct log_field {
    enum log_kind kind;
    const char *key;
    struct str str;
    int64_t num;
    double dbl;
};
#define LOG_S(key_, s_) ((struct log_field){.kind = LOG_STR, .key = (key_), .str = (s_)})
#define LOG_C(key_, c_) ((struct log_field){.kind = LOG_STR, .key = (key_), .str = str_from(c_)})
#define LOG_I(key_, n_) ((struct log_field){.kind = LOG_INT, .key = (key_), .num = (int64_t)(n_)})
#define LOG_F(key_, d_) ((struct log_field){.kind = LOG_DOUBLE, .key = (key_), .dbl = (d_)})

void log_write(const struct log *log, enum log_level level, const char *msg,
               const struct log_field *fields, size_t n);
#define log_line(log, level, msg, ...)                                                             \
    do {                                                                                           \
        const struct log_field fields_[] = {__VA_ARGS__ __VA_OPT__(, ){.kind = LOG_END}};          \
        log_write((log), (level), (msg), fields_, ARRAY_LEN(fields_) - 1);                         \
    } while (0)
bool log_level_parse(struct str s, enum log_level *ret);
// True when a value under this key must not be shown.
bool log_key_is_secret(struct str key);
