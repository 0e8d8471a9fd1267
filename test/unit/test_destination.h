// What the scenes of the destination tests share: a world is one destination, made anew for each
// scene.
#pragma once

#include "test_sql_server.h"

#include "destination/destination.h"
#include "sql/sql.h"

struct world {
    bool postgres;
    char dir[64];
    char url[96];
    char schema[32];
    struct test_server *server; // of PostgreSQL
    struct virtual_clock clock;
    struct cancel cancel;
    struct destination *dest;
    struct session *session; // of stream "contacts"
    struct sql *db;          // beside the destination, to look at what it has done
    struct arena arena;
};

// Cells.
#define C_NULL     ((struct cell){.kind = CELL_NULL})
#define C_INT(n)   ((struct cell){.num = (n), .kind = CELL_INT})
#define C_BOOL(n)  ((struct cell){.num = (n), .kind = CELL_BOOL})
#define C_FLOAT(x) ((struct cell){.dbl = (x), .kind = CELL_FLOAT})
#define C_TEXT(s)  ((struct cell){.ptr = (s), .len = (uint32_t)strlen(s), .kind = CELL_TEXT})

#define CONTACT_COLUMNS 4
extern const struct table CONTACT; // contact: id int, name text, amount decimal, seen timestamp
extern const struct table PAIR;    // contact_company: contact_id int, company_id int, label text

struct destination_options world_options(struct world *w);
bool world_open(struct world *w, struct error *err);
// Closes session and destination and opens them again, as the next run does.
void world_reopen(struct world *w);

void apply(struct world *w, const struct table *table);
void begin(struct world *w, int64_t synced_ms);
void commit(struct world *w, const char *state); // NULL: leaves the state
// One batch of rows, n cells in all; asserts success.
void write_cells(struct world *w, const struct table *table, enum batch_op op, struct cell *cells,
                 size_t n);
void write_batch(struct world *w, const struct batch *batch);
// begin, write_cells, commit
void load(struct world *w, const struct table *table, enum batch_op op, struct cell *cells,
          size_t n, int64_t synced_ms);
// The answer to a query: columns joined by '|', rows by '\n'; NULL as "-". In w->arena.
const char *ask(struct world *w, const char *query);
#define check_ask(w, query, want) check_str(str_from(ask((w), (query))), (want))
const char *state_of(struct world *w); // "" when there is none

struct scene {
    const char *name;
    void (*run)(struct world *w);
};
extern const struct scene ROW_SCENES[];
extern const struct scene SCHEMA_SCENES[];
extern const struct scene VALUE_SCENES[];
extern const struct scene FAULT_SCENES[];
extern const struct scene REMOVAL_SCENES[];
extern const struct scene HISTORY_SCENES[];
extern const struct scene HISTORY_LIFE_SCENES[];
extern const struct scene PART_SCENES[];
