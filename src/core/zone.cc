#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

#include <date/tz.h>

extern "C" {
#include "core/zone.h"
}

static bool next_day(std::string_view name, int64_t wall_ms, int64_t *ret_ms)
{
    using namespace std::chrono;
    const date::time_zone *zone = date::locate_zone(name);
    date::sys_time<milliseconds> now{milliseconds{wall_ms}};
    auto today = date::floor<date::days>(zone->to_local(now));
    for (int ahead = 1; ahead <= 2; ahead++) { // 2: the clocks go back over midnight
        auto begins = zone->to_sys(today + date::days{ahead}, date::choose::earliest);
        auto begins_ms = date::floor<milliseconds>(begins).time_since_epoch().count();
        if (begins_ms > wall_ms) {
            *ret_ms = begins_ms;
            return true;
        }
    }
    return false;
}

static bool offset(std::string_view name, int64_t wall_ms, int64_t *ret_ms)
{
    using namespace std::chrono;
    date::sys_info info =
        date::locate_zone(name)->get_info(date::sys_time<milliseconds>{milliseconds{wall_ms}});
    *ret_ms = duration_cast<milliseconds>(info.offset).count();
    return true;
}

static const int64_t YEAR_10000_MS = 253402300800000;

// Its ends may lie further away than milliseconds can count.
static int64_t span_end(date::sys_seconds at)
{
    using namespace std::chrono;
    int64_t seconds_since_1970 = at.time_since_epoch().count();
    return std::clamp<int64_t>(seconds_since_1970, 0, YEAR_10000_MS / 1000) * 1000;
}

static bool span(std::string_view name, int64_t wall_ms, struct zone_span *ret)
{
    using namespace std::chrono;
    const date::time_zone *zone = date::locate_zone(name);
    date::sys_info info = zone->get_info(date::sys_time<milliseconds>{milliseconds{wall_ms}});
    ret->begin_ms = span_end(info.begin);
    ret->end_ms = span_end(info.end);
    ret->offset_ms = duration_cast<milliseconds>(info.offset).count();
    ret->before_ms = ret->offset_ms;
    if (ret->begin_ms > 0) {
        date::sys_info before = zone->get_info(info.begin - seconds{1});
        ret->before_ms = duration_cast<milliseconds>(before.offset).count();
    }
    return ret->begin_ms <= wall_ms && wall_ms < ret->end_ms;
}

typedef bool zone_question(std::string_view name, int64_t wall_ms, int64_t *ret_ms);

static bool ask(zone_question *question, struct str name, int64_t wall_ms, int64_t *ret_ms)
{
    if (name.len == 0 || wall_ms < 0 || wall_ms >= YEAR_10000_MS) {
        return false;
    }
    try {
        return question(std::string_view(name.ptr, name.len), wall_ms, ret_ms);
    } catch (const std::exception &) {
        return false; // no such zone, or no database of zones
    }
}

bool zone_next_day_ms(struct str name, int64_t wall_ms, int64_t *ret_ms)
{
    return ask(next_day, name, wall_ms, ret_ms);
}

bool zone_offset_ms(struct str name, int64_t wall_ms, int64_t *ret_ms)
{
    return ask(offset, name, wall_ms, ret_ms);
}

bool zone_span_at(struct str name, int64_t wall_ms, struct zone_span *ret)
{
    if (wall_ms < 0 || wall_ms >= YEAR_10000_MS) {
        return false;
    }
    if (name.len == 0) {
        *ret = zone_span{0, YEAR_10000_MS, 0, 0};
        return true;
    }
    try {
        struct zone_span found = {};
        if (!span(std::string_view(name.ptr, name.len), wall_ms, &found)) {
            return false;
        }
        *ret = found;
        return true;
    } catch (const std::exception &) {
        return false; // no such zone, or no database of zones
    }
}
