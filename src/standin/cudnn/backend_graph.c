#include "standin/cudnn/backend_graph.h"

#include <string.h>

typedef struct tensor {
    int type, dims;
    int64_t size[CUDNN_DIMS], stride[CUDNN_DIMS];
} tensor;

static int read_integers(const cudnn_body *body, int name, int64_t *out, int *count) {
    const cudnn_attribute *attribute = cudnn_body_find(body, name);
    if (!attribute || attribute->type != CUDNN_ELEMENT_INT64 || attribute->count < 1 ||
        attribute->count > CUDNN_DIMS)
        return CUDNN_BAD_PARAM;
    *count = (int)attribute->count;
    memcpy(out, attribute->elements, sizeof *out * (size_t)attribute->count);
    return CUDNN_OK;
}

static int read_tensor(const cudnn_body *operation, int name, tensor *out) {
    const cudnn_body *body = cudnn_body_child(operation, name);
    int strides;
    if (!body || read_integers(body, CUDNN_TENSOR_DIMENSIONS, out->size, &out->dims) ||
        read_integers(body, CUDNN_TENSOR_STRIDES, out->stride, &strides) || strides != out->dims)
        return CUDNN_BAD_PARAM;
    out->type = (int)cudnn_body_integer(body, CUDNN_TENSOR_TYPE, CUDNN_FLOAT);
    for (int i = 0; i < out->dims; ++i)
        if (out->size[i] < 1) return CUDNN_BAD_PARAM;
    return CUDNN_OK;
}

// Channels innermost: they have stride 1, and neighbours in space do not. One channel lies both
// ways.
static bool channels_last(const tensor *t) {
    return t->size[1] > 1 && t->stride[1] == 1 && t->stride[t->dims - 1] != 1;
}

typedef struct convolution_kind {
    int operation;
    cudnn_direction direction;
    int convolution, x, y, w;
} convolution_kind;

static const convolution_kind kinds[] = {
    {CUDNN_DESCRIPTOR_FORWARD, CUDNN_FORWARD, CUDNN_FORWARD_CONVOLUTION, CUDNN_FORWARD_X,
     CUDNN_FORWARD_Y, CUDNN_FORWARD_W},
    {CUDNN_DESCRIPTOR_BACKWARD_DATA, CUDNN_BACKWARD_DATA, CUDNN_DATA_CONVOLUTION, CUDNN_DATA_DX,
     CUDNN_DATA_DY, CUDNN_DATA_W},
    {CUDNN_DESCRIPTOR_BACKWARD_FILTER, CUDNN_BACKWARD_FILTER, CUDNN_FILTER_CONVOLUTION,
     CUDNN_FILTER_X, CUDNN_FILTER_DY, CUDNN_FILTER_DW},
};

static int read_windows(const cudnn_body *body, cudnn_convolution *out) {
    int64_t values[CUDNN_DIMS];
    const struct {
        int name;
        int64_t *to;
    } parts[] = {
        {CUDNN_CONVOLUTION_PRE_PADDINGS, out->padding},
        {CUDNN_CONVOLUTION_STRIDES, out->stride},
        {CUDNN_CONVOLUTION_DILATIONS, out->dilation},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; ++i) {
        int count;
        if (read_integers(body, parts[i].name, values, &count) || count != out->spatial)
            return CUDNN_BAD_PARAM;
        memcpy(parts[i].to, values, sizeof *values * (size_t)count);
    }
    return CUDNN_OK;
}

static int read_convolution(const cudnn_body *operation, const convolution_kind *kind,
                            cudnn_convolution *out) {
    tensor x, y, w;
    const cudnn_body *windows = cudnn_body_child(operation, kind->convolution);
    if (!windows || read_tensor(operation, kind->x, &x) || read_tensor(operation, kind->y, &y) ||
        read_tensor(operation, kind->w, &w))
        return CUDNN_BAD_PARAM;
    if (x.dims != y.dims || x.dims != w.dims || x.dims < 3 || x.dims > 2 + CUDNN_SPATIAL)
        return CUDNN_NOT_SUPPORTED_SHAPE;
    if (x.size[0] != y.size[0] || w.size[0] != y.size[1] || x.size[1] % w.size[1])
        return CUDNN_BAD_PARAM_SHAPE_MISMATCH;
    *out = (cudnn_convolution){
        .direction = kind->direction,
        .type = kind->direction == CUDNN_BACKWARD_FILTER ? x.type : w.type,
        .spatial = x.dims - 2,
        .n = x.size[0],
        .c = x.size[1],
        .k = y.size[1],
        .groups = x.size[1] / w.size[1],
        .x_last = channels_last(&x),
        .y_last = channels_last(&y),
        .w_last = channels_last(&w),
    };
    for (int i = 0; i < out->spatial; ++i) {
        out->x[i] = x.size[2 + i];
        out->y[i] = y.size[2 + i];
        out->w[i] = w.size[2 + i];
    }
    return read_windows(windows, out);
}

int cudnn_graph_convolution(const cudnn_body *graph, cudnn_convolution *out) {
    const cudnn_attribute *operations = cudnn_body_find(graph, CUDNN_GRAPH_OPERATIONS);
    for (int64_t i = 0; operations && i < operations->count; ++i) {
        const cudnn_body *operation = ((cudnn_body **)operations->elements)[i];
        for (size_t j = 0; j < sizeof kinds / sizeof kinds[0]; ++j)
            if (operation->type == kinds[j].operation)
                return read_convolution(operation, &kinds[j], out);
    }
    return CUDNN_NOT_SUPPORTED_GRAPH_PATTERN;
}

// ---- Attention: as a graph of matrix products (two forward, five backward), or as one operation.
typedef struct attention {
    int products;
    tensor scores;              // the first product's result
    bool sums;                  // queries' gradients are added up outside the workspace
    const cudnn_body *backward; // the single operation
} attention;

static attention read_attention(const cudnn_body *graph) {
    attention result = {0};
    const cudnn_attribute *operations = cudnn_body_find(graph, CUDNN_GRAPH_OPERATIONS);
    for (int64_t i = 0; operations && i < operations->count; ++i) {
        const cudnn_body *operation = ((cudnn_body **)operations->elements)[i];
        if (operation->type == CUDNN_DESCRIPTOR_SDPA_BACKWARD) result.backward = operation;
        tensor product;
        if (operation->type != CUDNN_DESCRIPTOR_MATMUL_OPERATION ||
            read_tensor(operation, CUDNN_MATMUL_C, &product))
            continue;
        if (result.products++ == 0) result.scores = product;
        const cudnn_body *body = cudnn_body_child(operation, CUDNN_MATMUL_C);
        if (product.type == CUDNN_FLOAT && !cudnn_body_integer(body, CUDNN_TENSOR_VIRTUAL, 0))
            result.sums = true;
    }
    return result;
}

static uint64_t attention_bytes(const cudnn_body *graph) {
    attention found = read_attention(graph);
    if (found.backward) {
        tensor q;
        enum { SDPA_BACKWARD_Q = 2851 };
        if (read_tensor(found.backward, SDPA_BACKWARD_Q, &q) || q.dims != 4) return 0;
        return cudnn_attention_sum_bytes(q.size[0], q.size[1], q.size[2], q.size[3]);
    }
    if (found.products < 5 || found.sums || found.scores.dims != 4) return 0;
    const int64_t *size = found.scores.size;
    return cudnn_attention_score_bytes(size[0], size[1], size[2], size[3]);
}

// ---- Engines. A graph without a convolution has one, number 0.
static int capability(void) {
    return snug_standin_settings_get()->capability;
}

int cudnn_graph_engines(const cudnn_body *graph, int mode, int64_t *engines, size_t *count) {
    cudnn_convolution convolution;
    *count = 0;
    int status = cudnn_graph_convolution(graph, &convolution);
    if (status == CUDNN_NOT_SUPPORTED_GRAPH_PATTERN) {
        engines[(*count)++] = 0;
        return CUDNN_OK;
    }
    if (status) return status;
    cudnn_engine found[CUDNN_ENGINES];
    *count = cudnn_engines_for(&convolution, capability(), mode == CUDNN_MODE_FALLBACK, found);
    for (size_t i = 0; i < *count; ++i)
        engines[i] = found[i];
    return CUDNN_OK;
}

int cudnn_graph_workspace(const cudnn_body *graph, int64_t engine, uint64_t *bytes) {
    cudnn_convolution convolution;
    *bytes = 0;
    int status = cudnn_graph_convolution(graph, &convolution);
    if (status == CUDNN_NOT_SUPPORTED_GRAPH_PATTERN) {
        *bytes = cudnn_workspace_told(attention_bytes(graph));
        return engine == 0 ? CUDNN_OK : CUDNN_NOT_SUPPORTED;
    }
    if (status) return status;
    if (engine < 0 || engine >= CUDNN_ENGINES ||
        !cudnn_engine_bytes(&convolution, (cudnn_engine)engine, capability(), bytes))
        return CUDNN_NOT_SUPPORTED;
    *bytes = cudnn_workspace_told(*bytes);
    return CUDNN_OK;
}

size_t cudnn_graph_notes(const cudnn_body *graph, int64_t engine, int *notes) {
    cudnn_convolution convolution;
    if (cudnn_graph_convolution(graph, &convolution) || engine < 0 || engine >= CUDNN_ENGINES)
        return 0;
    return cudnn_engine_notes((cudnn_engine)engine, convolution.direction, notes);
}

const char *cudnn_graph_name(const cudnn_body *graph) {
    cudnn_convolution convolution;
    if (cudnn_graph_convolution(graph, &convolution) == CUDNN_OK) return "cuDNN convolution";
    attention found = read_attention(graph);
    return found.products > 1 || found.backward ? "cuDNN attention" : "cuDNN graph";
}
