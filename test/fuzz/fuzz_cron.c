// Any text as a cron expression: it is understood or refused in good words. What is understood has
// a next tick, on a whole minute, and asking again right before it gives the same one.
#include "engine/cron.h"
#include "fuzz.h"

static const char *const ZONES[] = {"", "Europe/Berlin", "Australia/Lord_Howe",
                                    "Africa/Casablanca"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 5) {
        return 0;
    }
    struct str zone = str_from(ZONES[data[0] % ARRAY_LEN(ZONES)]);
    uint32_t minutes = 0; // since 1970, as the other zones are in whole minutes since 1973
    memcpy(&minutes, data + 1, sizeof minutes);
    int64_t after_ms = INT64_C(120000000000) + (int64_t)(minutes % 50000000) * 60000;
    struct cron c;
    struct error err;
    if (!cron_parse((struct str){(const char *)data + 5, size - 5}, &c, &err)) {
        assert(err.code == ERR_CONFIG && err.message[0] != '\0');
        return 0;
    }
    int64_t next = 0;
    int64_t again = 0;
    bool ok = cron_next(&c, zone, after_ms, &next);
    assert(ok && next > after_ms && next % 60000 == 0);
    ok = cron_next(&c, zone, next - 1, &again);
    assert(ok && again == next);
    return 0;
}
