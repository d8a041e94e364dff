// snug devices: where plans can run.
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "snug/device.h"
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

static int run(int argc, char **argv) {
    int json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 2 || (argc == 2 && !json)) {
        fprintf(stderr, "snug devices: unexpected '%s'; only --json is known\n", argv[argc - 1]);
        return EXIT_USAGE;
    }
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
    .usage = "usage: snug devices [--json]\n\n"
             "Lists the devices with their threads and free memory. `reference` runs plain\n"
             "kernels: slow, for checking.\n",
    .run = run,
};
