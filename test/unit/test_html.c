// Text from outside in pages.
#include "check.h"

#include "web/html.h"

static void test_escape(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *want;
    } ROWS[] = {
        {STR_INIT(""), ""},
        {STR_INIT("plain text, 1 + 1"), "plain text, 1 + 1"},
        {STR_INIT("<script>alert('x')</script>"),
         "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"},
        {STR_INIT("\" onmouseover=\"x"), "&quot; onmouseover=&quot;x"},
        {STR_INIT("&amp;&lt;"), "&amp;amp;&amp;lt;"},
        {STR_INIT("a\tb\nc"), "a\tb\nc"},
        {STR_INIT("a\0b\x1b[2J\x7f\r"), "a\xef\xbf\xbd"
                                        "b\xef\xbf\xbd[2J\xef\xbf\xbd\xef\xbf\xbd"},
        {STR_INIT("Gr\xc3\xbc\xc3\x9f"
                  "e \xf0\x9f\x98\x80"),
         "Gr\xc3\xbc\xc3\x9f"
         "e \xf0\x9f\x98\x80"},
        // No sequence swallows what means something: a cut one, an overlong '<', a surrogate.
        {STR_INIT("\xc3<"), "\xef\xbf\xbd&lt;"},
        {STR_INIT("\xc0\xbc"), "\xef\xbf\xbd\xef\xbf\xbd"},
        {STR_INIT("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {STR_INIT("\xf0\x9f"), "\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct buf out;
        buf_init(&out, 1024);
        html_escape(&out, ROWS[i].text);
        check_str(buf_str(&out), ROWS[i].want);
        buf_done(&out);
    }
}

static void test_every_byte(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char c = (char)byte;
        struct buf out;
        buf_init(&out, 64);
        html_escape(&out, (struct str){&c, 1});
        for (size_t i = 0; i < out.len; i++) {
            unsigned char got = (unsigned char)out.ptr[i];
            assert_true(got >= 0x20 || got == '\n' || got == '\t');
            assert_null(strchr("<>\"'", got));
        }
        buf_done(&out);
    }
}

static void test_markup(void **state)
{
    (void)state;
    struct html_page page = {0};
    buf_init(&page.out, 1024);
    HTML(&page, "<p>");
    HTML(&page, "<a href=\"{}\">{}</a>", STR("x\"y"), STR("a{}b"));
    check_str(buf_str(&page.out), "<p><a href=\"x&quot;y\">a{}b</a>");
    buf_done(&page.out);
}

// A place without a text, and a text without a place.
static void too_few(void)
{
    struct html_page page = {0};
    buf_init(&page.out, 1024);
    HTML(&page, "{}");
}

static void too_many(void)
{
    struct html_page page = {0};
    buf_init(&page.out, 1024);
    HTML(&page, "", STR("x"));
}

static void test_misuse(void **state)
{
    (void)state;
    check_aborts(too_few);
    check_aborts(too_many);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_markup),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
