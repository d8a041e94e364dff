// What a dry run has not: each function fails with CUDA's "not supported", and programs that have
// another way take it.
#include "standin/cuda/driver.h"

#define REFUSE(name)                                                                               \
    API int name(void);                                                                            \
    int name(void) {                                                                               \
        return SNUG_CUDA_NOT_SUPPORTED;                                                            \
    }

// Memory that several devices have in common.
REFUSE(cuMulticastCreate)
REFUSE(cuMulticastAddDevice)
REFUSE(cuMulticastBindMem)
REFUSE(cuMulticastBindAddr)
REFUSE(cuMulticastUnbind)
REFUSE(cuMulticastGetGranularity)

// Parts of a device.
REFUSE(cuCtxFromGreenCtx)
REFUSE(cuDevResourceGenerateDesc)
REFUSE(cuDevSmResourceSplitByCount)
REFUSE(cuDeviceGetDevResource)
REFUSE(cuGreenCtxCreate)
REFUSE(cuGreenCtxDestroy)
REFUSE(cuGreenCtxStreamCreate)

// Memory that several processes have in common.
REFUSE(cuIpcGetMemHandle)
REFUSE(cuIpcOpenMemHandle_v2)
REFUSE(cuIpcCloseMemHandle)
REFUSE(cuIpcGetEventHandle)
REFUSE(cuIpcOpenEventHandle)
