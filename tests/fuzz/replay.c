// Runs a fuzzing target over files, as libFuzzer does with those that it is given: how seeds and
// past findings are replayed as ordinary tests. Arguments: files, or folders of them.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) return -1;
    long length = ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(length > 0 ? (size_t)length : 1);
    if (!bytes || fread(bytes, 1, (size_t)length, file) != (size_t)length) return -1;
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, (size_t)length);
    // Cut off anywhere, it is another input.
    for (long end = length / 16; end < length; end += length / 16 + 1)
        LLVMFuzzerTestOneInput(bytes, (size_t)end);
    free(bytes);
    return 0;
}

static int replay_folder(const char *path, int *count) {
    DIR *folder = opendir(path);
    if (!folder) return -1;
    int failed = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        failed |= replay_file(name);
        ++*count;
    }
    closedir(folder);
    return failed;
}

int main(int argc, char **argv) {
    int count = 0;
    for (int i = 1; i < argc; i++) {
        struct stat about;
        int failed = stat(argv[i], &about);
        if (failed == 0 && S_ISDIR(about.st_mode))
            failed = replay_folder(argv[i], &count);
        else if (failed == 0)
            count++, failed = replay_file(argv[i]);
        if (failed) {
            fprintf(stderr, "cannot read %s\n", argv[i]);
            return 1;
        }
    }
    printf("%d inputs replayed\n", count);
    return count == 0;
}
