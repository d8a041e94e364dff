// The middle of a PyTorch message whose beginning is cut off or was left out.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "triedtoallocate"},
    {.text = "(gpu#;"},
    {.text = "alreadyallocated;"},
    {.text = "reservedintotalbypytorch"},
    {.text = "hasatotalcapacityof"},
    {.text = "hasatotalcapactyof"},
    {.text = "thisprocesshas"},
    {.text = "isreservedbypytorchbutunallocated"},
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
