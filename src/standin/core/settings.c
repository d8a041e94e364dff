// What `snug dry-run` asks of the stand-ins: the environment variable SNUG_STANDIN, read once.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "standin/standin.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

// Where nothing is said: an A100 40GB SXM's figures, and memory without a bound worth the name.
static snug_standin_settings settings = {
    .card = "NVIDIA A100-SXM4-40GB",
    .gpus = 1,
    .memory = 1024 * GIB,
    .context = 512 * MIB,
    .capability = 80,
    .multiprocessors = 108,
    .cores = 6912,
    .shared_sm = 164 << 10,
    .shared_optin = 163 << 10,
    .l2 = 40 * MIB,
    .bus_width = 5120,
    .clock = 1410000,
    .memory_clock = 1215000,
    .keep_bytes = 64 * MIB,
    .wait_seconds = 300,
};

typedef enum value_type { TEXT, WHOLE, BYTES, ANSWER, WORKSPACE } value_type;

typedef struct setting {
    const char *key;
    value_type type;
    void *value;
    size_t size; // of a text
} setting;

static const setting known[] = {
    {"card", TEXT, settings.card, sizeof settings.card},
    {"directory", TEXT, settings.directory, sizeof settings.directory},
    {"gpus", WHOLE, &settings.gpus, 0},
    {"capability", WHOLE, &settings.capability, 0},
    {"multiprocessors", WHOLE, &settings.multiprocessors, 0},
    {"cores", WHOLE, &settings.cores, 0},
    {"bus-width", WHOLE, &settings.bus_width, 0},
    {"wait", WHOLE, &settings.wait_seconds, 0},
    {"clock", WHOLE, &settings.clock, 0},
    {"memory-clock", WHOLE, &settings.memory_clock, 0},
    {"memory", BYTES, &settings.memory, 0},
    {"context", BYTES, &settings.context, 0},
    {"others", BYTES, &settings.others, 0},
    {"shared-sm", BYTES, &settings.shared_sm, 0},
    {"shared-optin", BYTES, &settings.shared_optin, 0},
    {"l2", BYTES, &settings.l2, 0},
    {"keep-bytes", BYTES, &settings.keep_bytes, 0},
    {"answer", ANSWER, &settings.answer_ones, 0},
    {"workspace", WORKSPACE, &settings.workspace, 0},
};

static void read_workspace(const char *text) {
    if (strcmp(text, "model") == 0) {
        settings.workspace = SNUG_WORKSPACE_MODEL;
    } else if (strcmp(text, "none") == 0) {
        settings.workspace = SNUG_WORKSPACE_NONE;
    } else {
        settings.workspace = SNUG_WORKSPACE_SIZE;
        settings.workspace_bytes = strtoull(text, NULL, 10);
    }
}

static void set(const setting *one, const char *text) {
    switch (one->type) {
    case TEXT:
        strncpy(one->value, text, one->size - 1);
        break;
    case WHOLE:
        *(int *)one->value = (int)strtol(text, NULL, 10);
        break;
    case BYTES:
        *(uint64_t *)one->value = strtoull(text, NULL, 10);
        break;
    case ANSWER:
        settings.answer_ones = strcmp(text, "ones") == 0;
        break;
    case WORKSPACE:
        read_workspace(text);
        break;
    }
}

// A pair that nobody knows is of a newer snug's, and passed over.
static void read_pair(char *pair) {
    char *value = strchr(pair, '=');
    if (!value) return;
    *value++ = '\0';
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(pair, known[i].key) == 0) set(&known[i], value);
}

static void read_settings(void) {
    const char *text = getenv("SNUG_STANDIN");
    char *copy = text ? strdup(text) : NULL, *rest = NULL;
    if (!copy) return;
    for (char *pair = strtok_r(copy, ";", &rest); pair; pair = strtok_r(NULL, ";", &rest))
        read_pair(pair);
    free(copy);
    if (settings.gpus < 0) settings.gpus = 0;
    if (settings.gpus > SNUG_STANDIN_MAX_GPUS) settings.gpus = SNUG_STANDIN_MAX_GPUS;
}

const snug_standin_settings *snug_standin_settings_get(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_settings);
    return &settings;
}

int snug_standin_major(void) {
    return SNUG_CUDA_MAJOR;
}
