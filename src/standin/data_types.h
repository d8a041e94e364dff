// CUDA's numbers for the types of elements (cudaDataType), as the libraries' interfaces take them.
#ifndef SNUG_STANDIN_DATA_TYPES_H
#define SNUG_STANDIN_DATA_TYPES_H

#include <stddef.h>

enum {
    SNUG_TYPE_R_32F = 0,
    SNUG_TYPE_R_64F = 1,
    SNUG_TYPE_R_16F = 2,
    SNUG_TYPE_R_8I = 3,
    SNUG_TYPE_C_32F = 4,
    SNUG_TYPE_C_64F = 5,
    SNUG_TYPE_C_16F = 6,
    SNUG_TYPE_R_8U = 8,
    SNUG_TYPE_R_32I = 10,
    SNUG_TYPE_R_16BF = 14,
    SNUG_TYPE_C_16BF = 15,
    SNUG_TYPE_R_8F_E4M3 = 28,
    SNUG_TYPE_R_8F_E5M2 = 29,
};

// Bytes of an element; 4 for a type that is not in the list.
static inline size_t snug_data_type_bytes(int type) {
    switch (type) {
    case SNUG_TYPE_R_8I:
    case SNUG_TYPE_R_8U:
    case SNUG_TYPE_R_8F_E4M3:
    case SNUG_TYPE_R_8F_E5M2:
        return 1;
    case SNUG_TYPE_R_16F:
    case SNUG_TYPE_R_16BF:
        return 2;
    case SNUG_TYPE_R_64F:
    case SNUG_TYPE_C_32F:
        return 8;
    case SNUG_TYPE_C_64F:
        return 16;
    default:
        return 4;
    }
}

#endif
