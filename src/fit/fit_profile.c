#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "fit/profile.h"
#include "io/file.h"
#include "io/json.h"

static bool is_true(const snug_json *object, const char *key) {
    const snug_json *member = snug_json_member(object, key);
    return member && member->type == SNUG_JSON_TRUE;
}

static uint64_t bytes_of(const snug_json *object, const char *key) {
    int64_t value = snug_json_whole(object, key, 0);
    return value > 0 ? (uint64_t)value : 0;
}

// The part of which |name| is a part: the longest name before a dot that is known.
static int32_t find_parent(const snug_fit_profile *profile, size_t first, size_t end,
                           const char *name) {
    for (const char *dot = name + strlen(name); dot > name; dot--) {
        if (*dot != '.') continue;
        size_t length = (size_t)(dot - name);
        // Parents are called before their parts: the nearest one stands last.
        for (size_t i = end; i-- > first;)
            if (strncmp(profile->parts[i].name, name, length) == 0 &&
                profile->parts[i].name[length] == '\0')
                return (int32_t)i;
    }
    return -1;
}

// Where it is not told what a part keeps alone, nothing outside it keeps the same.
static void find_own(const snug_json *told, snug_fit_part *part) {
    part->own = part->saved;
    part->freed = part->saved > part->inputs ? part->saved - part->inputs : 0;
    part->largest = bytes_of(told, "largest");
    if (!snug_json_member(told, "own")) return;
    part->own = bytes_of(told, "own");
    part->freed = bytes_of(told, "freed");
}

static snug_status read_network(const snug_json *network, snug_fit_profile *profile) {
    snug_fit_network *self = &profile->networks[profile->network_count];
    *self = (snug_fit_network){.name = snug_json_string(network, "name"),
                               .class_name = snug_json_string(network, "class"),
                               .batch = snug_json_whole(network, "batch", 0),
                               .element = snug_json_whole(network, "element", 4),
                               .first = profile->part_count};
    const snug_json *parts = snug_json_member(network, "parts");
    // The network itself was called first.
    if (parts && parts->first) self->parameters = bytes_of(parts->first, "parameters");
    for (const snug_json *part = parts ? parts->first : NULL; part; part = part->next) {
        const char *name = snug_json_string(part, "name");
        if (!*name) continue; // not reached by a name
        profile->parts[profile->part_count] =
            (snug_fit_part){.name = name,
                            .class_name = snug_json_string(part, "class"),
                            .saved = bytes_of(part, "saved"),
                            .inputs = bytes_of(part, "inputs"),
                            .flops = bytes_of(part, "flops"),
                            .calls = bytes_of(part, "calls"),
                            .network = (int32_t)profile->network_count,
                            .parent = find_parent(profile, self->first, profile->part_count, name)};
        find_own(part, &profile->parts[profile->part_count++]);
    }
    self->count = profile->part_count - self->first;
    profile->network_count++;
    return SNUG_OK;
}

static void read_losses(const snug_json *root, snug_fit_profile *profile) {
    const snug_json *losses = snug_json_member(root, "losses");
    for (const snug_json *loss = losses ? losses->first : NULL; loss; loss = loss->next) {
        const snug_json *shape = snug_json_member(loss, "shape");
        uint64_t bytes = bytes_of(loss, "bytes");
        if (!shape || shape->count != 2 || bytes <= profile->largest_loss) continue;
        profile->largest_loss = bytes;
        profile->loss_rows = (uint64_t)shape->first->whole;
        profile->loss_classes = (uint64_t)shape->first->next->whole;
        profile->loss_is_last = is_true(loss, "last");
    }
}

static snug_status read_plans(const snug_json *root, snug_fit_profile *profile) {
    const snug_json *plans = snug_json_member(root, "plans");
    SNUG_TRY(snug_pool_new(&profile->pool,
                           ((plans ? plans->count : 0) + 1) * sizeof *profile->plans,
                           (void **)&profile->plans));
    for (const snug_json *one = plans ? plans->first : NULL; one; one = one->next) {
        const snug_json *again = snug_json_member(one, "again");
        const snug_fit_plan plan = {.budget = bytes_of(one, "budget"),
                                    .bytes = bytes_of(one, "bytes"),
                                    .again = again ? again->number : 0};
        size_t count = profile->plan_count;
        if (count && plan.bytes >= profile->plans[count - 1].bytes) continue;
        profile->plans[profile->plan_count++] = plan;
    }
    return SNUG_OK;
}

static snug_status read_root(const snug_json *root, snug_fit_profile *profile) {
    const snug_json *networks = snug_json_member(root, "networks");
    size_t network_count = networks ? networks->count : 0, part_count = 0;
    for (const snug_json *network = networks ? networks->first : NULL; network;
         network = network->next) {
        const snug_json *parts = snug_json_member(network, "parts");
        part_count += parts ? parts->count : 0;
    }
    SNUG_TRY(snug_pool_new(&profile->pool, (network_count + 1) * sizeof *profile->networks,
                           (void **)&profile->networks));
    SNUG_TRY(snug_pool_new(&profile->pool, (part_count + 1) * sizeof *profile->parts,
                           (void **)&profile->parts));
    for (const snug_json *network = networks ? networks->first : NULL; network;
         network = network->next)
        SNUG_TRY(read_network(network, profile));
    profile->autocast = is_true(root, "autocast");
    profile->scaler = is_true(root, "scaler");
    profile->clips = is_true(root, "clips");
    profile->compiled = is_true(root, "compiled");
    profile->batch_norm = is_true(root, "batch_norm");
    profile->loss_inside = is_true(root, "loss_inside");
    profile->sequences_first = is_true(root, "sequences_first");
    profile->lean_optimizer = snug_json_string(root, "lean_optimizer");
    const snug_json *backwards = snug_json_member(root, "backwards_per_step");
    profile->backwards_per_step = backwards ? backwards->number : 1;
    const snug_json *optimizers = snug_json_member(root, "optimizers");
    for (const snug_json *one = optimizers ? optimizers->first : NULL; one; one = one->next)
        profile->adam |= strcmp(one->string, "Adam") == 0 || strcmp(one->string, "AdamW") == 0;
    read_losses(root, profile);
    return read_plans(root, profile);
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

// Of several processes' the largest: the others' networks are smaller, or the same.
static snug_status find_file(const char *directory, char path[PATH_MAX]) {
    DIR *folder = opendir(directory);
    off_t largest = -1;
    path[0] = '\0';
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char candidate[PATH_MAX];
        struct stat about;
        if (!ends_with(entry->d_name, ".profile.json")) continue;
        if (snprintf(candidate, sizeof candidate, "%s/%s", directory, entry->d_name) >=
                (int)sizeof candidate ||
            stat(candidate, &about) != 0 || about.st_size <= largest)
            continue;
        largest = about.st_size;
        memcpy(path, candidate, strlen(candidate) + 1);
    }
    if (folder) closedir(folder);
    return *path ? SNUG_OK
                 : snug_fail(SNUG_NOT_FOUND, "the program trained no network of PyTorch's modules");
}

snug_status snug_fit_profile_read(const char *directory, snug_fit_profile *out) {
    char path[PATH_MAX];
    char *bytes = NULL;
    size_t length = 0;
    const snug_json *root = NULL;
    *out = (snug_fit_profile){.lean_optimizer = ""};
    SNUG_TRY(find_file(directory, path));
    SNUG_TRY(snug_file_read(path, &bytes, &length));
    snug_status status = snug_json_read(bytes, length, &out->pool, &root);
    if (status == SNUG_OK) status = read_root(root, out);
    snug_memory_free(bytes);
    return status;
}

void snug_fit_profile_clear(snug_fit_profile *profile) {
    snug_pool_clear(&profile->pool);
    *profile = (snug_fit_profile){0};
}
