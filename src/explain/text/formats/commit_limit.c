// Windows promises no more memory than it has with its page file: what is asked for beyond that is
// refused, also where much of what was promised is not used.
#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "[winerror1455]"},
    {.text = "(oserror1455)"},
    {.text = "winerror1455"},
    {.text = "pagingfileistoosmallforthisoperation"},
    {.text =
         "\xe9\xa1\xb5\xe9\x9d\xa2\xe6\x96\x87\xe4\xbb\xb6\xe5\xa4\xaa\xe5\xb0\x8f"}, // the same in
                                                                                      // Chinese
    {.text = "auslagerungsdateiistzuklein"},
    {.text = "notenoughmemoryresourcesareavailabletoprocessthiscommand"},
    {.text = "insufficientsystemresourcesexisttocompletetherequestedservice"},
    {0},
};

const snug_format snug_format_commit_limit = {
    .name = "commit-limit",
    .family = "commit-limit",
    .anchors = anchors,
    .together = 200,
    .host = true,
    .shortage = SNUG_SHORTAGE_COMMIT,
    .device = "CPU",
};
