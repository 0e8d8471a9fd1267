// What `sluice api` prints: one answer of HubSpot's, on standard output.
#pragma once

#include "hubspot/client.h"

// Whether the text is JSON as a whole. Errors: those of json_parse.
bool api_json_check(struct str text, struct error *err) MUST_CHECK;
// One line {"status":...,"tries":...,"body":...}, with the error when the answer is not ok.
void api_print_json(const struct hubspot_answer *answer);
// As it came; a terminal wants its line ended.
void api_print_raw(struct str body);
