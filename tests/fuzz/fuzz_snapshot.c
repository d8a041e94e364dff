// Pickles and memory snapshots, through all of snug explain: any bytes are explained or refused.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "snug/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    snug_explanation *explanation = NULL;
    char *text = NULL;
    // The pickle's first bytes stand, so that all of the time goes into what follows.
    char *copy = malloc(length + 2);
    if (!copy) return 0;
    copy[0] = '\x80';
    copy[1] = 4;
    if (length > 0) memcpy(copy + 2, bytes, length);
    // The trace is replayed, too.
    snug_explain_options options = {.what_if = true};
    if (snug_explain_text_with(copy, length + 2, "fuzz", &options, &explanation) == SNUG_OK) {
        if (snug_explanation_text(explanation, &text) == SNUG_OK) snug_explanation_text_free(text);
        if (snug_explanation_json(explanation, &text) == SNUG_OK) snug_explanation_text_free(text);
    }
    snug_explanation_free(explanation);
    free(copy);
    return 0;
}
