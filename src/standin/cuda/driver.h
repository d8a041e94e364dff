// What the files of the driver's stand-in share.
#ifndef SNUG_STANDIN_DRIVER_H
#define SNUG_STANDIN_DRIVER_H

#include "standin/core/state.h"
#include "standin/standin.h"

#define API SNUG_STANDIN_API

typedef unsigned long long device_pointer;

#endif
