#include "plan/alike.h"

#include <math.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"

// Times are in proportion within these factors of the modelled time: halving samples leaves the
// arithmetic as efficient as it was, more or less.
static const double arithmetic_reach = 2.05, traffic_reach = 4.1;
// Bytes that stay in a processor's own caches, and in those that cores share.
static const double small = 128 << 10, shared = 16 << 20;

static void append_types(snug_text *out, const snug_type *types, int count, bool is_arithmetic) {
    for (int i = 0; i < count; i++) {
        snug_text_append(out, " %d.%d.%d", types[i].dtype, types[i].layout, types[i].rank);
        for (int j = 1; is_arithmetic && j < types[i].rank; j++)
            snug_text_append(out, ".%lld", (long long)types[i].dims[j]);
    }
}

snug_status snug_alike_kind(const snug_signature *signature, bool is_arithmetic, double bytes,
                            uint64_t *out) {
    snug_text text = {0};
    const unsigned char *attributes = signature->attributes;
    snug_text_append(&text, "%s %x %d ", signature->op->name, signature->present,
                     is_arithmetic ? 0 : 1 + (bytes > small) + (bytes > shared));
    for (size_t i = 0; i < signature->op->attributes_size; i++)
        snug_text_append(&text, "%02x", attributes[i]);
    append_types(&text, signature->inputs, signature->input_count, is_arithmetic);
    append_types(&text, signature->outputs, signature->output_count, is_arithmetic);
    snug_status status = snug_text_status(&text);
    *out = snug_hash_text(snug_text_view(&text));
    snug_text_clear(&text);
    return status;
}

snug_status snug_alike_keep(snug_timed_kernels *timed, uint64_t kind, double modelled,
                            double seconds) {
    if (!(modelled > 0)) return SNUG_OK;
    SNUG_TRY(SNUG_GROW(&timed->items, &timed->room, timed->count + 1));
    timed->items[timed->count++] = (snug_timed_kernel){kind, modelled, seconds / modelled};
    return SNUG_OK;
}

bool snug_alike_find(const snug_timed_kernels *timed, uint64_t kind, bool is_arithmetic,
                     double modelled, double *out) {
    double nearest = log(is_arithmetic ? arithmetic_reach : traffic_reach);
    bool found = false;
    for (size_t i = 0; i < timed->count; i++) {
        const snug_timed_kernel *other = &timed->items[i];
        double away = other->kind == kind ? fabs(log(modelled / other->modelled)) : INFINITY;
        if (!(away < nearest)) continue;
        nearest = away;
        found = true;
        *out = other->ratio * modelled;
    }
    return found;
}

void snug_alike_clear(snug_timed_kernels *timed) {
    snug_memory_free(timed->items);
    *timed = (snug_timed_kernels){0};
}
