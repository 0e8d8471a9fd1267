// The file of an export: comma-separated values as RFC 4180 has them, with a line of headers.
#pragma once

#include "sim/call.h"
#include "sim/exports.h"

// Which records an export has, in order; owned by the caller (free). False after a 400: its search
// or list cannot be used.
bool export_pick(struct call *c, const struct export_order *o, uint32_t **ret_slots,
                 size_t *ret_n) MUST_CHECK;
// Appends the file to `out`.
void export_write(struct call *c, const struct export_order *o, const uint32_t *slots, size_t n,
                  struct buf *out);
