// Reading JSON, without a library. Input may be anything: depth and length are bounded.
#ifndef SNUG_IO_JSON_H
#define SNUG_IO_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"

typedef enum snug_json_type {
    SNUG_JSON_NULL,
    SNUG_JSON_FALSE,
    SNUG_JSON_TRUE,
    SNUG_JSON_NUMBER,
    SNUG_JSON_STRING,
    SNUG_JSON_LIST,
    SNUG_JSON_OBJECT,
} snug_json_type;

typedef struct snug_json {
    snug_json_type type;
    const char *key;               // of a member of an object, else NULL
    const char *string;            // UTF-8, NUL-terminated; "" unless a string
    double number;                 // 0 unless a number
    int64_t whole;                 // |number| towards 0, within what it can hold
    size_t count;                  // of elements
    const struct snug_json *first; // element or member
    const struct snug_json *next;  // in the list or object that this is in
} snug_json;

enum { SNUG_JSON_DEPTH = 64 };

// Reads |length| bytes, one value. All lies in |pool|. SNUG_BAD_FILE names the byte that is wrong;
// SNUG_NOMEM.
snug_status snug_json_read(const char *bytes, size_t length, snug_pool *pool,
                           const snug_json **out);

// The member |key| of |object|; NULL where there is none, or |object| is NULL or none.
const snug_json *snug_json_member(const snug_json *object, const char *key);
// Its string, "" where it is none; its whole number, |otherwise| where it is none.
const char *snug_json_string(const snug_json *object, const char *key);
int64_t snug_json_whole(const snug_json *object, const char *key, int64_t otherwise);

#endif
