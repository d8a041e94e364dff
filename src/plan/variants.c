#include "plan/variants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "models/published.h"

enum { MOST = 64 };

void snug_variant_apply(const snug_variant *variant, snug_training *training) {
    if (!variant) return;
    training->model = variant->model;
    training->options.width_multiplier = variant->width;
    training->options.separable = variant->separable;
}

snug_status snug_variant_describe(const snug_training *training, snug_variant *out) {
    const snug_model_options *options = &training->options;
    double width = options->width_multiplier;
    *out =
        (snug_variant){.model = training->model, .width = width, .separable = options->separable};
    size_t used = (size_t)snprintf(out->name, sizeof out->name, "%s", training->model->name);
    if (width != 1 && used < sizeof out->name)
        used += (size_t)snprintf(out->name + used, sizeof out->name - used, "-width-%g", width);
    if (options->separable && used < sizeof out->name)
        snprintf(out->name + used, sizeof out->name - used, "-separable");
    if (!options->separable) out->accuracy = snug_published_accuracy(training->model->name, width);
    return snug_model_count(training->model, options, &out->parameters, &out->multiply_adds);
}

typedef struct list {
    const snug_training *training;
    int64_t multiply_adds; // of the network asked for
    snug_variant *items;
    size_t count;
} list;

// What does not take this input, or does as much, is no alternative.
static snug_status add(list *self, const snug_model *model, double width, bool separable) {
    snug_training changed = *self->training;
    changed.model = model;
    changed.options.width_multiplier = width;
    changed.options.separable = separable;
    if (self->count == MOST || snug_model_resolve(model, &changed.options) != SNUG_OK)
        return SNUG_OK;
    snug_variant *next = &self->items[self->count];
    SNUG_TRY(snug_variant_describe(&changed, next));
    bool is_smaller = next->multiply_adds < self->multiply_adds;
    for (size_t i = 0; i < self->count; i++)
        if (self->items[i].multiply_adds == next->multiply_adds) is_smaller = false;
    if (is_smaller) self->count++;
    return SNUG_OK;
}

static snug_status add_published(list *self) {
    const snug_model *own = self->training->model;
    for (const snug_model_file *const *file = snug_model_files; *file; file++)
        for (int i = 0; i < (*file)->count; i++) {
            const snug_model *model = &(*file)->models[i];
            bool stands_in =
                model->per_pixel == own->per_pixel && (strcmp(model->family, own->family) == 0 ||
                                                       snug_published_accuracy(model->name, 1) > 0);
            if (model != own && stands_in) SNUG_TRY(add(self, model, 1, false));
        }
    return SNUG_OK;
}

static int compare(const void *a, const void *b) {
    const snug_variant *first = a, *second = b;
    return (first->multiply_adds < second->multiply_adds) -
           (first->multiply_adds > second->multiply_adds);
}

static snug_status fill(list *self) {
    static const double widths[] = {0.75, 0.5, 0.35, 0.25};
    const snug_training *training = self->training;
    double width = training->options.width_multiplier;
    snug_variant own;
    SNUG_TRY(snug_variant_describe(training, &own));
    self->multiply_adds = own.multiply_adds;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        SNUG_TRY(add(self, training->model, width * widths[i], training->options.separable));
    // Without dense 3x3 or 5x5 convolutions this is the network itself.
    SNUG_TRY(add(self, training->model, width, true));
    SNUG_TRY(add_published(self));
    qsort(self->items, self->count, sizeof *self->items, compare);
    return SNUG_OK;
}

snug_status snug_variants_list(const snug_training *training, snug_variant **out, size_t *count) {
    list self = {.training = training};
    *out = NULL;
    *count = 0;
    SNUG_TRY(SNUG_NEW(&self.items, MOST + 1));
    snug_status status = fill(&self);
    if (status != SNUG_OK) {
        snug_memory_free(self.items);
        return status;
    }
    *out = self.items;
    *count = self.count;
    return SNUG_OK;
}
