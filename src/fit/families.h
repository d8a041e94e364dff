// Smaller members of the families that people take networks from: torchvision's, timm's and
// transformers'.
#ifndef SNUG_FIT_FAMILIES_H
#define SNUG_FIT_FAMILIES_H

#include <stddef.h>
#include <stdint.h>

enum { SNUG_FIT_MEMBERS = 3 };

// Names of up to SNUG_FIT_MEMBERS members with fewer than |parameters|, the largest first, of the
// family that class |name| ("torchvision.models.resnet.ResNet") belongs to. Returns how many; 0 for
// an unknown family. The names are static.
size_t snug_fit_family_find(const char *name, uint64_t parameters,
                            const char *out[SNUG_FIT_MEMBERS]);

#endif
