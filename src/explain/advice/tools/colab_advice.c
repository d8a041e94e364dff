// Colab and Kaggle.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "host-memory",
     .fix = "Take a runtime with more memory (Colab: Runtime, Change runtime type, "
            "High-RAM)",
     .why = "about 12 GB are free in Colab's standard one, 30 GB in Kaggle's",
     .source = "research.google.com/colaboratory/faq; kaggle.com/docs/notebooks"},
    {.causes = "host-memory",
     .fix = "Read the data in parts (chunks, generators, memory maps), and del what is "
            "done with gc.collect()",
     .why = "everything that a cell made lives on in the kernel",
     .source = "kaggle.com/docs/notebooks"},
    {0},
};

const snug_tool snug_tool_colab = {
    .name = "a hosted notebook",
    .rank = SNUG_TOOL_PLATFORM,
    .words = "/content/|colab|/kaggle/|kagglenotebook|yournotebooktriedtoallocate|"
             "yoursessioncrashedafterusing|kaggle.com",
    .levers = levers,
};
