// One case of ONNX's backend test suite.
#ifndef TESTS_ONNX_CASE_H
#define TESTS_ONNX_CASE_H

#include <stddef.h>

#include "device/device.h"

typedef enum case_result { CASE_PASS, CASE_FAIL, CASE_UNSUPPORTED } case_result;

// Imports model.onnx in folder |path| for each of its data sets, runs it on |device| and compares
// all outputs: types and shapes exactly, integers exactly, floating-point numbers within what
// data.json says, else rtol 1e-3 and atol 1e-7; a NaN equals a NaN. |why| receives the reason of a
// failure, or what is not supported.
case_result case_run(const char *path, snug_device *device, char *why, size_t why_bytes);

#endif
