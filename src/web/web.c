// What the page in a browser asks of snug, which is WebAssembly there. One instance answers once;
// its memory ends with it, so nothing is freed here.
#include "web/web.h"

#include "base/memory.h"
#include "base/text.h"
#include "explain/report/explain_page.h"
#include "io/pickle.h"

SNUG_WEB_EXPORT void *snug_web_allocate(size_t bytes) {
    void *memory = NULL;
    return snug_memory_new(bytes, 1, &memory) == SNUG_OK ? memory : NULL;
}

static snug_status answer(const char *bytes, size_t length, const char *name, bool what_if,
                          snug_web_answer *out) {
    snug_explanation *explanation = NULL;
    snug_text data = {0};
    // The box is ticked before anyone knows what will be opened: of a text it asks nothing.
    snug_explain_options options = {.what_if = what_if && snug_pickle_matches(bytes, length)};
    SNUG_TRY(snug_explain_text_with(bytes, length, name, &options, &explanation));
    SNUG_TRY(snug_explanation_text(explanation, &out->text));
    snug_explain_page_append_data(explanation, &data);
    SNUG_TRY(snug_text_status(&data));
    out->data = data.data;
    return SNUG_OK;
}

SNUG_WEB_EXPORT void snug_web_explain(const char *bytes, size_t length, const char *name,
                                      bool what_if, snug_web_answer *out) {
    *out = (snug_web_answer){0};
    if (answer(bytes, length, name, what_if, out) != SNUG_OK) out->error = snug_error_message();
}
