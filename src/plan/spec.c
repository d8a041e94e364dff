#include "base/memory.h"
#include "fixes/fix.h"

snug_status snug_spec_derive(snug_spec_list *specs, const snug_spec *base, const char *fix,
                             snug_fidelity fidelity, snug_spec **out) {
    *out = NULL;
    SNUG_TRY(SNUG_GROW(&specs->items, &specs->capacity, specs->count + 1));
    snug_spec *spec = &specs->items[specs->count++];
    *spec = *base;
    if (fidelity > spec->fidelity) spec->fidelity = fidelity;
    int used = 0;
    while (spec->fixes[used])
        used++;
    if (fix && used >= SNUG_PLAN_MAX_FIXES - 1) {
        specs->count--;
        return snug_fail(SNUG_INTERNAL, "'%s' is one fix more than the %d that a plan can name",
                         fix, SNUG_PLAN_MAX_FIXES - 1);
    }
    if (fix) spec->fixes[used] = fix;
    *out = spec;
    return SNUG_OK;
}

const snug_fix *snug_fix_by_fidelity(int index) {
    for (int fidelity = SNUG_FIDELITY_EXACT; fidelity <= SNUG_FIDELITY_MODEL; fidelity++)
        for (const snug_fix *const *fix = snug_fixes; *fix; fix++)
            if ((*fix)->info.fidelity == (snug_fidelity)fidelity && index-- == 0) return *fix;
    return NULL;
}

const snug_fix_info *snug_fix_at(int index) {
    const snug_fix *fix = index >= 0 ? snug_fix_by_fidelity(index) : NULL;
    return fix ? &fix->info : NULL;
}
