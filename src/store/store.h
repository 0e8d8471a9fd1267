// The control plane's own database: what sluice remembers besides the data it moves. One file,
// `sluice.db`, in the data directory; or the schema `sluice_store` of a PostgreSQL database, which
// processes of several machines may share. A connection to it that is lost is made anew, outside
// transactions; while that fails, the error is STORE_BUSY.
//
// Tables come from the numbered migrations in migrations.c, which run when the store is opened; a
// store that a newer program has written is refused. Secrets are in it only sealed (sealing.h).
// The directory must be this user's own, and nobody else may write to it: who can may put another
// key or database there.
// Errors: STORE, STORE_BUSY, STORE_FULL, CONFIG.
// Threads: a store belongs to one thread at a time; each thread that works on its own opens its
// own.
#pragma once

#include "core/arena.h"
#include "core/cancel.h"
#include "core/clock.h"
#include "sql/sql.h"

struct store;

struct store_options {
    struct str url;       // "postgres://..."; empty or "sqlite:": sluice.db in the directory;
                          // "sqlite:FILE": that file
    struct str directory; // the setting; empty: this user's own, see store_directory. Also holds
                          // keys, locks and what processes of a machine share
    bool create;          // make directory and file when they are missing
    const struct clock *clock;
    const struct cancel *cancel; // ends waits for locks; may be NULL
};

// The data directory: the setting, else $XDG_DATA_HOME/sluice, else ~/.local/share/sluice. Absolute
// or as it was given, without a slash at the end. Into `arena`.
bool store_directory(struct str setting, struct arena *arena, struct str *ret,
                     struct error *err) MUST_CHECK;
// The same, and makes it when it is missing (0700).
bool store_prepare_directory(struct str setting, struct arena *arena, struct str *ret,
                             struct error *err) MUST_CHECK;
// Whether there could be a store in that directory or is one: that it, or the nearest directory
// above it that exists, can be written to. Makes nothing.
bool store_check_place(struct str setting, struct error *err) MUST_CHECK;

// *ret is NULL (and the result true) when there is no store and it is not to be made. The texts of
// the options need not live on.
bool store_open(const struct store_options *options, struct store **ret,
                struct error *err) MUST_CHECK;
void store_close(struct store *s); // takes NULL
// Valid for one statement, or to the end of a transaction. Makes a lost connection anew.
struct sql *store_sql(struct store *s);
struct str store_path(const struct store *s); // the directory
// Whether processes of several machines may share it (PostgreSQL).
bool store_is_shared(const struct store *s);
// The clock that all who share the store go by: the database's own where it is a server, else the
// store's. ms since 1970.
bool store_now_ms(struct store *s, int64_t *ret, struct error *err) MUST_CHECK;
// A transaction that may lie within another: the outermost begins and commits, an inner one only
// fails with it. Every begin that was true needs its end; `ok` false rolls all back.
bool store_begin(struct store *s, struct error *err) MUST_CHECK;
bool store_end(struct store *s, bool ok, struct error *err) MUST_CHECK;
// The same for several reads that are to see one state; what is within may not write.
bool store_begin_read(struct store *s, struct error *err) MUST_CHECK;
// Within a transaction: waits until no other transaction holds the lock of this name, and holds it
// to the end of this one. For rules that several rows keep together. STORE_BUSY after 15 s.
bool store_exclude_others(struct store *s, const char *name, struct error *err) MUST_CHECK;
// What the drivers say differently, for statements: "FOR UPDATE SKIP LOCKED" or "".
const char *store_skip_locked(const struct store *s);
const struct clock *store_clock(const struct store *s);
// A failure of store_sql's calls, turned into an error of the store; returns false.
bool store_fail(struct error *err);

// Writes nothing, but fails as writing would: a full disk aside.
bool store_check_writable(struct store *s, struct error *err) MUST_CHECK;
// What was overwritten or deleted before is gone from the files, its journal included.
bool store_forget_old_pages(struct store *s, struct error *err) MUST_CHECK;

// Small facts about the store itself, by name. *ret: into `arena`; ptr NULL when there is none.
bool store_meta_get(struct store *s, const char *name, struct arena *arena, struct str *ret,
                    struct error *err) MUST_CHECK;
bool store_meta_set(struct store *s, const char *name, struct str value,
                    struct error *err) MUST_CHECK;

// A lock among all processes and threads that share the store: a file in the data directory, held
// by flock, or a session of the database; so that it ends with its holder. Waits at most `wait_ms`
// (STORE_BUSY then).
struct store_lock;
bool store_lock_take(struct store *s, struct str name, int64_t wait_ms, struct store_lock **ret,
                     struct error *err) MUST_CHECK;
// The same without an open store.
bool store_lock_take_at(const struct store_options *options, struct str name, int64_t wait_ms,
                        struct store_lock **ret, struct error *err) MUST_CHECK;
void store_lock_release(struct store_lock *l); // takes NULL
// One server a file: STORE_BUSY, which names the other's process, when there is one already; does
// not wait. Whatever else opens the store is not in its way. *ret is NULL for a shared store, which
// any number may serve.
bool store_instance_take(struct store *s, struct store_lock **ret, struct error *err) MUST_CHECK;

// Names of connections and locks: letters, digits, '-', '_', '.', not first a '.' or '-', at most
// 64. Errors: USAGE, with `what` in front.
bool store_check_name(const char *what, struct str name, struct error *err) MUST_CHECK;
// Texts that people gave: UTF-8 without control characters, at most `max` bytes. Errors: CONFIG,
// with `what` in front.
bool store_check_text(const char *what, struct str text, size_t max, struct error *err) MUST_CHECK;
