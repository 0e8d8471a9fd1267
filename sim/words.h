// Word lists that made-up data is drawn from. No entry needs escaping in JSON. Constant data.
#pragma once

#include "core/str.h"

struct word_name {
    struct str name;  // as people write it
    struct str ascii; // as it stands in an e-mail address
};

struct word_city {
    struct str city;
    struct str state;
    struct str country;
    struct str calling_code; // "+49"
    int32_t latitude_e4;     // ten-thousandths of a degree
    int32_t longitude_e4;
};

extern const struct word_name words_first_names[];
extern const size_t words_first_names_n;
extern const struct word_name words_last_names[];
extern const size_t words_last_names_n;
extern const struct word_city words_cities[];
extern const size_t words_cities_n;
extern const struct word_name words_company_heads[];
extern const size_t words_company_heads_n;
extern const struct word_name words_company_tails[];
extern const size_t words_company_tails_n;
extern const struct str words_streets[];
extern const size_t words_streets_n;
extern const struct str words_job_titles[];
extern const size_t words_job_titles_n;
extern const struct str words_nouns[]; // for short texts
extern const size_t words_nouns_n;
extern const struct str words_sentences[]; // for long texts; some need escaping in JSON
extern const size_t words_sentences_n;
