// Every name of every list resolves in its library, with the version node that PyTorch's builds ask
// for.
#include <dirent.h>
#include <dlfcn.h>

#include "standin/client.h"

enum { LINE = 512, SONAMES = 4 };

typedef struct library { // as one soname of a list
    char soname[128], node[128];
    void *handle;
} library;

static bool read_soname(const char *line, library *out) {
    int major = 0;
    CHECK(sscanf(line, "soname %d %127s %127s", &major, out->soname, out->node) == 3);
    if (major != client_major) return false;
    out->handle = client_open(out->soname);
    return true;
}

static void check_name(const char *name, const library *self) {
    bool plain = strcmp(self->node, "-") == 0;
    void *found = plain ? dlsym(self->handle, name) : dlvsym(self->handle, name, self->node);
    if (!found) fprintf(stderr, "%s has no %s\n", self->soname, name);
    CHECK(found);
}

// Names of the list in |path|, counted once for each library of this major; 0 where it has none.
static size_t check_list(const char *path) {
    char line[LINE], name[LINE];
    library libraries[SONAMES];
    size_t sonames = 0, names = 0;
    FILE *in = fopen(path, "r");
    CHECK(in);
    while (fgets(line, sizeof line, in)) {
        if (sscanf(line, "%511s", name) != 1 || name[0] == '#' || strcmp(name, "library") == 0)
            continue;
        if (strcmp(name, "soname") == 0) {
            CHECK(sonames < SONAMES);
            sonames += read_soname(line, &libraries[sonames]);
            continue;
        }
        for (size_t i = 0; i < sonames; ++i, ++names)
            check_name(name, &libraries[i]);
    }
    fclose(in);
    return names;
}

static void all_lists(void) {
    const char *folder = SNUG_SOURCE_DIR "/src/standin/names";
    DIR *lists = opendir(folder);
    size_t names = 0;
    CHECK(lists);
    for (struct dirent *entry = readdir(lists); entry; entry = readdir(lists)) {
        char path[1024];
        const char *end = strrchr(entry->d_name, '.');
        if (!end || strcmp(end, ".txt") != 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        names += check_list(path);
    }
    closedir(lists);
    CHECK(names > 900);
}

static void test_all_names(void **state) {
    (void)state;
    client_run(all_lists, "gpus=1");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
