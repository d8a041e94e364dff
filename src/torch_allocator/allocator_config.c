// Sizes as the settings have them, and the settings as people write them.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "torch_allocator/allocator_state.h"

static unsigned log2_of(uint64_t value) {
    return 63 - (unsigned)__builtin_clzll(value);
}

static bool is_power_of_two(uint64_t value) {
    return value && !(value & (value - 1));
}

// Up to the next of |divisions| equal steps between powers of two.
static uint64_t round_to_division(uint64_t size, uint32_t divisions) {
    if (is_power_of_two(size)) return size;
    uint64_t floor = (uint64_t)1 << log2_of(size);
    uint64_t step = floor >> log2_of(divisions);
    if (step == 0) return floor << 1;
    return (size + step - 1) & ~(step - 1);
}

uint64_t snug_allocator_round(const snug_allocator_config *config, uint64_t size) {
    if (size < SNUG_ALLOCATOR_BLOCK) return SNUG_ALLOCATOR_BLOCK;
    unsigned log = log2_of(size), index = log > 20 ? log - 20 : 0;
    if (index >= SNUG_ALLOCATOR_DIVISIONS) index = SNUG_ALLOCATOR_DIVISIONS - 1;
    uint32_t divisions = config->divisions[index];
    if (divisions > 1 && size > SNUG_ALLOCATOR_BLOCK * divisions)
        return round_to_division(size, divisions);
    return (size + SNUG_ALLOCATOR_BLOCK - 1) / SNUG_ALLOCATOR_BLOCK * SNUG_ALLOCATOR_BLOCK;
}

uint64_t snug_allocator_segment_size(uint64_t rounded) {
    if (rounded <= SNUG_ALLOCATOR_SMALL) return SNUG_ALLOCATOR_SMALL_SEGMENT;
    if (rounded < SNUG_ALLOCATOR_OWN_SEGMENT) return SNUG_ALLOCATOR_LARGE_SEGMENT;
    return (rounded + SNUG_ALLOCATOR_SMALL_SEGMENT - 1) / SNUG_ALLOCATOR_SMALL_SEGMENT *
           SNUG_ALLOCATOR_SMALL_SEGMENT;
}

// ---- PYTORCH_CUDA_ALLOC_CONF ---------------------------------------------------------------

static const char *skip_spaces(const char *at) {
    return at + strspn(at, " \t\r\n\"'");
}

// A whole number that begins at |*at|, below 2^31.
static snug_status read_whole(const char **at, const char *name, uint64_t *out) {
    char *end;
    const char *start = skip_spaces(*at);
    errno = 0;
    *out = strtoull(start, &end, 10);
    if (end == start || *start == '-' || errno || *out > INT32_MAX)
        return snug_fail(SNUG_BAD_FILE,
                         "allocator settings: expected a whole number after '%s', found '%.20s'",
                         name, start);
    *at = skip_spaces(end);
    return SNUG_OK;
}

static snug_status read_division(const char **at, uint32_t *out) {
    uint64_t value = 0;
    SNUG_TRY(read_whole(at, "roundup_power2_divisions", &value));
    if (value != 0 && !is_power_of_two(value))
        return snug_fail(SNUG_BAD_FILE,
                         "allocator settings: roundup_power2_divisions takes powers of two, not "
                         "%llu",
                         (unsigned long long)value);
    *out = (uint32_t)value;
    return SNUG_OK;
}

static void fill(uint32_t *divisions, size_t first, size_t end, uint32_t value) {
    for (size_t i = first; i < end; i++)
        divisions[i] = value;
}

// `[256:1,512:2,1024:4,>:8]`: a size in MiB and what holds from it on; the first holds below it
// too, and what '>' gives replaces the last size's own, as in PyTorch.
static snug_status read_division_list(const char **at, uint32_t *divisions) {
    size_t last = 0;
    bool first = true;
    for (++*at; *(*at = skip_spaces(*at)) && **at != ']'; *at += **at == ',') {
        uint64_t size = 0;
        bool rest = **at == '>';
        if (rest)
            *at = skip_spaces(*at + 1);
        else
            SNUG_TRY(read_whole(at, "roundup_power2_divisions:[", &size));
        if (**at != ':' || (!rest && !is_power_of_two(size)))
            return snug_fail(SNUG_BAD_FILE,
                             "allocator settings: roundup_power2_divisions' list is "
                             "[MiB:divisions,...], sizes being powers of two; found '%.20s'",
                             *at);
        ++*at;
        uint32_t value = 0;
        SNUG_TRY(read_division(at, &value));
        size_t index = rest ? last : log2_of(size);
        if (index >= SNUG_ALLOCATOR_DIVISIONS) index = SNUG_ALLOCATOR_DIVISIONS - 1;
        if (rest)
            fill(divisions, index, SNUG_ALLOCATOR_DIVISIONS, value);
        else if (first)
            fill(divisions, 0, index, value);
        divisions[index] = value;
        first = first && rest;
        last = index;
    }
    if (**at != ']')
        return snug_fail(SNUG_BAD_FILE, "allocator settings: expected ']' after "
                                        "roundup_power2_divisions' list");
    ++*at;
    return SNUG_OK;
}

static snug_status read_mebibytes(const char **at, const char *name, uint64_t *out) {
    uint64_t value = 0;
    SNUG_TRY(read_whole(at, name, &value));
    if (value < 20)
        return snug_fail(SNUG_BAD_FILE, "allocator settings: %s is 20 or more, not %llu", name,
                         (unsigned long long)value);
    *out = value << 20;
    return SNUG_OK;
}

static snug_status read_share(const char **at, double *out) {
    char *end;
    *out = strtod(*at, &end);
    if (end == *at || !(*out > 0 && *out < 1))
        return snug_fail(SNUG_BAD_FILE,
                         "allocator settings: garbage_collection_threshold lies between 0 and 1; "
                         "found '%.20s'",
                         *at);
    *at = skip_spaces(end);
    return SNUG_OK;
}

static bool is_named(const char *at, size_t length, const char *name) {
    return length == strlen(name) && strncmp(at, name, length) == 0;
}

static snug_status read_option(const char *name, size_t length, const char **at,
                               snug_allocator_config *config) {
    if (is_named(name, length, "max_split_size_mb"))
        return read_mebibytes(at, "max_split_size_mb", &config->max_split_size);
    if (is_named(name, length, "max_non_split_rounding_mb"))
        return read_mebibytes(at, "max_non_split_rounding_mb", &config->max_non_split_rounding);
    if (is_named(name, length, "garbage_collection_threshold"))
        return read_share(at, &config->garbage_collection_threshold);
    if (is_named(name, length, "expandable_segments")) {
        config->expandable_segments = strncmp(*at, "True", 4) == 0;
    } else if (is_named(name, length, "roundup_power2_divisions")) {
        if (**at == '[') return read_division_list(at, config->divisions);
        uint32_t value = 0;
        SNUG_TRY(read_division(at, &value));
        fill(config->divisions, 0, SNUG_ALLOCATOR_DIVISIONS, value);
        return SNUG_OK;
    }
    *at += strcspn(*at, ",");
    return SNUG_OK;
}

snug_status snug_allocator_config_read(const char *text, snug_allocator_config *config) {
    for (const char *at = skip_spaces(text); *at; at = skip_spaces(at)) {
        size_t length = strcspn(at, ": ,");
        const char *name = at;
        at = skip_spaces(at + length);
        if (*at != ':')
            return snug_fail(SNUG_BAD_FILE,
                             "allocator settings: expected ':' after '%.*s', found '%.20s'",
                             (int)(length < 60 ? length : 60), name, at);
        at = skip_spaces(at + 1);
        SNUG_TRY(read_option(name, length, &at, config));
        at = skip_spaces(at);
        if (*at && *at != ',')
            return snug_fail(SNUG_BAD_FILE,
                             "allocator settings: expected ',' after '%.*s', found '%.20s'",
                             (int)(length < 60 ? length : 60), name, at);
        at += *at == ',';
    }
    return SNUG_OK;
}
