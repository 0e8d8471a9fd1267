#include "sim/schemas.h"

#include "sim/portal.h"

static bool has_name(const struct schema *s, struct str name)
{
    struct str prefix = STR("p_");
    return str_eq(name, object_info(s->object)->type_id) || str_eq_nocase(name, s->name) ||
           str_eq_nocase(name, s->qualified) ||
           (str_starts(name, prefix) &&
            str_eq_nocase(str_sub(name, prefix.len, name.len), s->name));
}

// Its place; s->n when there is none.
static size_t place_of(const struct schemas *s, struct str name, enum schema_state state)
{
    size_t i = 0;
    while (i < s->n && !(s->items[i].state == state && has_name(&s->items[i], name))) {
        i++;
    }
    return i;
}

const struct schema *schemas_find(const struct schemas *s, struct str name)
{
    size_t i = place_of(s, name, SCHEMA_LIVE);
    return i < s->n ? &s->items[i] : NULL;
}

struct schema *schemas_find_any(struct schemas *s, struct str name)
{
    size_t i = place_of(s, name, SCHEMA_LIVE);
    i = i < s->n ? i : place_of(s, name, SCHEMA_ARCHIVED);
    return i < s->n ? &s->items[i] : NULL;
}

bool schemas_add(struct schemas *s, struct portal *p, struct str name, struct schema **ret)
{
    if (s->n == OBJECT_CUSTOM_MAX) {
        return false;
    }
    struct schema *fresh = &s->items[s->n];
    *fresh = (struct schema){.object = (enum object_type)(OBJECT_CUSTOM_FIRST + s->n)};
    fresh->name = arena_dup(&p->arena, name);
    fresh->qualified = arena_printf(&p->arena, "p%llu_%.*s",
                                    (unsigned long long)p->options.portal_id, STR_ARG(name));
    s->n++;
    *ret = fresh;
    return true;
}

static struct str capital(struct arena *arena, struct str name, size_t len)
{
    struct str label = arena_printf(arena, "%.*s", (int)len, name.ptr);
    char *text = arena_cstr(arena, label);
    if (len > 0 && text[0] >= 'a' && text[0] <= 'z') {
        text[0] = (char)(text[0] - 'a' + 'A');
    }
    return (struct str){text, len};
}

void schemas_generate(struct schemas *s, struct portal *p)
{
    *s = (struct schemas){.n = 0};
    for (size_t i = 0; i < p->options.n_custom_objects; i++) {
        struct schema *fresh;
        struct str name = p->options.custom_objects[i];
        bool room = schemas_add(s, p, name, &fresh);
        assert(room);
        bool plural = str_ends(name, STR("s")) && name.len > 1;
        fresh->plural = capital(&p->arena, name, name.len);
        fresh->singular = capital(&p->arena, name, plural ? name.len - 1 : name.len);
        fresh->primary_display = STR("name");
        fresh->required = STR("name");
        fresh->searchable = STR("name");
        fresh->created_ms = portal_first_ms();
        fresh->updated_ms = portal_first_ms();
        p->shelves[fresh->object].searched = fresh->searchable;
    }
}
