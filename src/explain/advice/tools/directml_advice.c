// DirectML, PyTorch's device on Windows for any card.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model unknown late-batch",
     .fix = "Make the image or the batch smaller",
     .why = "activations grow with them",
     .source = "github.com/microsoft/DirectML: PyTorch"},
    {.causes = "batch model unknown late-batch",
     .is_16_bit = true,
     .fix = "Load weights in 16 bits, and close other programs that use the card",
     .why = "half of 32-bit ones; DirectML gives no memory back to PyTorch until the "
            "process ends",
     .source = "github.com/microsoft/DirectML: PyTorch"},
    {.causes = "batch model unknown late-batch",
     .fix = "Restart the program",
     .why = "DirectML keeps what it had; there is no empty_cache()",
     .source = "github.com/microsoft/DirectML: PyTorch"},
    {0},
};

const snug_tool snug_tool_directml = {
    .name = "DirectML",
    .rank = SNUG_TOOL_PLATFORM,
    .words = "directml|dml_|privateuseone|torch_directml",
    .levers = levers,
};
