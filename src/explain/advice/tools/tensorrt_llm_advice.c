// TensorRT-LLM: weights, buffers for the largest batch, then a share of what is free for the cache.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "kv-cache batch",
     .when = "couldnotbecreated:kvcache",
     .fix = "Lower --max_seq_len and --max_batch_size",
     .why = "blocks of the cache and their tables are made for both",
     .source = "nvidia.github.io/TensorRT-LLM: Memory Usage of TensorRT-LLM"},
    {.causes = "kv-cache batch model workspace",
     .fix = "Lower --max_num_tokens and --max_batch_size",
     .why = "activations and buffers are made for the largest batch at the start (of an engine: "
            "when it is built)",
     .source = "nvidia.github.io/TensorRT-LLM: Memory Usage of TensorRT-LLM"},
    {.causes = "kv-cache batch workspace other-process",
     .fix = "Lower the cache's share: --kv_cache_free_gpu_memory_fraction 0.7 "
            "(KvCacheConfig(free_gpu_memory_fraction=0.7); 0.9 unless set)",
     .why = "the cache takes that share of what is free after the weights",
     .source = "nvidia.github.io/TensorRT-LLM: Memory Usage of TensorRT-LLM"},
    {.causes = "kv-cache model batch",
     .fix = "Spread the weights over more cards (--tp_size 2), or take an FP8 or 4-bit model",
     .why = "each card holds a part of every layer; fewer bytes a weight",
     .source = "nvidia.github.io/TensorRT-LLM: Memory Usage of TensorRT-LLM"},
    {0},
};

const snug_tool snug_tool_tensorrt_llm = {
    .name = "TensorRT-LLM",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_SERVER,
    .words = "tensorrt-llm|tensorrt_llm|trtllm|trt-llm|gptmanagerbenchmark|executorcreationfailed",
    .levers = levers,
};
