// Where in the whole a container lies that is being filled, told from the stack: containers that
// are open wait there, with the key or the items before the one that comes next.
#include <stdbool.h>

#include "io/pickle_machine.h"

static size_t length_of(const snug_pickle *pickle, const snug_pickle_value *list) {
    return pickle->consumer->length(pickle->consumer->context, list);
}

static void append_key(const snug_pickle *pickle, const snug_pickle_value *key, snug_text *path) {
    if (key->type == SNUG_PICKLE_TEXT)
        snug_text_append(path, "%s%.60s", path->length > 0 ? "." : "",
                         pickle->consumer->name(pickle->consumer->context, key));
    else if (key->type == SNUG_PICKLE_INT)
        snug_text_append(path, "[%lld]", (long long)key->bits);
    else
        snug_text_append(path, "[%s]", snug_pickle_type_name(key->type));
}

// A batch of a dict: key, value, key, value ... What follows a value and is no text is inside it,
// since keys are texts.
static void append_pairs(const snug_pickle *pickle, size_t *at, size_t end, snug_text *path) {
    size_t i = *at;
    while (i + 2 < end && pickle->stack[i + 2].type == SNUG_PICKLE_TEXT)
        i += 2;
    append_key(pickle, &pickle->stack[i], path);
    *at = i + 1 < end ? i + 1 : end;
}

// The path of stack[height]: for each batch that is open below it the item that is being made.
static void append_path(const snug_pickle *pickle, size_t height, snug_text *path) {
    size_t mark = 0, at = 0;
    while (at < height) {
        const snug_pickle_value *open = &pickle->stack[at];
        while (mark < pickle->mark_count && pickle->marks[mark] <= at)
            mark++;
        bool marked = mark < pickle->mark_count && pickle->marks[mark] == at + 1;
        size_t end = height + 1;
        if (marked && mark + 1 < pickle->mark_count && pickle->marks[mark + 1] <= height)
            end = pickle->marks[mark + 1];
        at++;
        if (open->type == SNUG_PICKLE_DICT) {
            append_pairs(pickle, &at, end, path);
            continue;
        }
        size_t index = length_of(pickle, open);
        if (marked && end > at) {
            // Items beside each other; the last one is open.
            index += end - 1 - at;
            at = end - 1;
        }
        snug_text_append(path, "[%zu]", index);
    }
}

enum { MOST_KEYS = 64 };

// Whether stack[height] is under a key of the outermost dict that the consumer skips.
static bool is_skipped(const snug_pickle *pickle, size_t height) {
    const snug_pickle_consumer *consumer = pickle->consumer;
    if (!consumer->skips || pickle->mark_count == 0 || pickle->marks[0] != 1) return false;
    if (pickle->stack[0].type != SNUG_PICKLE_DICT) return false;
    size_t key = 1;
    while (key + 2 < height && key < MOST_KEYS && pickle->stack[key + 2].type == SNUG_PICKLE_TEXT)
        key += 2;
    return key < height && pickle->stack[key].type == SNUG_PICKLE_TEXT &&
           consumer->skips(consumer->context, &pickle->stack[key]);
}

snug_status snug_pickle_fail_at(const snug_pickle *pickle, size_t height, snug_status status) {
    if (status != SNUG_BAD_FILE) return status;
    if (is_skipped(pickle, height)) return SNUG_OK;
    snug_text path = {0}, message = {0};
    append_path(pickle, height, &path);
    snug_text_append(&message, "%s", snug_error_message());
    const char *rest = snug_text_view(&message);
    if (*rest == '.' && path.length == 0) rest++;
    bool joined = *rest == '.' || *rest == '[' || path.length == 0;
    if (snug_text_status(&path) == SNUG_OK && snug_text_status(&message) == SNUG_OK)
        status = snug_fail(status, "%s%s%s (byte %zu)", snug_text_view(&path), joined ? "" : ": ",
                           rest, pickle->opcode);
    else
        status = SNUG_NOMEM;
    snug_text_clear(&path);
    snug_text_clear(&message);
    return status;
}
