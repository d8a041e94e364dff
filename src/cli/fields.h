// The library's texts name the fields of its structs, as `precision` or `allow=exact`, so that they
// speak to every caller. Here they become the options that set them.
#ifndef SNUG_CLI_FIELDS_H
#define SNUG_CLI_FIELDS_H

#include <stddef.h>

// Writes |text| with its fields as '--precision' and '--allow exact', cut to |room| bytes with the
// end. What stands between backquotes and is no field stays. Room for all: command_fields_room().
void command_fields(const char *text, char *out, size_t room);
size_t command_fields_room(const char *text);

#endif
