// Arithmetic on the numbers that ranks send each other.
#ifndef SNUG_STANDIN_REDUCTION_H
#define SNUG_STANDIN_REDUCTION_H

#include "standin/nccl/nccl_types.h"

// Bytes of one; 0 for a type that there is not.
size_t snug_nccl_size(ncclDataType_t type);

// |left| becomes |left| op |right|, |count| numbers each. An average is a sum first. Returns false
// where there is no arithmetic for it: numbers of 8 bits, operators of the program's own.
bool snug_nccl_reduce(void *left, const void *right, size_t count, ncclDataType_t type,
                      ncclRedOp_t op);
// Divides the sum of |ranks| numbers, for an average. Integers lose their fraction.
void snug_nccl_average(void *sum, size_t count, ncclDataType_t type, int ranks);

#endif
