// What names of files and functions of a Python stack tell, printed in a traceback or recorded in a
// snapshot. Texts need no end mark.
#ifndef SNUG_EXPLAIN_SCRIPT_WORDS_H
#define SNUG_EXPLAIN_SCRIPT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

// Of Python, PyTorch or another installed package, or unnamed; the rest is the user's.
bool snug_file_is_installed(const char *file, size_t length);

// An optimizer's, of PyTorch or another package.
bool snug_file_is_optimizer(const char *file, size_t length);

// An installed function that brings weights onto the device.
bool snug_function_loads(const char *function, size_t length);

// A user's function that validates, tests or infers, by its name.
bool snug_function_evaluates(const char *function, size_t length);

// A file or function of attention, by its name.
bool snug_name_is_attention(const char *name, size_t length);

// The decorator or context manager of torch.no_grad() and torch.inference_mode().
bool snug_frame_is_no_grad(const char *file, size_t file_length, const char *function,
                           size_t function_length);

#endif
