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

// Fits the program with one value after the other. |*out| is the fit with the value found, or with
// the least (the last of a list) where none fits; |value| is it, as text; |*program| the command
// line with it, freed by fit_vary_free_program() after |*out|. It is taken that a larger number
// needs more.
snug_status fit_vary(const snug_fit_request *request, const fit_variation *variation,
                     snug_fit **out, char value[64], char ***program);
void fit_vary_free_program(char **program);

#endif
