// Quantities of bytes in squeezed text (no white space, lower case): "14.75gib", "1,048,576bytes".
#ifndef SNUG_EXPLAIN_TEXT_QUANTITY_H
#define SNUG_EXPLAIN_TEXT_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct snug_quantity {
    size_t start, end; // of the text, unit included
    size_t digits_end; // where the number ends
    bool has_unit;     // without one it may be any number
    bool at_end;       // nothing follows: digits may be cut off
    bool unlimited;    // more than any machine has: how an unset limit is printed
    uint64_t bytes;    // UINT64_MAX where it is more
} snug_quantity;

// Reads the number that begins at |at| (a digit; the one before is no digit). |text| ends with NUL
// at |length|; a unit that is cut off there still counts. KB, MB and GB are powers of 1024: the
// frameworks that print them mean these.
bool snug_quantity_read(const char *text, size_t length, size_t at, snug_quantity *out);

#endif
