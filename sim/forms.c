#include "sim/forms.h"

#include "core/random.h"
#include "sim/guid.h"

// What each form is; a share is how many of the contacts have sent it in, in percent.
static const struct {
    struct str name;
    struct str type;
    uint32_t share;
    bool archived;
} rows[FORMS_N] = {
    {STR_INIT("Contact us"), STR_INIT("hubspot"), 40, false},
    {STR_INIT("Newsletter"), STR_INIT("hubspot"), 60, false},
    {STR_INIT("Demo request"), STR_INIT("hubspot"), 15, false},
    {STR_INIT("Webinar: Datenqualität 2025"), STR_INIT("hubspot"), 20, false},
    {STR_INIT("Pop-up on the pricing page"), STR_INIT("flow"), 10, false},
    {STR_INIT("#wpforms-form-1532"), STR_INIT("captured"), 12, false},
    {STR_INIT("Default comment form: blog"), STR_INIT("blog_comment"), 5, false},
    {STR_INIT("Customer survey"), STR_INIT("hubspot"), 8, false},
    {STR_INIT("Partner application"), STR_INIT("hubspot"), 3, false},
    {STR_INIT("Careers"), STR_INIT("hubspot"), 4, false},
    {STR_INIT("Trade fair badge scan"), STR_INIT("hubspot"), 6, false},
    {STR_INIT("Not used yet"), STR_INIT("hubspot"), 0, false},
    {STR_INIT("Whitepaper download \xf0\x9f\x93\x84"), STR_INIT("hubspot"), 25, false},
    {STR_INIT("Contact us (old)"), STR_INIT("hubspot"), 30, true},
};

struct form form_at(const struct portal *p, struct arena *arena, size_t i)
{
    assert(i < FORMS_N);
    uint64_t salt = random_mix(p->options.seed * 131 + i + 0x666f726d);
    uint64_t n = (uint64_t)p->shelves[OBJECT_CONTACTS].n_base * rows[i].share / 100;
    int64_t created = portal_first_ms() + (int64_t)(salt % UINT64_C(60000000000));
    return (struct form){
        .id = guid_make(arena, salt),
        .name = rows[i].name,
        .type = rows[i].type,
        .created_ms = created,
        .updated_ms = created + (int64_t)(salt >> 32) % INT64_C(40000000000),
        .archived = rows[i].archived,
        .salt = salt,
        .n_submissions = (uint32_t)n,
    };
}

bool form_find(const struct portal *p, struct arena *arena, struct str id, struct form *ret)
{
    for (size_t i = 0; i < FORMS_N; i++) {
        struct form f = form_at(p, arena, i);
        if (str_eq_nocase(f.id, id)) {
            *ret = f;
            return true;
        }
    }
    return false;
}

struct form_submission form_submission_at(const struct portal *p, const struct form *f, uint32_t i)
{
    assert(i < f->n_submissions);
    int64_t step = (portal_last_ms() - f->created_ms) / ((int64_t)f->n_submissions + 1);
    uint64_t h = random_mix(f->salt ^ i);
    int64_t jitter = step > 1 ? (int64_t)(h % (uint64_t)step) : 0;
    return (struct form_submission){
        .contact = (uint32_t)((h >> 20) % p->shelves[OBJECT_CONTACTS].n_base),
        .at_ms = portal_last_ms() - step * i - jitter,
        .number = h,
    };
}
