// Texts as tools print them, with the cause and the first fix that they call for: wordings of the
// tools' sources and of public reports, with other figures and names.
#ifndef TESTS_EXPLAIN_TEXT_TOOL_TEXTS_H
#define TESTS_EXPLAIN_TEXT_TOOL_TEXTS_H

#include "snug/explain.h"

typedef struct tool_text {
    const char *name, *format; // NULL: any
    const char *cause, *fix;   // words of the first fix, NULL: any
    const char *never;         // words that no fix has, NULL: any
    const char *text;
} tool_text;

static const tool_text tool_texts[] =
    {
        {"one process listed", "capacity", "fragmentation", "expandable_segments:True",
         "CUDA_VISIBLE_DEVICES",
         "Tried to allocate 848.00 MiB. GPU 0 has a total capacity of 79.11 GiB of which 356.88 MiB is free. Process 7 has 78.75 GiB memory in use. Of the allocated memory 67.81 GiB is allocated by PyTorch, and 8.04 GiB is reserved by PyTorch but unallocated."},
        {"vLLM, no cache", "server", "kv-cache", "gpu-memory-utilization", "snug ",
         "ERROR 11-18 18:07:28 engine.py:366] ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine."},
        {"vLLM, a long context, 2023", "server", "kv-cache", "--max-model-len 3664", "snug ",
         "ValueError: The model's max seq len (4096) is larger than the maximum number of tokens that can be stored in KV cache (3664). Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine."},
        {"vLLM, a long context, 2025", "server", "kv-cache", "--max-model-len 34736", "snug ",
         "(EngineCore_0 pid=231) ERROR 08-20 13:08:43 [core.py:708] ValueError: To serve at least one request with the models's max seq len (262144), (24.0 GiB KV cache is needed, which is larger than the available KV cache memory (3.18 GiB). Based on the available memory, the estimated maximum model length is 34736. Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine."},
        {"vLLM, its share not free", "server", "other-process", "--gpu-memory-utilization 0.88",
         "snug ",
         "ValueError: Free memory on device cuda:1 (19.77/22.05 GiB) on startup is less than desired GPU memory utilization (0.9, 19.84 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes."},
        {"vLLM, the card full", "server", "other-process", "nvidia-smi", "CUDA_VISIBLE_DEVICES",
         "ValueError: Free memory on device cuda:0 (12.1/121.69 GiB) on startup is less than desired GPU memory utilization (0.9, 109.52 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes."},
        {"TGI, warm-up", "server", "kv-cache", "--max-batch-prefill-tokens", "snug ",
         "text_generation_server.utils RuntimeError: Not enough memory to handle 4096 prefill tokens. You need to decrease `--max-batch-prefill-tokens`"},
        {"SGLang, no cache", "server", "kv-cache", "--mem-fraction-static", "snug ",
         "[2025-02-10 11:02:14 TP0] Scheduler hit an exception: Traceback (most recent call last):\n  File \"/sgl-workspace/sglang/python/sglang/srt/managers/scheduler.py\", line 1787, in run_scheduler_process\nRuntimeError: Not enough memory. Please try to increase --mem-fraction-static."},
        {"DeepSpeed, killed", "killed", "host-memory", "offload", "nvidia-smi", "[2023-04-14 13:11:27,879] [INFO] [launch.py:428:sigkill_handler] Killing subprocess 13266\n[2023-04-14 13:11:27,885] [ERROR] [launch.py:434:sigkill_handler] ['/usr/bin/python3', '-u', 'main.py', '--local_rank=0', '--zero_stage', '2', '--deepspeed'] exits with return code = -9"},
        {"torchrun, killed", "killed", "host-memory", NULL, "expandable",
         "ERROR:torch.distributed.elastic.multiprocessing.api:failed (exitcode: -9) local_rank: 0 (pid: 1234) of binary: /usr/bin/python"},
        {"a shell, killed", "killed", "host-memory", NULL, "expandable",
         "$ python train.py --data big.csv\nLoading dataset...\nKilled"},
        {"zsh, killed", "killed", "host-memory", NULL, "expandable",
         "zsh: killed     python app.py"},
        {"shared memory", "shared-memory", "shared-memory", "--shm-size", "Halve",
         "ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).\nTraceback (most recent call last):\nRuntimeError: DataLoader worker (pid 812) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory. Please try to raise your shared memory limit."},
        {"ollama", "ollama", "host-memory", "smaller model", "snug ",
         "Error: model requires more system memory (164.8 GiB) than is available (13.4 GiB)"},
        {"the kernel", "killed", "host-memory", NULL, "expandable",
         "[123456.789012] Out of memory: Killed process 4242 (python3) total-vm:45957108kB, anon-rss:22957108kB, file-rss:1204kB, shmem-rss:0kB, UID:1000 pgtables:46232kB oom_score_adj:0"},
        {"Windows' commit limit", "commit-limit", "host-memory", "page file", "Halve",
         "OSError: [WinError 1455] The paging file is too small for this operation to complete. Error loading \"C:\\Users\\me\\anaconda3\\lib\\site-packages\\torch\\lib\\caffe2_detectron_ops.dll\" or one of its dependencies."},
        {"pinned memory", "cuda", "host-memory", "pin_memory=False", "expandable",
         "Traceback (most recent call last):\n  File \"/usr/lib/python3/site-packages/torch/utils/data/_utils/pin_memory.py\", line 28, in _pin_memory_loop\n    data = pin_memory(data)\nRuntimeError: CUDA error: out of memory"},
        {"RMM", "rapids", "batch", "spill", "num_workers",
         "MemoryError: std::bad_alloc: CUDA error at: /opt/conda/include/rmm/mr/device/cuda_memory_resource.hpp:70: cudaErrorMemoryAllocation out of memory"},
        {"ggml's check", "llama.cpp", "kv-cache", "-c", "expandable",
         "CUDA error 2 at ggml-cuda.cu:359: out of memory"},
        {"darknet", "darknet", "batch", "subdivisions", "torch",
         "CUDA Error: out of memory\ndarknet: ./src/cuda.c:36: check_error: Assertion `0' failed."},
        {"Paddle", "paddle", "batch", "batch_size_per_card", "memory_growth",
         "ResourceExhaustedError: \n\nOut of memory error on GPU 0. Cannot allocate 128.000000MB memory on GPU 0, 7.789062GB memory has been allocated and available memory is only 30.750000MB.\n\nPlease check whether there is any other process using GPU 0.\n1. If yes, please stop them, or start PaddlePaddle on another GPU.\n2. If no, please decrease the batch size of your model.\n (at /paddle/paddle/fluid/memory/allocation/cuda_allocator.cc:95)"},
        {"Level Zero", "intel", "batch", "smaller", "nvidia-smi",
         "RuntimeError: level_zero backend failed with error: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)"},
        {"SYCL", "intel", "batch", "smaller", "CUDA",
         "RuntimeError: Native API failed. Native API returns: -5 (PI_ERROR_OUT_OF_RESOURCES) -5 (PI_ERROR_OUT_OF_RESOURCES)"},
        {"DirectML", "directml", "batch", "smaller", "nvidia-smi",
         "RuntimeError: Could not allocate tensor with 18144080 bytes. There is not enough GPU video memory available!"},
        {"Metal", "metal", "kv-cache", "-c", "CUDA",
         "ggml_metal_graph_compute: command buffer 0 failed with status 5\nerror: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)"},
        {"bitsandbytes", "bitsandbytes", "batch", "batch", NULL,
         "Error out of memory at line 380 in file /mmfs1/gscratch/zlab/timdettmers/git/bitsandbytes/csrc/pythonInterface.c"},
        {"TensorRT", "tensorrt", "batch", "workspace", "torch",
         "[TRT] [E] 2: [virtualMemoryBuffer.cpp::resizePhysical::140] Error Code 2: OutOfMemory (no further information)\n[TRT] [E] 2: Requested amount of GPU memory (8589934592 bytes) could not be allocated. There may not be enough free memory for allocation to succeed."},
        {"a translated message", "pytorch", "unknown", NULL, NULL,
         "torch.cuda.OutOfMemoryError: CUDA 内存不足"},
        {"nvidia-smi alone", "nvidia-smi", "other-process", NULL, NULL,
         "+-----------------------------------------------------------------------------+\n| NVIDIA-SMI 470.82.01    Driver Version: 470.82.01    CUDA Version: 11.4     |\n|-------------------------------+----------------------+----------------------+\n|   0  Tesla V100-SXM2...  Off  | 00000000:00:1E.0 Off |                    0 |\n| N/A   45C    P0    70W / 300W |  15909MiB / 16160MiB |    100%      Default |\n|-------------------------------+----------------------+----------------------+\n|   1  Tesla V100-SXM2...  Off  | 00000000:00:1F.0 Off |                    0 |\n| N/A   41C    P0    40W / 300W |      3MiB / 16160MiB |      0%      Default |\n+-------------------------------+----------------------+----------------------+"},
        {"nvidia-smi beside an error", "reserved", "other-process", NULL, NULL, "+-----------------------------------------------------------------------------+\n| NVIDIA-SMI 470.82.01    Driver Version: 470.82.01    CUDA Version: 11.4     |\n|-------------------------------+----------------------+----------------------+\n|   0  Tesla V100-SXM2...  Off  | 00000000:00:1E.0 Off |                    0 |\n| N/A   45C    P0    70W / 300W |  15909MiB / 16160MiB |    100%      Default |\n|-------------------------------+----------------------+----------------------+\n|   1  Tesla V100-SXM2...  Off  | 00000000:00:1F.0 Off |                    0 |\n| N/A   41C    P0    40W / 300W |      3MiB / 16160MiB |      0%      Default |\n+-------------------------------+----------------------+----------------------+\nRuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 15.78 GiB total capacity; 1.20 GiB already allocated; 12.50 MiB free; 1.30 GiB reserved in total by PyTorch)"},
        {"predictions gathered", "reserved", "evaluation", "eval_accumulation_steps", "no_grad",
         "Traceback (most recent call last):\n  File \"run_glue.py\", line 500, in main\n    trainer.train()\n  File \"/usr/lib/python3/site-packages/transformers/trainer.py\", line 2600, in evaluation_loop\n    preds_host = logits if preds_host is None else nested_concat(preds_host, logits, padding_index=-100)\n  File \"/usr/lib/python3/site-packages/transformers/trainer_pt_utils.py\", line 98, in torch_pad_and_concatenate\n    result = tensor1.new_full(new_shape, padding_index)\nRuntimeError: CUDA out of memory. Tried to allocate 2.40 GiB (GPU 0; 15.78 GiB total capacity; 11.20 GiB already allocated; 1.90 GiB free; 12.30 GiB reserved in total by PyTorch)"},
        {"more than 1EB", "pytorch", "unknown", "shapes", "Halve",
         "RuntimeError: CUDA out of memory. Tried to allocate more than 1EB memory."},
        {"one event told twice", "llama.cpp", "kv-cache", "-c", "torch",
         "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4352.00 MiB on device 0: cudaMalloc failed: out of memory\nggml_gallocr_reserve_n: failed to allocate CUDA0 buffer of size 4563402752\nllama_new_context_with_model: failed to allocate compute buffers"},
        {"a web interface on 4 GiB", "reserved", "batch", "--medvram", "snug ",
         "  File \"C:\\stable-diffusion-webui\\modules\\processing.py\", line 1000, in process_images_inner\n100%|██████████| 20/20 [00:12<00:00,  1.6it/s]\ntorch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 1024.00 MiB (GPU 0; 4.00 GiB total capacity; 2.73 GiB already allocated; 0 bytes free; 3.41 GiB reserved in total by PyTorch) If reserved memory is >> allocated memory try setting max_split_size_mb to avoid fragmentation.\nTime taken: 12.3 sec. A: 2.91 GB, R: 3.42 GB, Sys: 4.0/4.0 GB (100.0%)"},
        {"XLA's buffer assignment", "jax", "batch", "Make the batch", "torch.",
         "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 23664263168 bytes.\nBufferAssignment OOM Debugging.\nBufferAssignment stats:\n             parameter allocation:   12.55GiB\n              constant allocation:         0B\n        maybe_live_out allocation:    1.01GiB\n     preallocated temp allocation:   22.04GiB\n  preallocated temp fragmentation:       304B (0.00%)\n                 total allocation:   35.60GiB\nPeak buffers:\n	Buffer 1:\n		Size: 2.00GiB"},
        {"a TPU's", "jax", "batch", "Make the batch", "nvidia-smi",
         "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 17.36G of 15.48G hbm. Exceeded hbm capacity by 1.88G.\n\nTotal hbm usage >= 17.88G:\n    reserved        530.00M \n    program          13.24G \n    arguments         4.12G "},
        {"DeepSpeed, the host's figures", "killed", "host-memory", "Offload less", "nvidia-smi",
         "[2023-09-10 11:45:59,207] [INFO] [utils.py:785:see_memory_usage] Before initializing optimizer states\n[2023-09-10 11:45:59,207] [INFO] [utils.py:786:see_memory_usage] MA 0.28 GB         Max_MA 0.3 GB         CA 0.34 GB         Max_CA 0 GB \n[2023-09-10 11:45:59,207] [INFO] [utils.py:793:see_memory_usage] CPU Virtual Memory:  used = 112.44 GB, percent = 89.5%\n[2023-09-10 11:46:19,501] [INFO] [launch.py:428:sigkill_handler] Killing subprocess 6293\n[2023-09-10 11:46:20,501] [ERROR] [launch.py:434:sigkill_handler] ['/usr/bin/python3', '-u', 'train.py', '--local_rank=0'] exits with return code = -9"},
};
enum { TOOL_TEXTS = sizeof tool_texts / sizeof tool_texts[0] };

static const char *const no_failures[] = {
    "2020-01-01 12:00:00.123456: W tensorflow/core/common_runtime/bfc_allocator.cc:239] Allocator (GPU_0_bfc) ran out of memory trying to allocate 2.20GiB with freed_by_count=0. The caller indicates that this is not a failure, but may mean that there could be performance gains if more memory were available.",
    "java.lang.OutOfMemoryError: Java heap space",
    "Connection killed by the server after 30 s",
    "RuntimeError: unable to open shared memory object </torch_812_3> in read-write mode: Too many open files (24)",
    "[launch.py:321:sigkill_handler] ['/usr/bin/python', 'main.py'] exits with return code = 1",
    "RESOURCE_EXHAUSTED: Quota exceeded for aiplatform.googleapis.com",
};

#endif
