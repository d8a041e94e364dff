// snug cards: the cards that plans and dry runs know.
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "snug/gpu.h"
#include "snug/size.h"

static void print_json(const snug_gpu_info *gpu, const snug_gpu_details *details) {
    printf("{\"event\":\"card\",\"gpu\":\"%s\",\"reported\":\"%s\",\"memory_bytes\":%zu,"
           "\"card_bytes\":%zu,\"estimated\":%s,\"context_bytes\":%zu,",
           gpu->name, gpu->reported, gpu->memory_bytes, gpu->total_bytes,
           gpu->estimated ? "true" : "false", details->context_bytes);
    printf("\"compute_capability\":\"%d.%d\",\"multiprocessors\":%d,\"cores\":%d,"
           "\"shared_bytes\":%zu,\"shared_optin_bytes\":%zu,\"l2_bytes\":%zu,\"bus_bits\":%d,",
           gpu->capability / 10, gpu->capability % 10, gpu->multiprocessors, details->cores,
           details->shared_bytes, details->shared_optin_bytes, gpu->l2_bytes, gpu->bus_bits);
    printf("\"clock_khz\":%d,\"memory_clock_khz\":%d,\"bytes_per_second\":%.0f,"
           "\"float32_per_second\":%.0f,\"tensor_per_second\":%.0f}\n",
           details->clock_khz, details->memory_clock_khz, gpu->memory_rate, gpu->float32_rate,
           gpu->tensor_rate);
}

static void print_line(const snug_gpu_info *gpu, const snug_gpu_details *details) {
    char total[SNUG_SIZE_TEXT], context[SNUG_SIZE_TEXT], tensor[16] = "-";
    if (gpu->tensor_rate > 0) snprintf(tensor, sizeof tensor, "%.1f", gpu->tensor_rate / 1e12);
    printf("%-17s %11s%c %10s %5d.%d %5d %6.0f %7.1f %7s\n", gpu->name,
           snug_size_print(gpu->total_bytes, total), gpu->estimated ? '~' : ' ',
           snug_size_print(details->context_bytes, context), gpu->capability / 10,
           gpu->capability % 10, gpu->multiprocessors, gpu->memory_rate / 1e9,
           gpu->float32_rate / 1e12, tensor);
}

static int run(int argc, char **argv) {
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else {
            command_complain("cards", "unexpected '%s'; --json is known", argv[i]);
            return EXIT_USAGE;
        }
    }
    if (!json)
        printf("%-17s %11s  %10s %7s %5s %6s %7s %7s\n%-17s %11s  %10s %7s %5s %6s %7s %7s\n", "",
               "memory as", "", "capa-", "multi-", "", "TFLOPS", "TFLOPS", "card", "CUDA has it",
               "context", "bility", "proc.", "GB/s", "float32", "16 bits");
    for (int i = 0; snug_gpu_at(i); i++) {
        snug_gpu_details details = snug_gpu_detail(snug_gpu_at(i));
        (json ? print_json : print_line)(snug_gpu_at(i), &details);
    }
    if (!json) printf("~ reckoned from cards like it\n");
    return EXIT_DONE;
}

const snug_command snug_command_cards = {
    .name = "cards",
    .summary = "the cards that plans and dry runs know",
    .usage = "usage: snug cards [--json]\n\n"
             "Lists NVIDIA's cards as CUDA tells of them: memory (less than is sold, since the\n"
             "driver and error correction keep their part), what a PyTorch process's context\n"
             "and loaded kernels take of it, compute capability, multiprocessors, and peak\n"
             "rates: of memory, in float32, and of 16-bit products with 32-bit sums on tensor\n"
             "cores.\n\n"
             "  --json   JSON, one object a line, with cores, shared memory, caches and clocks\n",
    .run = run,
};
