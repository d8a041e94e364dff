// The parts of a program's networks in the JSON: what each keeps for backward, and what computing
// it again is predicted to cost. For who would choose by hand.
#include <inttypes.h>

#include "base/page.h"
#include "fit/fit.h"

void snug_fit_append_parts_json(const snug_fit *fit, snug_text *out) {
    const snug_fit_situation *situation = &fit->situation;
    const snug_fit_profile *profile = &situation->profile;
    bool any = false;
    snug_text_append(out, ",\"parts\":[");
    for (size_t i = 0; i < profile->part_count; i++) {
        const snug_fit_part *part = &profile->parts[i];
        if (part->saved == 0 || !situation->frontier.seconds) continue;
        double seconds = situation->frontier.seconds[i];
        snug_text_append(out, "%s{\"name\":", any ? "," : "");
        snug_page_append_string(out, part->name);
        snug_text_append(out, ",\"class\":");
        snug_page_append_string(out, part->class_name);
        snug_text_append(
            out, ",\"kept_bytes\":%" PRIu64 ",\"input_bytes\":%" PRIu64 ",\"forward\":%.6f}",
            part->saved, part->inputs, seconds / situation->step_seconds);
        any = true;
    }
    snug_text_append(out, "]");
}
