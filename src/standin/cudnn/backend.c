// cuDNN's backend interface: create, set, finalize, get, execute. What a descriptor means is read
// when it is finalized; results (engines, configurations, workspaces) are attributes that
// finalizing adds.
#include "standin/cudnn/backend_graph.h"

#include <stdlib.h>
#include <string.h>

SNUG_STANDIN_API int cudnnBackendCreateDescriptor(int type, void **out);
SNUG_STANDIN_API int cudnnBackendDestroyDescriptor(void *descriptor);
SNUG_STANDIN_API int cudnnBackendSetAttribute(void *descriptor, int name, int type, int64_t count,
                                              const void *elements);
SNUG_STANDIN_API int cudnnBackendGetAttribute(void *descriptor, int name, int type,
                                              int64_t requested, int64_t *count, void *elements);
SNUG_STANDIN_API int cudnnBackendFinalize(void *descriptor);
SNUG_STANDIN_API int cudnnBackendExecute(void *handle, void *plan, void *pack);

int cudnnBackendCreateDescriptor(int type, void **out) {
    if (!out) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (type < 0 || type >= CUDNN_DESCRIPTOR_TYPES) return CUDNN_NOT_SUPPORTED;
    cudnn_descriptor *descriptor = malloc(sizeof *descriptor);
    if (!descriptor) return CUDNN_ALLOC_FAILED;
    descriptor->body = cudnn_body_create(type);
    if (!descriptor->body) {
        free(descriptor);
        return CUDNN_ALLOC_FAILED;
    }
    *out = descriptor;
    return CUDNN_OK;
}

int cudnnBackendDestroyDescriptor(void *handle) {
    cudnn_descriptor *descriptor = handle;
    if (!descriptor) return CUDNN_OK;
    cudnn_body_release(descriptor->body);
    free(descriptor);
    return CUDNN_OK;
}

static int set_descriptors(cudnn_body *body, int name, int64_t count, const void *elements) {
    cudnn_body **bodies = malloc((size_t)(count ? count : 1) * sizeof *bodies);
    if (!bodies) return CUDNN_ALLOC_FAILED;
    int status = CUDNN_OK;
    for (int64_t i = 0; i < count && status == CUDNN_OK; ++i) {
        const cudnn_descriptor *from = ((cudnn_descriptor *const *)elements)[i];
        // Only what is finalized can be a part, which keeps bodies from containing themselves.
        if (!from)
            status = CUDNN_BAD_PARAM_NULL_POINTER;
        else if (!from->body->finalized)
            status = CUDNN_BAD_PARAM_NOT_FINALIZED;
        else
            bodies[i] = from->body;
    }
    if (status == CUDNN_OK)
        status = cudnn_body_set(body, name, CUDNN_ELEMENT_DESCRIPTOR, count, bodies);
    free(bodies);
    return status;
}

int cudnnBackendSetAttribute(void *handle, int name, int type, int64_t count,
                             const void *elements) {
    cudnn_descriptor *descriptor = handle;
    if (!descriptor || (!elements && count > 0)) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (descriptor->body->finalized) return CUDNN_NOT_INITIALIZED;
    if (cudnn_element_size(type) == 0) return CUDNN_BAD_PARAM_ATTRIBUTE_TYPE;
    if (count < 0 || (uint64_t)count > SIZE_MAX / 32) return CUDNN_BAD_PARAM_OUT_OF_BOUND;
    if (type == CUDNN_ELEMENT_DESCRIPTOR)
        return set_descriptors(descriptor->body, name, count, elements);
    return cudnn_body_set(descriptor->body, name, type, count, elements);
}

// Lists that an engine or a plan of ours has none of.
static bool is_empty_list(int name) {
    return name == CUDNN_CONFIG_INTERMEDIATES || name == CUDNN_CONFIG_KNOBS ||
           name == CUDNN_ENGINE_KNOBS || name == CUDNN_ENGINE_LAYOUTS ||
           name == CUDNN_ENGINE_BEHAVIOR_NOTES || name == CUDNN_PLAN_COMPUTED_INTERMEDIATES ||
           name == CUDNN_PLAN_RUN_INTERMEDIATES;
}

// The program brings descriptors of the right kind, and they become names of the bodies.
static int get_descriptors(const cudnn_attribute *attribute, int64_t requested, void *elements) {
    cudnn_body **bodies = attribute->elements;
    for (int64_t i = 0; i < requested && i < attribute->count; ++i) {
        cudnn_descriptor *into = ((cudnn_descriptor **)elements)[i];
        if (!into) return CUDNN_BAD_PARAM_NULL_POINTER;
        if (into->body->type != bodies[i]->type) return CUDNN_BAD_PARAM_DESCRIPTOR_TYPE;
        cudnn_body_release(into->body);
        into->body = cudnn_body_share(bodies[i]);
    }
    return CUDNN_OK;
}

int cudnnBackendGetAttribute(void *handle, int name, int type, int64_t requested, int64_t *count,
                             void *elements) {
    cudnn_descriptor *descriptor = handle;
    if (!descriptor) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (!descriptor->body->finalized) return CUDNN_NOT_INITIALIZED;
    const cudnn_attribute *attribute = cudnn_body_find(descriptor->body, name);
    if (count) *count = attribute ? attribute->count : 0;
    if (!attribute) return is_empty_list(name) ? CUDNN_OK : CUDNN_NOT_SUPPORTED;
    if (attribute->type != type) return CUDNN_BAD_PARAM_ATTRIBUTE_TYPE;
    if (!elements || requested <= 0) return CUDNN_OK;
    // Who brings room for some is told of those alone: PyTorch asks a heuristic for one result, and
    // takes as many as it is told of.
    if (count && *count > requested) *count = requested;
    if (type == CUDNN_ELEMENT_DESCRIPTOR) return get_descriptors(attribute, requested, elements);
    int64_t copied = requested < attribute->count ? requested : attribute->count;
    if (copied > 0)
        memcpy(elements, attribute->elements, cudnn_element_size(type) * (size_t)copied);
    return CUDNN_OK;
}

// ---- Finalizing, by kind.
static int finalize_graph(cudnn_body *graph) {
    cudnn_convolution convolution;
    if (!cudnn_body_find(graph, CUDNN_GRAPH_OPERATIONS)) return CUDNN_BAD_PARAM;
    int status = cudnn_graph_convolution(graph, &convolution);
    if (status != CUDNN_OK && status != CUDNN_NOT_SUPPORTED_GRAPH_PATTERN) return status;
    int64_t engines = status == CUDNN_OK ? CUDNN_ENGINES : 1;
    return cudnn_body_set(graph, CUDNN_GRAPH_ENGINES, CUDNN_ELEMENT_INT64, 1, &engines);
}

static int finalize_engine(cudnn_body *engine) {
    const cudnn_body *graph = cudnn_body_child(engine, CUDNN_ENGINE_GRAPH);
    uint64_t bytes;
    int64_t index = cudnn_body_integer(engine, CUDNN_ENGINE_INDEX, -1);
    if (!graph) return CUDNN_BAD_PARAM;
    int status = cudnn_graph_workspace(graph, index, &bytes);
    if (status) return status;
    int notes[4];
    size_t count = cudnn_graph_notes(graph, index, notes);
    return cudnn_body_set(engine, CUDNN_ENGINE_NUMERICAL_NOTES, CUDNN_ELEMENT_NUMERICAL_NOTE,
                          (int64_t)count, notes);
}

static int config_workspace(const cudnn_body *config, int64_t *out) {
    const cudnn_body *engine = cudnn_body_child(config, CUDNN_CONFIG_ENGINE);
    uint64_t bytes;
    if (!engine) return CUDNN_BAD_PARAM;
    int status = cudnn_graph_workspace(cudnn_body_child(engine, CUDNN_ENGINE_GRAPH),
                                       cudnn_body_integer(engine, CUDNN_ENGINE_INDEX, -1), &bytes);
    *out = bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
    return status;
}

static int finalize_config(cudnn_body *config) {
    int64_t bytes;
    int32_t shared = 0;
    int status = config_workspace(config, &bytes);
    if (status == CUDNN_OK)
        status = cudnn_body_set(config, CUDNN_CONFIG_WORKSPACE, CUDNN_ELEMENT_INT64, 1, &bytes);
    if (status == CUDNN_OK)
        status =
            cudnn_body_set(config, CUDNN_CONFIG_SHARED_MEMORY, CUDNN_ELEMENT_INT32, 1, &shared);
    return status;
}

static int finalize_plan(cudnn_body *plan) {
    const cudnn_body *config = cudnn_body_child(plan, CUDNN_PLAN_CONFIG);
    int64_t bytes;
    if (!config) return CUDNN_BAD_PARAM;
    int status = config_workspace(config, &bytes);
    if (status) return status;
    return cudnn_body_set(plan, CUDNN_PLAN_WORKSPACE, CUDNN_ELEMENT_INT64, 1, &bytes);
}

// A finalized configuration of |engine| for |graph|.
static int make_config(cudnn_body *graph, int64_t index, cudnn_body **out) {
    cudnn_body *engine = cudnn_body_create(CUDNN_DESCRIPTOR_ENGINE);
    cudnn_body *config = cudnn_body_create(CUDNN_DESCRIPTOR_ENGINE_CONFIG);
    int status = engine && config ? CUDNN_OK : CUDNN_ALLOC_FAILED;
    if (status == CUDNN_OK)
        status = cudnn_body_set(engine, CUDNN_ENGINE_GRAPH, CUDNN_ELEMENT_DESCRIPTOR, 1, &graph);
    if (status == CUDNN_OK)
        status = cudnn_body_set(engine, CUDNN_ENGINE_INDEX, CUDNN_ELEMENT_INT64, 1, &index);
    if (status == CUDNN_OK) status = finalize_engine(engine);
    if (status == CUDNN_OK) {
        engine->finalized = true;
        status = cudnn_body_set(config, CUDNN_CONFIG_ENGINE, CUDNN_ELEMENT_DESCRIPTOR, 1, &engine);
    }
    if (status == CUDNN_OK) status = finalize_config(config);
    if (status == CUDNN_OK) {
        config->finalized = true;
        *out = cudnn_body_share(config);
    }
    cudnn_body_release(engine);
    cudnn_body_release(config);
    return status;
}

static int finalize_heuristic(cudnn_body *heuristic) {
    cudnn_body *graph = cudnn_body_child(heuristic, CUDNN_HEURISTIC_GRAPH);
    int mode = (int)cudnn_body_integer(heuristic, CUDNN_HEURISTIC_MODE, -1);
    int64_t engines[CUDNN_ENGINES];
    cudnn_body *configs[CUDNN_ENGINES];
    size_t count, made = 0;
    if (!graph || mode < CUDNN_MODE_INSTANT || mode > CUDNN_MODE_A) return CUDNN_BAD_PARAM;
    int status = cudnn_graph_engines(graph, mode, engines, &count);
    while (status == CUDNN_OK && made < count) {
        status = make_config(graph, engines[made], &configs[made]);
        if (status == CUDNN_OK) ++made;
    }
    if (status == CUDNN_OK)
        status = cudnn_body_set(heuristic, CUDNN_HEURISTIC_RESULTS, CUDNN_ELEMENT_DESCRIPTOR,
                                (int64_t)count, configs);
    while (made > 0)
        cudnn_body_release(configs[--made]);
    return status;
}

static int finalize(cudnn_body *body) {
    switch (body->type) {
    case CUDNN_DESCRIPTOR_TENSOR:
        return cudnn_body_find(body, CUDNN_TENSOR_DIMENSIONS) &&
                       cudnn_body_find(body, CUDNN_TENSOR_STRIDES)
                   ? CUDNN_OK
                   : CUDNN_BAD_PARAM;
    case CUDNN_DESCRIPTOR_GRAPH:
        return finalize_graph(body);
    case CUDNN_DESCRIPTOR_ENGINE:
        return finalize_engine(body);
    case CUDNN_DESCRIPTOR_ENGINE_CONFIG:
        return finalize_config(body);
    case CUDNN_DESCRIPTOR_HEURISTIC:
        return finalize_heuristic(body);
    case CUDNN_DESCRIPTOR_PLAN:
        return finalize_plan(body);
    default:
        return CUDNN_OK;
    }
}

int cudnnBackendFinalize(void *handle) {
    cudnn_descriptor *descriptor = handle;
    if (!descriptor) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (descriptor->body->finalized) return CUDNN_OK;
    int status = finalize(descriptor->body);
    if (status == CUDNN_OK) descriptor->body->finalized = true;
    return status;
}

// ---- Execution: nothing is computed. What the plan writes is no longer known.
static uint64_t tensor_span(const cudnn_body *tensor) {
    const cudnn_attribute *sizes = cudnn_body_find(tensor, CUDNN_TENSOR_DIMENSIONS);
    const cudnn_attribute *strides = cudnn_body_find(tensor, CUDNN_TENSOR_STRIDES);
    uint64_t last = 0;
    for (int64_t i = 0; i < sizes->count && i < strides->count; ++i) {
        int64_t size = ((int64_t *)sizes->elements)[i], stride = ((int64_t *)strides->elements)[i];
        if (size < 1 || stride < 0) return 0;
        last += (uint64_t)(size - 1) * (uint64_t)stride;
    }
    return (last + 1) * cudnn_type_size((int)cudnn_body_integer(tensor, CUDNN_TENSOR_TYPE, -1));
}

static void forget_written(const cudnn_body *tensor, const cudnn_body *pack) {
    const cudnn_attribute *uids = cudnn_body_find(pack, CUDNN_PACK_UIDS);
    const cudnn_attribute *pointers = cudnn_body_find(pack, CUDNN_PACK_POINTERS);
    int64_t uid = cudnn_body_integer(tensor, CUDNN_TENSOR_UID, -1);
    for (int64_t i = 0; uids && pointers && i < uids->count && i < pointers->count; ++i)
        if (((int64_t *)uids->elements)[i] == uid)
            snug_known_write(((uint64_t *)pointers->elements)[i], NULL, tensor_span(tensor));
}

static void forget_results(const cudnn_body *graph, const cudnn_body *pack) {
    static const int results[] = {CUDNN_FORWARD_Y, CUDNN_DATA_DX, CUDNN_FILTER_DW, CUDNN_MATMUL_C,
                                  CUDNN_POINTWISE_Y};
    const cudnn_attribute *operations = cudnn_body_find(graph, CUDNN_GRAPH_OPERATIONS);
    for (int64_t i = 0; operations && i < operations->count; ++i) {
        const cudnn_body *operation = ((cudnn_body **)operations->elements)[i];
        for (size_t j = 0; j < sizeof results / sizeof results[0]; ++j) {
            const cudnn_body *tensor = cudnn_body_child(operation, results[j]);
            if (tensor && !cudnn_body_integer(tensor, CUDNN_TENSOR_VIRTUAL, 0))
                forget_written(tensor, pack);
        }
    }
}

int cudnnBackendExecute(void *handle, void *plan_handle, void *pack_handle) {
    const cudnn_descriptor *plan = plan_handle, *pack = pack_handle;
    if (!handle || !plan || !pack) return CUDNN_BAD_PARAM_NULL_POINTER;
    if (!plan->body->finalized || !pack->body->finalized) return CUDNN_BAD_PARAM_NOT_FINALIZED;
    if (plan->body->type != CUDNN_DESCRIPTOR_PLAN ||
        pack->body->type != CUDNN_DESCRIPTOR_VARIANT_PACK)
        return CUDNN_BAD_PARAM_DESCRIPTOR_TYPE;
    int64_t bytes = cudnn_body_integer(plan->body, CUDNN_PLAN_WORKSPACE, 0);
    if (bytes > 0 && !cudnn_body_integer(pack->body, CUDNN_PACK_WORKSPACE, 0))
        return CUDNN_BAD_PARAM_NULL_POINTER;
    const cudnn_body *config = cudnn_body_child(plan->body, CUDNN_PLAN_CONFIG);
    const cudnn_body *engine = cudnn_body_child(config, CUDNN_CONFIG_ENGINE);
    const cudnn_body *graph = cudnn_body_child(engine, CUDNN_ENGINE_GRAPH);
    if (bytes > 0) snug_standin_workspace(cudnn_graph_name(graph), (uint64_t)bytes);
    forget_results(graph, pack->body);
    return CUDNN_OK;
}
