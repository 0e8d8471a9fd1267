#include "sim/webhooks.h"

#include <stdlib.h>

enum { FIRST_ID = 3300001, EVER_MAX = 20000 };

#define RECORDS(x) x ".creation", x ".deletion", x ".merge", x ".restore", x ".propertyChange"
static const char *const events[] = {
    RECORDS("contact"),
    "contact.associationChange",
    "contact.privacyDeletion",
    RECORDS("company"),
    "company.associationChange",
    RECORDS("deal"),
    "deal.associationChange",
    RECORDS("ticket"),
    "ticket.associationChange",
    RECORDS("line_item"),
    "line_item.associationChange",
    RECORDS("product"),
    RECORDS("object"),
    "object.associationChange",
    "conversation.creation",
    "conversation.deletion",
    "conversation.newMessage",
    "conversation.privacyDeletion",
    "conversation.propertyChange",
};

void webhooks_done(struct webhooks *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->apps[i].items);
    }
    *s = (struct webhooks){.n = 0};
}

struct webhook_app *webhooks_app(struct webhooks *s, uint64_t app_id)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->apps[i].app_id == app_id) {
            return &s->apps[i];
        }
    }
    if (s->n == WEBHOOK_APPS_MAX) {
        return NULL;
    }
    s->apps[s->n].app_id = app_id;
    return &s->apps[s->n++];
}

struct webhook_subscription *webhook_find(const struct webhook_app *a, uint64_t id)
{
    for (size_t i = 0; i < a->n; i++) {
        if (a->items[i].id == id && !a->items[i].deleted) {
            return &a->items[i];
        }
    }
    return NULL;
}

struct webhook_subscription *webhook_add(struct webhooks *s, struct webhook_app *a)
{
    if (a->n_live == WEBHOOK_SUBSCRIPTIONS_MAX || a->n == EVER_MAX) {
        return NULL;
    }
    if (a->n == a->cap) {
        a->cap = MAX(a->cap * 2, (size_t)16);
        a->items = realloc(a->items, a->cap * sizeof(*a->items));
        if (!a->items) {
            abort();
        }
    }
    s->next_id = MAX(s->next_id, (uint64_t)FIRST_ID);
    a->items[a->n] = (struct webhook_subscription){.id = s->next_id++};
    a->n_live++;
    return &a->items[a->n++];
}

const char *webhook_event(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (str_eq(name, str_from(events[i]))) {
            return events[i];
        }
    }
    return NULL;
}

bool webhook_event_is_change(const char *event)
{
    return str_ends(str_from(event), STR(".propertyChange"));
}

bool webhook_event_is_generic(const char *event)
{
    return str_starts(str_from(event), STR("object."));
}
