// Functions that are easy to misuse become compile errors. Each has a better twin in core/.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef __cplusplus
// glibc gives clang these as macros when it checks buffer sizes.
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok
#pragma GCC poison atoi atol atoll atof gmtime localtime ctime asctime rand srand tmpnam mktemp
#endif
