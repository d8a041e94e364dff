// The rows of the tools' tables that apply.
#include <stdio.h>
#include <string.h>

#include "explain/advice/advice.h"

// Whether |name| is one of |list|, which has spaces between.
static bool is_listed(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *at = list; *at; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");
        if (word == length && memcmp(at, name, length) == 0) return true;
        at += word;
    }
    return false;
}

// Text in place of the mark in |fix|: 1 where there is one and it is known, 0 for no mark, -1 where
// it is not known. |mark| receives its place and |end| what follows.
static int fill(const char *fix, const snug_facts *facts, char *out, size_t room, const char **mark,
                const char **end) {
    static const char tokens[] = "{possible}", share[] = "{share}";
    *mark = strstr(fix, tokens);
    if (*mark) {
        *end = *mark + strlen(tokens);
        snprintf(out, room, "%lld", (long long)facts->tokens_possible);
        return facts->tokens_possible > 0 ? 1 : -1;
    }
    *mark = strstr(fix, share);
    if (!*mark) return 0;
    *end = *mark + strlen(share);
    // Rounded down, with a hundredth to spare.
    double part = snug_ratio(facts->figures.free, facts->figures.capacity);
    int hundredths = (int)(100 * part) - 1;
    snprintf(out, room, "0.%02d", hundredths > 0 ? hundredths : 0);
    return hundredths >= 10 ? 1 : -1;
}

static bool applies(const snug_lever *lever, const snug_facts *facts, const char *cause) {
    char text[32];
    const char *mark, *end;
    bool evaluates = facts->phase == SNUG_PHASE_EVALUATE;
    return is_listed(lever->causes, cause) &&
           fill(lever->fix, facts, text, sizeof text, &mark, &end) >= 0 &&
           !(lever->not_training && facts->use == SNUG_USE_TRAINING) &&
           !(lever->not_loading && facts->phase == SNUG_PHASE_LOAD) &&
           !(lever->evaluating && !evaluates) && !(lever->is_16_bit && facts->half) &&
           !(lever->is_batch && facts->batch_size == 1) &&
           (lever->shortage == SNUG_SHORTAGE_UNKNOWN || lever->shortage == facts->shortage) &&
           (lever->use == SNUG_USE_UNKNOWN || lever->use == facts->use) &&
           (!lever->when || snug_facts_mention(facts, lever->when)) &&
           (!lever->unless || !snug_facts_mention(facts, lever->unless));
}

void snug_levers_tell(const snug_facts *facts, const char *cause, snug_advice *advice) {
    // No lever makes room for one tensor that is larger than the whole device, nor where there was
    // room.
    bool is_too_large = snug_ratio(facts->figures.requested, facts->usable) > 1;
    if (is_too_large && strcmp(cause, "unknown") == 0) return;
    if (snug_is_enough_free(facts) && !facts->is_snapshot) return;
    for (size_t i = 0; i < facts->tool_count; i++)
        for (const snug_lever *lever = facts->tools[i]->levers; lever->fix; lever++) {
            if (!applies(lever, facts, cause)) continue;
            char text[32];
            const char *mark, *end;
            if (fill(lever->fix, facts, text, sizeof text, &mark, &end) > 0)
                snug_advise(advice, lever->why, "%.*s%s%s", (int)(mark - lever->fix), lever->fix,
                            text, end);
            else
                snug_advise(advice, lever->why, "%s", lever->fix);
        }
}
