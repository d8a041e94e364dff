// Byte counts as text.
#ifndef SNUG_SIZE_H
#define SNUG_SIZE_H

#include <stddef.h>
#include <stdint.h>

#include "snug/api.h"
#include "snug/status.h"

SNUG_BEGIN

// Reads "1048576", "512MiB", "8GiB", "2G", "1.5GiB" (case of the unit is free; K, M, G, T are
// powers of 1024 with or without "iB"; KB, MB, GB, TB are powers of 1000). Zero and anything else
// is SNUG_INVALID with a message that names |text|.
SNUG_API snug_status snug_size_parse(const char *text, size_t *out);

enum { SNUG_SIZE_TEXT = 32 };

// Writes |bytes| for people into |text| (SNUG_SIZE_TEXT chars): "512 B", "1.50 MiB"; returns it.
SNUG_API const char *snug_size_print(uint64_t bytes, char text[SNUG_SIZE_TEXT]);

SNUG_END

#endif
