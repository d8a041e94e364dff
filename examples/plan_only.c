// What a run would need, without running it: the least memory for each batch size, on a card that
// need not be there.
//
//     plan_only [MODEL [CARD]]      such as: plan_only resnet50 "RTX 3060"
#include <snug/gpu.h>
#include <snug/plan.h>
#include <snug/size.h>
#include <stdio.h>

static snug_status tell(snug_device *device, const char *model, int64_t batch) {
    snug_plan_request request = {.model = model,
                                 .batch_size = batch,
                                 .cost = SNUG_COST_SOURCE_MODEL,
                                 .allow = SNUG_FIDELITY_EXACT,
                                 .optimizer = snug_optimizer_defaults(SNUG_OPTIMIZER_ADAMW)};
    char unfixed[SNUG_SIZE_TEXT], least[SNUG_SIZE_TEXT];
    snug_plan *plan;
    snug_status status = snug_plan_make(device, &request, &plan);
    // SNUG_NO_FIT gives a plan, too: it tells by how much.
    if (status != SNUG_OK && status != SNUG_NO_FIT) return status;
    const snug_candidate *chosen = snug_plan_chosen(plan);
    printf("batch %4lld: %s as it is, %s with exact fixes; %s\n", (long long)batch,
           snug_size_print(snug_plan_unfixed_bytes(plan), unfixed),
           snug_size_print(snug_plan_minimum_bytes(plan), least), chosen ? "fits" : "does not fit");
    snug_plan_free(plan);
    return SNUG_OK;
}

int main(int argc, char **argv) {
    const char *model = argc > 1 ? argv[1] : "resnet18", *card = argc > 2 ? argv[2] : "RTX 3060";
    const snug_gpu_info *gpu;
    snug_device *device = NULL;
    snug_status status = snug_gpu_find(card, &gpu);
    if (status == SNUG_OK) status = snug_gpu_open(gpu, &device);
    for (int64_t batch = 16; batch <= 64 && status == SNUG_OK; batch *= 2)
        status = tell(device, model, batch);
    if (status != SNUG_OK)
        fprintf(stderr, "plan_only: %s: %s\n", snug_status_name(status), snug_error_message());
    snug_device_close(device);
    return status == SNUG_OK ? 0 : 1;
}
