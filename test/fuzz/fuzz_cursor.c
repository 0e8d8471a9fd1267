// Any text as a stored state: it is understood or refused. What is understood is written back as it
// was meant. The input: one byte that chooses the kind of state, then the text.
#include "core/limits.h"
#include "fuzz.h"
#include "source/hubspot/pair_state.h"
#include "source/hubspot/state.h"

static void check_object_state(struct str text, struct arena *arena)
{
    struct object_state first;
    struct object_state second;
    struct error err;
    if (!object_state_parse(text, &first, &err)) {
        assert(err.code == ERR_STATE && err.message[0] != '\0');
        return;
    }
    assert(first.n_ranges <= RANGES_MAX && (unsigned)first.phase < PHASE_COUNT);
    struct str written = object_state_format(&first, arena);
    bool ok = object_state_parse(written, &second, &err);
    assert(ok);
    assert(str_eq(object_state_format(&second, arena), written));
    assert(second.phase == first.phase && second.since_ms == first.since_ms);
    if (first.phase == PHASE_FULL) {
        assert(second.n_ranges == first.n_ranges);
    }
    for (size_t i = 0; i < second.n_ranges; i++) {
        assert(strcmp(second.ranges[i].after, first.ranges[i].after) == 0);
        assert(second.ranges[i].next_id == first.ranges[i].next_id);
        assert(second.ranges[i].end_id == first.ranges[i].end_id);
    }
}

static void check_pair_state(struct str text, struct arena *arena)
{
    struct pair_state first;
    struct pair_state second;
    struct error err;
    if (!pair_state_parse(text, &first, &err)) {
        assert(err.code == ERR_STATE && err.message[0] != '\0');
        return;
    }
    assert((unsigned)first.phase < PAIR_PHASE_COUNT && first.part < PAIR_PARTS_MAX);
    struct str written = pair_state_format(&first, PAIR_PARTS_MAX, arena);
    bool ok = pair_state_parse(written, &second, &err);
    assert(ok);
    assert(str_eq(pair_state_format(&second, PAIR_PARTS_MAX, arena), written));
    assert(second.phase == first.phase && second.after_id == first.after_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct arena arena;
    struct str text = {(const char *)data + 1, size - 1};
    arena_init(&arena, LIMIT_STATE_BYTES);
    if (data[0] % 2 == 0) {
        check_object_state(text, &arena);
    } else {
        check_pair_state(text, &arena);
    }
    arena_done(&arena);
    return 0;
}
