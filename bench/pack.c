// pack FILE.csv [--capacity N] [--seconds S]: packs the buffers of FILE ("-": standard input), rows
// of id, lower, upper and size with a header, and prints the rows with their offsets. The peak and
// the load's lower bound go to standard error. Without --capacity: as few bytes as it finds.
// Exit codes: 2 wrong usage, 3 no placement within the capacity, 4 a bad file, 1 other failures.
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/pack.h"

enum { EXIT_USAGE = 2, EXIT_NO_FIT = 3, EXIT_BAD_FILE = 4 };
enum { ID, LOWER, UPPER, SIZE, COLUMNS };

static const char *const column_names[COLUMNS] = {"id", "lower", "upper", "size"};

// Work of a search with a capacity but no --seconds: it may take a minute to give up.
static const uint64_t patient_work = 30000000;

typedef struct arguments {
    const char *path;
    snug_pack_options options;
} arguments;

typedef struct table {
    const char *path;
    char *header;
    char **rows; // without their line ends
    snug_buffer *buffers;
    size_t count, capacity;
    size_t line;
    int place[COLUMNS]; // of each column
} table;

static int usage(const char *problem, const char *argument) {
    fprintf(stderr,
            "pack: %s%s\nusage: pack FILE.csv [--capacity BYTES] [--seconds S]   (FILE -: standard "
            "input)\n",
            problem, argument);
    return EXIT_USAGE;
}

static bool read_number(const char *text, uint64_t *out) {
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static bool read_time(const char *text, int64_t *out) {
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    const char *digits = text + (text[0] == '-');
    return digits[0] >= '0' && digits[0] <= '9' && *end == '\0' && errno == 0;
}

static bool read_seconds(const char *text, double *out) {
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out > 0 && *out < 1e9;
}

static int read_arguments(int argc, char **argv, arguments *out) {
    *out = (arguments){.options.effort = SNUG_PACK_THOROUGH};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            if (out->path) return usage("one file at a time, not also ", argv[i]);
            out->path = argv[i];
            continue;
        }
        bool capacity = strcmp(argv[i], "--capacity") == 0;
        if (!capacity && strcmp(argv[i], "--seconds") != 0)
            return usage("unknown option ", argv[i]);
        const char *value = i + 1 < argc ? argv[++i] : "";
        uint64_t bytes = 0;
        if (capacity && (!read_number(value, &bytes) || bytes == 0 || bytes > SIZE_MAX))
            return usage("--capacity needs a number of bytes above 0, not ", value);
        if (!capacity && !read_seconds(value, &out->options.seconds))
            return usage("--seconds needs a number above 0, not ", value);
        if (capacity) out->options.capacity = (size_t)bytes;
    }
    if (!out->path) return usage("which file?", "");
    if (out->options.capacity && out->options.seconds <= 0) out->options.work = patient_work;
    return 0;
}

static void cut_line_end(char *line) {
    line[strcspn(line, "\r\n")] = '\0';
}

// Cuts |line| at its commas; returns the number of fields, of which |limit| are stored.
static int cut_fields(char *line, char **fields, int limit) {
    int count = 0;
    for (char *field = line; field; count++) {
        char *comma = strchr(field, ',');
        if (comma) *comma = '\0';
        while (*field == ' ' || *field == '\t')
            field++;
        for (size_t end = strlen(field); end > 0 && strchr(" \t", field[end - 1]);)
            field[--end] = '\0';
        if (count < limit) fields[count] = field;
        field = comma ? comma + 1 : NULL;
    }
    return count;
}

enum { FIELDS = 64 };

static int read_header(table *self, const char *line) {
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    if (strncmp(line, byte_order_mark, 3) == 0) line += 3;
    char *fields[FIELDS], *copy = strdup(line);
    self->header = strdup(line);
    if (!copy || !self->header) return EXIT_FAILURE;
    int count = cut_fields(copy, fields, FIELDS), missing = -1;
    for (int c = COLUMNS - 1; c >= 0; c--) {
        self->place[c] = -1;
        for (int i = 0; i < count && i < FIELDS; i++)
            if (strcmp(fields[i], column_names[c]) == 0) self->place[c] = i;
        if (self->place[c] < 0) missing = c;
    }
    free(copy);
    if (missing < 0) return 0;
    fprintf(stderr,
            "pack: %s:%zu: the header '%s' has no column '%s'; the columns id, lower, upper and "
            "size are needed\n",
            self->path, self->line, line, column_names[missing]);
    return EXIT_BAD_FILE;
}

static int bad_row(const table *self, const char *column, const char *found, const char *expected) {
    fprintf(stderr, "pack: %s:%zu: %s is '%s'; it must be %s\n", self->path, self->line, column,
            found, expected);
    return EXIT_BAD_FILE;
}

static int read_fields(const table *self, char **fields, int count, snug_buffer *out) {
    for (int c = 0; c < COLUMNS; c++)
        if (self->place[c] >= count || self->place[c] >= FIELDS) {
            fprintf(stderr, "pack: %s:%zu: the row has %d fields and no %s; the header is '%s'\n",
                    self->path, self->line, count, column_names[c], self->header);
            return EXIT_BAD_FILE;
        }
    const char *lower = fields[self->place[LOWER]], *upper = fields[self->place[UPPER]];
    const char *size = fields[self->place[SIZE]];
    uint64_t bytes;
    if (!read_time(lower, &out->lower)) return bad_row(self, "lower", lower, "a whole number");
    if (!read_time(upper, &out->upper)) return bad_row(self, "upper", upper, "a whole number");
    if (!read_number(size, &bytes) || bytes > SIZE_MAX)
        return bad_row(self, "size", size, "a number of bytes, 0 or more");
    if (out->lower >= out->upper) return bad_row(self, "upper", upper, "greater than lower");
    out->size = (size_t)bytes;
    return 0;
}

static bool grow(table *self) {
    if (self->count < self->capacity) return true;
    self->capacity = self->capacity ? 2 * self->capacity : 1024;
    char **rows = realloc(self->rows, self->capacity * sizeof *rows);
    if (rows) self->rows = rows;
    snug_buffer *buffers = realloc(self->buffers, self->capacity * sizeof *buffers);
    if (buffers) self->buffers = buffers;
    return rows && buffers;
}

static int read_row(table *self, char *line) {
    if (!grow(self)) return EXIT_FAILURE;
    self->rows[self->count] = strdup(line);
    if (!self->rows[self->count]) return EXIT_FAILURE;
    snug_buffer *buffer = &self->buffers[self->count++];
    *buffer = (snug_buffer){0};
    char *fields[FIELDS];
    int count = cut_fields(line, fields, FIELDS);
    return read_fields(self, fields, count, buffer);
}

static int read_table(FILE *file, table *self) {
    char *line = NULL;
    size_t room = 0;
    int failed = 0;
    while (!failed && getline(&line, &room, file) >= 0) {
        self->line++;
        cut_line_end(line);
        if (line[strspn(line, " \t")] == '\0') continue;
        failed = self->header ? read_row(self, line) : read_header(self, line);
    }
    free(line);
    if (failed) return failed;
    if (ferror(file)) {
        fprintf(stderr, "pack: %s: %s\n", self->path, strerror(errno));
        return EXIT_BAD_FILE;
    }
    if (self->header) return 0;
    fprintf(stderr, "pack: %s is empty; a header with id, lower, upper and size is needed\n",
            self->path);
    return EXIT_BAD_FILE;
}

static int read_file(table *self) {
    if (strcmp(self->path, "-") == 0) return read_table(stdin, self);
    FILE *file = fopen(self->path, "r");
    if (!file) {
        fprintf(stderr, "pack: %s: %s\n", self->path, strerror(errno));
        return EXIT_BAD_FILE;
    }
    int failed = read_table(file, self);
    fclose(file);
    return failed;
}

static int print_rows(const table *self) {
    printf("%s,offset\n", self->header);
    for (size_t i = 0; i < self->count; i++)
        printf("%s,%zu\n", self->rows[i], self->buffers[i].offset);
    if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
    fprintf(stderr, "pack: cannot write: %s\n", strerror(errno));
    return EXIT_FAILURE;
}

static int pack(const table *self, const snug_pack_options *options) {
    size_t peak, bound = 0;
    snug_status status = snug_pack(self->buffers, self->count, options, &peak);
    if (status == SNUG_OK || status == SNUG_NO_FIT) {
        if (snug_pack_lower_bound(self->buffers, self->count, &bound) != SNUG_OK) bound = 0;
        fprintf(stderr, "peak %zu, lower bound %zu\n", peak, bound);
    }
    if (status == SNUG_OK) return print_rows(self);
    fprintf(stderr, "pack: %s: %s\n", self->path, snug_error_message());
    return status == SNUG_NO_FIT    ? EXIT_NO_FIT
           : status == SNUG_INVALID ? EXIT_BAD_FILE
                                    : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    arguments asked;
    int failed = read_arguments(argc, argv, &asked);
    if (failed) return failed;
    table read = {.path = asked.path};
    failed = read_file(&read);
    if (!failed) failed = pack(&read, &asked.options);
    for (size_t i = 0; i < read.count; i++)
        free(read.rows[i]);
    free(read.rows);
    free(read.header);
    free(read.buffers);
    return failed;
}
