#include "sim/property_names.h"

#include "core/random.h"

static const char *const heads[] = {
    "account",  "billing",  "renewal",  "onboarding", "contract", "support", "usage",  "partner",
    "campaign", "webinar",  "trial",    "finance",    "legal",    "product", "region", "survey",
    "loyalty",  "shipping", "training", "event",      "app",      "erp",     "lead",   "health",
};
static const char *const middles[] = {
    "primary", "last",    "next",   "total",    "current", "first",  "estimated", "preferred",
    "manual",  "monthly", "yearly", "external", "legacy",  "synced", "open",
};
static const char *const tails[] = {
    "score", "date",   "status", "owner_name", "amount",    "count", "tier", "reference",
    "notes", "reason", "source", "flag",       "timestamp", "phone", "code", "category",
};

// Properties that users asked a colleague for; the names show it.
static const char *const long_names[] = {
    "does_the_customer_currently_use_a_competing_product_for_their_renewal_forecast",
    "number_of_days_between_the_first_website_visit_and_the_first_meaningful_conversation",
    "if_the_contact_answered_other_in_the_yearly_satisfaction_survey_please_specify_here",
};

static struct str label_from(struct arena *arena, struct str name)
{
    char *label = arena_cstr(arena, name);
    for (size_t i = 0; i < name.len; i++) {
        label[i] = label[i] == '_' ? ' ' : label[i];
    }
    if (label[0] >= 'a' && label[0] <= 'z') {
        label[0] = (char)(label[0] - 'a' + 'A');
    }
    return (struct str){label, name.len};
}

enum {
    CASE_TWIN_FIRST = 70, // the pairs come late, so that small portals are free of them
    CASE_TWIN_SECOND,
    PREFIX_TWIN_FIRST,
    PREFIX_TWIN_SECOND,
};

void property_names_custom(struct arena *arena, size_t i, struct str *ret_name,
                           struct str *ret_label)
{
    static const char twin[] = "answers_given_by_the_customer_during_the_third_quarterly_review_";
    struct str name;
    uint64_t h = random_mix(i);
    if (i == CASE_TWIN_FIRST || i == CASE_TWIN_SECOND) {
        name = arena_printf(arena, i == CASE_TWIN_FIRST ? "account_tier" : "Account_Tier");
    } else if (i == PREFIX_TWIN_FIRST || i == PREFIX_TWIN_SECOND) {
        name = arena_printf(arena, "%s%s", twin, i == PREFIX_TWIN_FIRST ? "before" : "after");
    } else if (i % 12 == 7) {
        name = arena_printf(arena, "%s_%zu", long_names[h % ARRAY_LEN(long_names)], i);
    } else {
        name = arena_printf(arena, "%s_%s_%s_%zu", heads[h % ARRAY_LEN(heads)],
                            middles[(h >> 16) % ARRAY_LEN(middles)],
                            tails[(h >> 32) % ARRAY_LEN(tails)], i);
    }
    *ret_name = name;
    *ret_label = label_from(arena, name);
}
