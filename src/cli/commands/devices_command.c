// snug devices: where plans can run.
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "snug/device.h"
#include "snug/gpu.h"
#include "snug/size.h"

static void print_device(const snug_device *device, int json) {
    size_t bytes = snug_device_free_bytes(device);
    char text[SNUG_SIZE_TEXT];
    if (json)
        printf("{\"event\":\"device\",\"device\":\"%s\",\"threads\":%d,\"free_bytes\":%zu}\n",
               snug_device_name(device), snug_device_threads(device), bytes);
    else
        printf("%-10s %2d threads  %12s free\n", snug_device_name(device),
               snug_device_threads(device), snug_size_print(bytes, text));
}

static void print_gpu(const snug_gpu_info *gpu, int json) {
    char memory[SNUG_SIZE_TEXT], tensor[16] = "-";
    if (json) {
        printf("{\"event\":\"gpu\",\"gpu\":\"%s\",\"memory_bytes\":%zu,\"usable_bytes\":%zu,"
               "\"bytes_per_second\":%.0f,\"float32_per_second\":%.0f,"
               "\"tensor_per_second\":%.0f,\"compute_capability\":\"%d.%d\"}\n",
               gpu->name, gpu->memory_bytes, gpu->total_bytes, gpu->memory_rate, gpu->float32_rate,
               gpu->tensor_rate, gpu->capability / 10, gpu->capability % 10);
        return;
    }
    if (gpu->tensor_rate > 0) snprintf(tensor, sizeof tensor, "%.1f", gpu->tensor_rate / 1e12);
    printf("%-18s %10s %11.0f %10.1f %10s %8d.%d\n", gpu->name,
           snug_size_print(gpu->memory_bytes, memory), gpu->memory_rate / 1e9,
           gpu->float32_rate / 1e12, tensor, gpu->capability / 10, gpu->capability % 10);
}

static int print_gpus(int json) {
    if (!json)
        printf("%-18s %10s %11s %10s %10s %10s\n%-18s %10s %11s %10s %10s %10s\n", "card", "memory",
               "bandwidth", "float32", "16 bits", "compute", "", "", "GB/s", "TFLOPS", "TFLOPS",
               "capability");
    for (int i = 0; snug_gpu_at(i); i++)
        print_gpu(snug_gpu_at(i), json);
    return EXIT_DONE;
}

static int run(int argc, char **argv) {
    int json = 0, gpus = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = 1;
        else if (strcmp(argv[i], "--gpus") == 0)
            gpus = 1;
        else {
            command_complain("devices", "unexpected '%s'; --gpus and --json are known", argv[i]);
            return EXIT_USAGE;
        }
    }
    if (gpus) return print_gpus(json);
    for (int i = 0; snug_device_name_at(i); i++) {
        snug_device *device = NULL;
        snug_status status = snug_device_open(snug_device_name_at(i), 0, &device);
        if (status != SNUG_OK) return command_fail(argv[0], status);
        print_device(device, json);
        snug_device_close(device);
    }
    return EXIT_DONE;
}

const snug_command snug_command_devices = {
    .name = "devices",
    .summary = "where networks can be trained",
    .usage = "usage: snug devices [--gpus] [--json]\n\n"
             "Lists the devices with their threads and free memory. `reference` runs plain\n"
             "kernels: slow, for checking.\n\n"
             "  --gpus   the cards that `snug plan --gpu NAME` knows, with their published\n"
             "           peak rates: float32, and 16-bit products with 32-bit sums on tensor\n"
             "           cores\n"
             "  --json   JSON, one object a line\n",
    .run = run,
};
