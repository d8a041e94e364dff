#include "cli/fields.h"

#include <stdio.h>
#include <string.h>

// Fields that texts of the library name. NULL: the option is called as the field, with dashes.
static const struct {
    const char *field, *option;
} fields[] = {
    {"allow", NULL},
    {"budget_bytes", "memory"},
    {"fixes", NULL},
    {"freeze", NULL},
    {"freeze_bn", NULL},
    {"input_dims", "input"},
    {"keep_going", NULL},
    {"learning_rate", "lr"},
    {"loss", NULL},
    {"micro_batch", NULL},
    {"out", NULL},
    {"output", NULL},
    {"overwrite", NULL},
    {"precision", NULL},
    {"require", NULL},
    {"resume", NULL},
    {"separable", NULL},
    {"train", NULL},
    {"no_decay", NULL},
    {"clip_norm", NULL},
    {"clip_value", NULL},
    {"class_axis", NULL},
    {"warmup_epochs", "warmup"},
};

// Appends |length| bytes at |*used|, as many as leave room for the end; underscores as |dash|.
static void append(char *out, size_t room, size_t *used, const char *text, size_t length,
                   char dash) {
    for (size_t i = 0; i < length && *used + 1 < room; i++)
        out[(*used)++] = text[i] == '_' ? dash : text[i];
}

// The option that sets the field of |length| bytes at |name|, or NULL.
static const char *option_of(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strlen(fields[i].field) == length && strncmp(fields[i].field, name, length) == 0)
            return fields[i].option ? fields[i].option : fields[i].field;
    return NULL;
}

size_t command_fields_room(const char *text) {
    return 2 * strlen(text) + 1; // "--" for a field, which has more than one letter
}

void command_fields(const char *text, char *out, size_t room) {
    size_t used = 0;
    while (*text && used + 1 < room) {
        size_t length = strspn(text + (*text == '`'), "abcdefghijklmnopqrstuvwxyz_");
        const char *option = *text == '`' ? option_of(text + 1, length) : NULL;
        const char *value = option ? text + 1 + length : NULL, *end = NULL;
        if (option) end = *value == '=' ? strchr(value, '`') : *value == '`' ? value : NULL;
        if (!end) {
            append(out, room, &used, text++, 1, '_');
            continue;
        }
        append(out, room, &used, "'--", 3, '_');
        append(out, room, &used, option, strlen(option), '-');
        if (end > value) append(out, room, &used, " ", 1, '_');
        if (end > value) append(out, room, &used, value + 1, (size_t)(end - value - 1), '_');
        append(out, room, &used, "'", 1, '_');
        text = end + 1;
    }
    if (room > 0) out[used] = '\0';
}
