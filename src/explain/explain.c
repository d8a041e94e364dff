// Files: which reader they are for.
#include "base/sized.h"
#include "explain/explanation.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

// Bytes of a stream after which it is clear whether anything can read it.
enum { STREAM_START = 65536 };
// Bytes of a stream that are kept: one may never end, and a file is mapped, not copied.
static const size_t stream_most = (size_t)2 << 30;

static const snug_reader *find_reader(const char *bytes, size_t length) {
    for (const snug_reader *const *reader = snug_readers; *reader; reader++)
        if ((*reader)->matches(bytes, length)) return *reader;
    return NULL;
}

static snug_status read_as(const char *bytes, size_t length, const char *name,
                           snug_explanation *explanation) {
    if (length == 0)
        return snug_fail(SNUG_BAD_FILE,
                         "'%s' is empty; expected the text of an error, a log or a memory snapshot",
                         name);
    const snug_reader *reader = find_reader(bytes, length);
    if (reader) return reader->read(bytes, length, name, explanation);
    return snug_fail(SNUG_BAD_FILE,
                     "'%s' is a binary file and no memory snapshot; expected the text of an error, "
                     "a log, or what torch.cuda.memory._dump_snapshot() writes",
                     name);
}

snug_status snug_explain_text(const char *bytes, size_t length, const char *name,
                              snug_explanation **out) {
    return snug_explain_text_with(bytes, length, name, NULL, out);
}

// NULL: none.
static snug_status take_options(const snug_explain_options *given, size_t bytes,
                                snug_explain_options *out) {
    static const snug_explain_options none;
    return snug_sized_take(out, sizeof *out, given ? given : &none, given ? bytes : sizeof none,
                           "options");
}

snug_status snug_explain_text_with_sized(const char *bytes, size_t length, const char *name,
                                         const snug_explain_options *options, size_t options_bytes,
                                         snug_explanation **out) {
    SNUG_REQUIRE(out, "a place for the explanation");
    *out = NULL;
    snug_explain_options wanted;
    SNUG_TRY(take_options(options, options_bytes, &wanted));
    SNUG_REQUIRE((bytes || length == 0) && name, "bytes and their name");
    snug_explanation *explanation = NULL;
    SNUG_TRY(snug_explanation_new(name, &explanation));
    explanation->options = wanted;
    snug_status status = read_as(bytes, length, name, explanation);
    if (status == SNUG_OK)
        *out = explanation;
    else
        snug_explanation_free(explanation);
    return status;
}

// A pipe's content, which cannot be mapped; of one that is for no reader, the beginning.
static snug_status read_stream(int file, const char *name, char **bytes, size_t *length) {
    size_t capacity = 0;
    *length = 0;
    for (;;) {
        SNUG_TRY(SNUG_GROW(bytes, &capacity, *length + 65536));
        ssize_t got = read(file, *bytes + *length, capacity - *length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return snug_fail(SNUG_BAD_FILE, "cannot read '%s': %s", name, strerror(errno));
        if (got == 0) return SNUG_OK;
        *length += (size_t)got;
        if (*length > stream_most)
            return snug_fail(SNUG_BAD_FILE,
                             "%s is longer than 2 GiB; save it as a file, or give its end: "
                             "tail -n 10000 LOG | snug explain -",
                             name);
        bool judged = *length - (size_t)got >= STREAM_START;
        if (!judged && *length >= STREAM_START && !find_reader(*bytes, *length)) return SNUG_OK;
    }
}

static snug_status explain_open(int file, const char *name, const snug_explain_options *options,
                                snug_explanation **out) {
    struct stat about;
    if (fstat(file, &about) != 0)
        return snug_fail(SNUG_BAD_FILE, "cannot read '%s': %s", name, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return snug_fail(SNUG_BAD_FILE,
                         "'%s' is a directory; expected a file with the text of an error, a log, "
                         "or a memory snapshot",
                         name);
    if (S_ISREG(about.st_mode) && about.st_size > 0) {
        size_t length = (size_t)about.st_size;
        void *map = mmap(NULL, length, PROT_READ, MAP_PRIVATE, file, 0);
        if (map != MAP_FAILED) {
            snug_status status = snug_explain_text_with(map, length, name, options, out);
            munmap(map, length);
            return status;
        }
    }
    char *bytes = NULL;
    size_t length = 0;
    snug_status status = read_stream(file, name, &bytes, &length);
    if (status == SNUG_OK) status = snug_explain_text_with(bytes, length, name, options, out);
    snug_memory_free(bytes);
    return status;
}

snug_status snug_explain_file(const char *path, snug_explanation **out) {
    return snug_explain_file_with(path, NULL, out);
}

snug_status snug_explain_file_with_sized(const char *path, const snug_explain_options *given,
                                         size_t options_bytes, snug_explanation **out) {
    SNUG_REQUIRE(out, "a place for the explanation");
    *out = NULL;
    snug_explain_options wanted, *options = &wanted;
    SNUG_TRY(take_options(given, options_bytes, options));
    SNUG_REQUIRE(path, "a path");
    if (strcmp(path, "-") == 0) return explain_open(STDIN_FILENO, "standard input", options, out);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return snug_fail(SNUG_BAD_FILE, "cannot open '%s': %s", path, strerror(errno));
    snug_status status = explain_open(file, path, options, out);
    close(file);
    return status;
}
