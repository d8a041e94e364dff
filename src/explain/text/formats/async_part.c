// The same without its beginning.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "currentlyallocated:"},
    {.text = "devicelimit:"},
    {.text = "free(accordingtocuda)"},
    {0},
};

const snug_format snug_format_async_part = {
    .name = "async",
    .family = "pytorch",
    .anchors = anchors,
    .together = 3,
    .before = 60,
};
