// The middle of a PyTorch message whose beginning is cut off or was left out.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {"triedtoallocate", 0, 0},
    {"(gpu#;", 0, 0},
    {"alreadyallocated;", 0, 0},
    {"reservedintotalbypytorch", 0, 0},
    {"hasatotalcapacityof", 0, 0},
    {"hasatotalcapactyof", 0, 0},
    {"thisprocesshas", 0, 0},
    {"isreservedbypytorchbutunallocated", 0, 0},
    {0},
};

static const char *refine(const char *message, size_t length) {
    return snug_format_pytorch.refine(message, length);
}

const snug_format snug_format_pytorch_part = {
    .name = "pytorch",
    .family = "pytorch",
    .anchors = anchors,
    .together = 3,
    .before = 60,
    .refine = refine,
};
