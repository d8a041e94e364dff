#include "cli/curve.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/command.h"
#include "snug/size.h"

enum { POINTS = 13, BAR = 24 };

typedef struct point {
    size_t budget;
    const char *fidelity;
    snug_candidate chosen;
} point;

// From the smallest budget to the unfixed need, each larger than the one before by the same factor.
static size_t budget_at(const snug_plan *plan, int index) {
    size_t low = snug_plan_minimum_bytes(plan), high = snug_plan_unfixed_bytes(plan);
    if (index == 0 || low >= high) return low;
    if (index == POINTS - 1) return high;
    double share = (double)index / (POINTS - 1);
    return (size_t)((double)low * pow((double)high / (double)low, share));
}

static snug_status find_points(snug_device *device, const snug_plan_request *request,
                               const snug_plan *plan, point *points) {
    for (int i = 0; i < POINTS; i++) {
        snug_plan_request wanted = *request;
        wanted.budget_bytes = budget_at(plan, i);
        wanted.on_timing = NULL; // few are left
        snug_plan *at_budget = NULL;
        snug_status status = snug_plan_make(device, &wanted, &at_budget);
        if (status == SNUG_OK)
            points[i] =
                (point){.budget = wanted.budget_bytes,
                        .chosen = *snug_plan_chosen(at_budget),
                        .fidelity = snug_fidelity_name(snug_plan_chosen(at_budget)->fidelity)};
        snug_plan_free(at_budget);
        if (status != SNUG_OK) return status;
    }
    return SNUG_OK;
}

static void print_fixes(const snug_candidate *chosen, const char *before, const char *between,
                        const char *after) {
    for (int i = 0; chosen->fixes[i]; i++)
        printf("%s%s%s%s", i ? between : "", before, chosen->fixes[i], after);
}

static void print_json(const point *at) {
    printf("{\"event\":\"curve\",\"budget_bytes\":%zu,\"peak_bytes\":%zu,\"step_seconds\":%.9g,"
           "\"micro_batch\":%" PRId64 ",\"precision\":\"%s\",\"fidelity\":\"%s\","
           "\"recomputed_ops\":%" PRId64 ",\"fixes\":[",
           at->budget, at->chosen.peak_bytes, at->chosen.step_seconds, at->chosen.micro_batch,
           at->chosen.precision, at->fidelity, at->chosen.recomputed_ops);
    print_fixes(&at->chosen, "\"", ",", "\"");
    printf("]}\n");
}

static void print_row(const point *at, double slowest) {
    char budget[SNUG_SIZE_TEXT], peak[SNUG_SIZE_TEXT];
    const snug_candidate *chosen = &at->chosen;
    bool is_exact = chosen->fidelity == SNUG_FIDELITY_EXACT;
    int length = slowest > 0 ? (int)lround(BAR * chosen->step_seconds / slowest) : 0;
    printf("  %11s %11s %9.3f s %-10s %7" PRId64 "  ", snug_size_print(at->budget, budget),
           snug_size_print(chosen->peak_bytes, peak), chosen->step_seconds,
           is_exact ? "nothing" : at->fidelity, chosen->micro_batch);
    for (int i = 0; i < length; i++)
        putchar('#');
    putchar('\n');
}

snug_status curve_print(snug_device *device, const snug_plan_request *request,
                        const snug_plan *plan, bool json) {
    point points[POINTS];
    if (snug_plan_minimum_bytes(plan) == SIZE_MAX) return SNUG_OK;
    snug_status status = find_points(device, request, plan, points);
    if (status != SNUG_OK) return status;
    double slowest = 0;
    for (int i = 0; i < POINTS; i++)
        if (points[i].chosen.step_seconds > slowest) slowest = points[i].chosen.step_seconds;
    if (!json)
        printf("\n  %11s %11s %11s %-10s %7s  step time\n", "budget", "peak", "step", "changes",
               "at once");
    for (int i = 0; i < POINTS; i++)
        json ? print_json(&points[i]) : print_row(&points[i], slowest);
    return SNUG_OK;
}
