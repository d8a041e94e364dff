// Texts, through all of snug explain: any bytes are explained or refused.
#include <stdint.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "snug/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    snug_explanation *explanation = NULL;
    char *text = NULL;
    if (snug_explain_text((const char *)bytes, length, "fuzz", &explanation) != SNUG_OK) return 0;
    if (snug_explanation_text(explanation, &text) == SNUG_OK) snug_explanation_text_free(text);
    if (snug_explanation_json(explanation, &text) == SNUG_OK) snug_explanation_text_free(text);
    snug_explanation_free(explanation);
    return 0;
}
