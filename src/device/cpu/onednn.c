#include "device/cpu/onednn.h"

#include <oneapi/dnnl/dnnl.h>

#include "base/memory.h"

struct snug_onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
};

static snug_status check(dnnl_status_t status, const char *what) {
    if (status == dnnl_success) return SNUG_OK;
    if (status == dnnl_out_of_memory)
        return snug_fail(SNUG_NOMEM, "oneDNN: no memory for %s", what);
    return snug_fail(SNUG_DEVICE_FAILED, "oneDNN: %s failed with status %d", what, (int)status);
}

snug_status snug_onednn_open(snug_onednn **out) {
    *out = NULL;
    snug_onednn *onednn;
    snug_status status;
    SNUG_TRY(SNUG_NEW(&onednn, 1));
    SNUG_TRY_GOTO(check(dnnl_engine_create(&onednn->engine, dnnl_cpu, 0), "an engine"), failed);
    SNUG_TRY_GOTO(
        check(dnnl_stream_create(&onednn->stream, onednn->engine, dnnl_stream_default_flags),
              "a stream"),
        failed);
    *out = onednn;
    return SNUG_OK;
failed:
    snug_onednn_close(onednn);
    return status;
}

void snug_onednn_close(snug_onednn *onednn) {
    if (!onednn) return;
    if (onednn->stream) dnnl_stream_destroy(onednn->stream);
    if (onednn->engine) dnnl_engine_destroy(onednn->engine);
    snug_memory_free(onednn);
}
