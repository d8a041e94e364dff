// Words that the reports of a dry run share.
#ifndef SNUG_DRYRUN_WORDS_H
#define SNUG_DRYRUN_WORDS_H

#include "base/text.h"
#include "dryrun/dry_run_result.h"

// Appends |text| in lines of at most 80 columns, each after |indent| spaces; lines that |text| has
// itself begin anew.
void snug_dry_wrap(snug_text *out, int indent, const char *text);

// Appends "file:line" with the end of a path that is too long for |room| columns.
void snug_dry_append_line(snug_text *out, const char *file, int line, int room);

// What to say of a program that cannot be run dry; the record that says so may be NULL.
void snug_dry_explain_cannot(snug_dry_cannot cannot, const snug_dry_run *run, snug_text *out);

// How the program ended, as a sentence: "it ended with status 3", "signal 11 (Segmentation fault)
// ended it".
void snug_dry_append_end(const snug_launch_end *end, snug_text *out);

// "rank 3", "process 4711", with "GPU 1" where a process has several.
void snug_dry_place_name(const snug_dry_run *run, const snug_dry_place *place, char out[48]);

#endif
