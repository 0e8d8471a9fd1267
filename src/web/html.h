// Building pages: a frame that all share, and text that can only be added escaped.
//
// Pages have no scripts. The one style sheet is inline, admitted by a nonce of each answer.
// Threads: a page belongs to one thread.
#pragma once

#include "api/api.h"
#include "hubspot/oauth.h"

struct html_page {
    struct api_call *c;
    struct buf out;
    char nonce[OAUTH_CHALLENGE_MAX];
};

// Appends the text with what means something in HTML escaped, for content and quoted attributes
// alike; what is no UTF-8 and control characters become U+FFFD.
void html_escape(struct buf *out, struct str text);

// Begins a page of the call's. It must be answered or dropped.
void html_begin(struct html_page *p, struct api_call *c, const char *title);
// Markup with a struct str, escaped, for each "{}" in it.
#define HTML(p, markup, ...)                                                                       \
    do {                                                                                           \
        const struct str texts_[] = {__VA_ARGS__ __VA_OPT__(, ){NULL, 0}};                         \
        html_add((p), (markup), texts_, ARRAY_LEN(texts_) - 1);                                    \
    } while (0)
void html_add(struct html_page *p, const char *markup, const struct str *texts, size_t n);

// Ends the page and answers with it. `form_targets`: where forms may lead, besides this server,
// with a space between; as in Content-Security-Policy.
void html_answer(struct html_page *p, int status, struct str form_targets);
// 303: the browser goes there next, with GET.
void html_redirect(struct api_call *c, struct str url);
