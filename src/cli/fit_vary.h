// `snug fit --vary NAME=LOW..HIGH` or NAME=ONE,OTHER,...: the largest number, or the first of the
// list, with which the program fits in the place of {NAME} among its arguments.
#ifndef SNUG_CLI_FIT_VARY_H
#define SNUG_CLI_FIT_VARY_H

#include "snug/fit.h"

typedef struct fit_variation {
    char name[64];
    char **values; // of a list; NULL: a range
    size_t value_count;
    long low, high;
} fit_variation;

// Complains and returns false where |text| is neither, or no argument of |program| has {NAME}.
bool fit_vary_read(const char *text, char *const *program, fit_variation *out);
void fit_vary_clear(fit_variation *variation);

// A program with a value in the place of the mark, and what came of it.
typedef struct fit_varied {
    snug_fit *fit;
    char **program;   // its command line
    char *value;      // in the place of the mark
    bool interrupted; // now or with an earlier value: others were not tried
} fit_varied;

// Fits the program with one value after the other. |*out| is the value found, or the least (the
// last of a list) where none fits; the caller clears it. It is taken that a larger number needs
// more.
snug_status fit_vary(const snug_fit_request *request, const fit_variation *variation,
                     fit_varied *out);
void fit_varied_clear(fit_varied *varied);

#endif
