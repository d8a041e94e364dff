// The names of fidelities and precisions, from the lists of snug/plan.h.
#include <string.h>

#include "base/text.h"
#include "snug/plan.h"

#define NAME(symbol, text) text,
static const char *const fidelities[] = {SNUG_FIDELITY_LIST(NAME)};
static const char *const precisions[] = {SNUG_PRECISION_LIST(NAME)};
#undef NAME

enum {
    FIDELITIES = sizeof fidelities / sizeof fidelities[0],
    PRECISIONS = sizeof precisions / sizeof precisions[0]
};

// The index of |text| among |names|; or SNUG_INVALID, which lists them.
static snug_status parse(const char *text, const char *kind, const char *const *names, int count,
                         int *out) {
    for (*out = 0; *out < count; ++*out)
        if (strcmp(text, names[*out]) == 0) return SNUG_OK;
    *out = 0;
    snug_text list = {0};
    for (int i = 0; i < count; i++)
        snug_text_append(&list, "%s%s", i == 0 ? "" : i == count - 1 ? " or " : ", ", names[i]);
    snug_status status = snug_text_status(&list);
    if (status == SNUG_OK)
        status = snug_fail(SNUG_INVALID, "'%s' is not a %s: expected %s", text, kind,
                           snug_text_view(&list));
    snug_text_clear(&list);
    return status;
}

const char *snug_fidelity_name(snug_fidelity fidelity) {
    return (unsigned)fidelity < FIDELITIES ? fidelities[fidelity] : "unknown";
}

snug_status snug_fidelity_parse(const char *text, snug_fidelity *out) {
    SNUG_REQUIRE(text && out, "a text and a place for the fidelity");
    int index;
    snug_status status = parse(text, "fidelity", fidelities, FIDELITIES, &index);
    *out = (snug_fidelity)index;
    return status;
}

const char *snug_precision_name(snug_precision precision) {
    return (unsigned)precision < PRECISIONS ? precisions[precision] : "unknown";
}

snug_status snug_precision_parse(const char *text, snug_precision *out) {
    SNUG_REQUIRE(text && out, "a text and a place for the precision");
    int index;
    snug_status status = parse(text, "precision", precisions, PRECISIONS, &index);
    *out = (snug_precision)index;
    return status;
}
