// What kind of limit an endpoint falls under.
#pragma once

enum rate_class { RATE_GENERAL, RATE_SEARCH, RATE_ASSOCIATIONS };
