// What the text around a message tells: the stack that led there, and the run's settings.
#ifndef SNUG_EXPLAIN_TEXT_CONTEXT_H
#define SNUG_EXPLAIN_TEXT_CONTEXT_H

#include "explain/explain.h"
#include "explain/text/clean.h"

// Reads the stack above the message on line |message| (an index of |clean|'s lines), no further up
// than line |first|, and fills the facts of its frames; where there is none, the one below it,
// before line |next|. Texts are kept by |explanation|.
snug_status snug_traceback_read(const snug_clean *clean, size_t first, size_t message, size_t next,
                                snug_explanation *explanation, snug_facts *facts);

// Reads nvidia-smi's tables on lines |first| to |last| (indices of |clean|'s, the last one left
// out) into the facts' cards.
void snug_card_table_read(const snug_clean *clean, size_t first, size_t last, snug_facts *facts);

// Reads figures that stand beside the message, from what is around it (snug_facts.around).
void snug_asides_read(snug_facts *facts);

// What a log has told of its run so far. Zero-initialise; goes through each line once.
typedef struct snug_log {
    size_t next; // line
    int64_t batch_size;
    bool has_steps, has_epochs;
    bool evaluates;        // the last bar was a validation's
    int64_t steps, epochs; // the last that were printed
    char model[32];
    char settings[160];
    // Printed memory figures, one a line at most.
    double first_figure, last_figure;
    size_t figures, rises;
} snug_log;

// The networks that `snug train` has, by name; ends with NULL. The engine's own list needs the
// engine, which the page in a browser has not.
extern const char *const snug_log_networks[];

// Reads the lines before |end|.
void snug_log_advance(snug_log *log, const snug_clean *clean, size_t end);
// Tells |facts| what is known now.
snug_status snug_log_tell(const snug_log *log, snug_explanation *explanation, snug_facts *facts);

#endif
