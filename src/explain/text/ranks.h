// Processes of one run that fail alike are one error with several places.
#ifndef SNUG_EXPLAIN_TEXT_RANKS_H
#define SNUG_EXPLAIN_TEXT_RANKS_H

#include "explain/text/message.h"

enum { SNUG_MAX_JOINED = 128 };

// Marks those of |count| |messages| (SNUG_MAX_JOINED at most are looked at) that are another rank's
// of one before them (is_rank), and tells the |facts| of that one what differs (others), which
// |explanation| keeps. SNUG_NOMEM.
snug_status snug_ranks_join(const snug_clean *clean, snug_message *messages, snug_facts *facts,
                            size_t count, snug_explanation *explanation);

#endif
