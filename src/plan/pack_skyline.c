#include "plan/pack_problem.h"
snug_status snug_pack_skyline(const snug_pack_problem *problem, size_t goal,
                              snug_pack_limit *limit, size_t *offsets, size_t *peak) {
    (void)problem; (void)goal; (void)limit; (void)offsets; (void)peak;
    return SNUG_OK;
}
