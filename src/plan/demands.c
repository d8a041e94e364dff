#include "plan/demands.h"

#include <string.h>

#include "device/device.h"

bool snug_device_is_fast(const snug_device *device, snug_precision precision) {
    if (!device) return false;
    if (precision == SNUG_PRECISION_BFLOAT16) return device->fast_bfloat16;
    if (precision == SNUG_PRECISION_FLOAT16) return device->fast_float16;
    return true;
}

bool snug_demands_list(const snug_plan_request *request, const char *fix) {
    size_t length = strlen(fix);
    if (!request->fixes) return true;
    for (const char *at = request->fixes; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, fix, length) == 0 && (at[length] == ',' || !at[length])) return true;
    return false;
}

static bool wants_16_bits(const snug_plan_request *request) {
    return request->precision == SNUG_PRECISION_BFLOAT16 ||
           request->precision == SNUG_PRECISION_FLOAT16;
}

snug_status snug_demands_check(const snug_plan_request *request) {
    if (request->precision == SNUG_PRECISION_FLOAT32 && request->fixes &&
        snug_demands_list(request, "mixed-precision"))
        return snug_fail(SNUG_INVALID,
                         "`precision=float32` rules out the fix mixed-precision: leave it out of "
                         "`fixes=%s`, or leave the precision to auto",
                         request->fixes);
    if (!wants_16_bits(request)) return SNUG_OK;
    const char *name = snug_precision_name(request->precision);
    if (request->allow < SNUG_FIDELITY_PRECISION)
        return snug_fail(SNUG_INVALID,
                         "`precision=%s` changes the numbers' precision, which `allow=%s` "
                         "rules out: allow precision, or leave the precision to auto",
                         name, snug_fidelity_name(request->allow));
    if (!snug_demands_list(request, "mixed-precision"))
        return snug_fail(SNUG_INVALID,
                         "`precision=%s` is the fix mixed-precision, which `fixes=%s` leaves "
                         "out",
                         name, request->fixes);
    return SNUG_OK;
}

// Whether |spec| has every fix that is asked for by name.
static bool has_required(const snug_plan_request *request, const snug_spec *spec) {
    for (const char *at = request->require; at && *at;) {
        size_t length = strcspn(at, ",");
        bool found = false;
        for (int i = 0; spec->fixes[i] && !found; i++)
            found = strlen(spec->fixes[i]) == length && strncmp(spec->fixes[i], at, length) == 0;
        if (!found) return false;
        at += length + (at[length] == ',');
    }
    return true;
}

bool snug_demands_met(const snug_plan_request *request, const snug_spec *spec) {
    return (request->precision == SNUG_PRECISION_AUTO || request->precision == spec->precision) &&
           has_required(request, spec);
}

void snug_demands_filter(const snug_plan_request *request, snug_spec_list *specs) {
    size_t kept = specs->count > 0;
    for (size_t i = 1; i < specs->count; i++)
        if (snug_demands_met(request, &specs->items[i])) specs->items[kept++] = specs->items[i];
    specs->count = kept;
}
