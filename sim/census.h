// Counting what a portal holds, for the admin's statistics. Reads the portal under its lock.
#pragma once

#include "data/json_writer.h"
#include "sim/portal.h"

// Field "records": by type live, archived, merged or deleted, properties.
void census_write_records(const struct portal *p, struct json_writer *w);
// Field "associations": by direction ("contacts/companies") how many pairs of records are
// associated, and how many rows that makes when each label counts as one. Walks every record.
void census_write_associations(const struct portal *p, struct json_writer *w);
