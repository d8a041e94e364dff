// A C++ program on snug: plans a network, makes a trainer and takes a step.
#include <cstdio>
#include <vector>

#include "snug/checkpoint.h"
#include "snug/dry_run.h"
#include "snug/explain.h"
#include "snug/fit.h"
#include "snug/near.h"
#include "snug/size.h"
#include "snug/train.h"
#include "snug/version.h"

namespace {

struct samples {
    std::size_t bytes; // of one
    std::vector<float> pixels;
    std::vector<int32_t> classes;
};

snug_status next(void *context, int64_t count, const void **inputs, const void **target) {
    samples *own = static_cast<samples *>(context);
    own->pixels.assign(static_cast<std::size_t>(count) * own->bytes / sizeof(float), 0.5f);
    own->classes.assign(static_cast<std::size_t>(count), 3);
    inputs[0] = own->pixels.data();
    *target = own->classes.data();
    return SNUG_OK;
}

int complain(const char *what) {
    std::fprintf(stderr, "%s: %s\n", what, snug_error_message());
    return 1;
}

} // namespace

int main() {
    if (snug_version_number() != SNUG_VERSION_NUMBER) return complain("version");
    snug_device *device;
    if (snug_device_open("cpu", 1, &device) != SNUG_OK) return complain("device");
    snug_plan_request request = snug_plan_request();
    request.model = "simple";
    request.batch_size = 8;
    request.cost = SNUG_COST_SOURCE_MODEL;
    request.allow = SNUG_FIDELITY_STATISTICS;
    request.optimizer = snug_optimizer_defaults(SNUG_OPTIMIZER_ADAMW);
    snug_plan *plan;
    if (snug_plan_make(device, &request, &plan) != SNUG_OK) return complain("plan");
    snug_trainer *trainer;
    if (snug_trainer_new(plan, 1, &trainer) != SNUG_OK) return complain("trainer");
    samples own;
    own.bytes = snug_plan_sample(plan)->inputs[0].bytes;
    snug_batch_source source = snug_batch_source();
    source.next = next;
    source.context = &own;
    double first = 0, last = 0;
    for (int i = 0; i < 20; i++) {
        double loss;
        if (snug_trainer_step(trainer, &source, 0.01, &loss) != SNUG_OK) return complain("step");
        if (i == 0) first = loss;
        last = loss;
    }
    snug_trainer_free(trainer);
    snug_plan_free(plan);
    snug_device_close(device);
    return last < first ? 0 : complain("the loss does not fall");
}
