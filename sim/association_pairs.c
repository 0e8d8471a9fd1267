// The table of pairs and their type ids.
#include "sim/associations.h"

#define PLAIN(forward, reverse)                                                                    \
    {                                                                                              \
        NULL, NULL, forward, reverse, false                                                        \
    }
#define NAMED(label, forward, reverse)                                                             \
    {                                                                                              \
        label, label, forward, reverse, false                                                      \
    }
#define USER(label, back, forward, reverse)                                                        \
    {                                                                                              \
        label, back, forward, reverse, true                                                        \
    }

#define PAIR(a_, b_, n_, ...)                                                                      \
    {                                                                                              \
        .a = OBJECT_##a_, .b = OBJECT_##b_, .labels = {__VA_ARGS__}, .n_labels = (n_)              \
    }

static const struct association_pair pairs[] = {
    PAIR(CONTACTS, COMPANIES, 4, PLAIN(279, 280), NAMED("Primary", 1, 2),
         USER("Decision maker", "Decision maker", 36, 37),
         USER("Billing contact", "Bills to", 38, 39)),
    PAIR(DEALS, COMPANIES, 2, PLAIN(341, 342), NAMED("Primary", 5, 6)),
    PAIR(DEALS, CONTACTS, 2, PLAIN(3, 4), USER("Champion", "Champion", 40, 41)),
    PAIR(CONTACTS, TICKETS, 1, PLAIN(15, 16)),
    PAIR(TICKETS, COMPANIES, 2, PLAIN(339, 340), NAMED("Primary", 26, 25)),
    PAIR(DEALS, TICKETS, 1, PLAIN(27, 28)),
    PAIR(CONTACTS, CONTACTS, 2, PLAIN(449, 449), USER("Manager", "Report", 42, 43)),
    PAIR(COMPANIES, COMPANIES, 2, PLAIN(450, 450),
         {"Child Company", "Parent Company", 13, 14, false}),
    PAIR(DEALS, DEALS, 1, PLAIN(451, 451)),
    PAIR(TICKETS, TICKETS, 1, PLAIN(452, 452)),
    PAIR(CONTACTS, CALLS, 1, PLAIN(193, 194)),
    PAIR(CONTACTS, EMAILS, 1, PLAIN(197, 198)),
    PAIR(CONTACTS, MEETINGS, 1, PLAIN(199, 200)),
    PAIR(CONTACTS, NOTES, 1, PLAIN(201, 202)),
    PAIR(CONTACTS, TASKS, 1, PLAIN(203, 204)),
    PAIR(CONTACTS, COMMUNICATIONS, 1, PLAIN(82, 81)),
    PAIR(CONTACTS, POSTAL_MAIL, 1, PLAIN(454, 453)),
    PAIR(COMPANIES, CALLS, 1, PLAIN(181, 182)),
    PAIR(COMPANIES, EMAILS, 1, PLAIN(185, 186)),
    PAIR(COMPANIES, MEETINGS, 1, PLAIN(187, 188)),
    PAIR(COMPANIES, NOTES, 1, PLAIN(189, 190)),
    PAIR(COMPANIES, TASKS, 1, PLAIN(191, 192)),
    PAIR(COMPANIES, COMMUNICATIONS, 1, PLAIN(88, 87)),
    PAIR(COMPANIES, POSTAL_MAIL, 1, PLAIN(460, 459)),
    PAIR(DEALS, CALLS, 1, PLAIN(205, 206)),
    PAIR(DEALS, EMAILS, 1, PLAIN(209, 210)),
    PAIR(DEALS, MEETINGS, 1, PLAIN(211, 212)),
    PAIR(DEALS, NOTES, 1, PLAIN(213, 214)),
    PAIR(DEALS, TASKS, 1, PLAIN(215, 216)),
    PAIR(DEALS, COMMUNICATIONS, 1, PLAIN(86, 85)),
    PAIR(DEALS, POSTAL_MAIL, 1, PLAIN(458, 457)),
    PAIR(TICKETS, CALLS, 1, PLAIN(219, 220)),
    PAIR(TICKETS, EMAILS, 1, PLAIN(223, 224)),
    PAIR(TICKETS, MEETINGS, 1, PLAIN(225, 226)),
    PAIR(TICKETS, NOTES, 1, PLAIN(227, 228)),
    PAIR(TICKETS, TASKS, 1, PLAIN(229, 230)),
    PAIR(TICKETS, COMMUNICATIONS, 1, PLAIN(84, 83)),
    PAIR(TICKETS, POSTAL_MAIL, 1, PLAIN(456, 455)),
};

const struct association_pair *association_pair_of(enum object_type from, enum object_type to,
                                                   bool *ret_forward)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (pairs[i].a == from && pairs[i].b == to) {
            *ret_forward = true;
            return &pairs[i];
        }
        if (pairs[i].a == to && pairs[i].b == from) {
            *ret_forward = false;
            return &pairs[i];
        }
    }
    return NULL;
}

size_t association_pair_index(const struct association_pair *pair)
{
    return (size_t)(pair - pairs);
}

const struct association_pair *association_pair_at(size_t i)
{
    return i < ARRAY_LEN(pairs) ? &pairs[i] : NULL;
}
