#include "api/frame.h"

const struct api_options *api_options_of(const struct api_call *c)
{
    assert(c->frame);
    return &c->frame->api->options;
}
