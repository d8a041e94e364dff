// Comma-separated numbers as tensors. The file is read three times, line by line, so that host
// memory stays bounded: for what there is, for the inputs, and for the targets.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/conversion.h"

typedef struct table {
    const char *path;
    FILE *file;
    char *line; // getline()'s
    size_t room;
    int64_t number; // of the line, from 1
    char separator;
    bool has_names;
    int64_t rows, columns, target; // target: the column
    bool is_class;
    float *values; // of a row
    double target_value;
} table;

snug_status snug_data_temporary(char **out) {
    const char *folder = getenv("TMPDIR");
    snug_text path = {0};
    snug_text_append(&path, "%s/snug-data-XXXXXX", folder && folder[0] ? folder : "/tmp");
    snug_status status = snug_text_status(&path);
    int descriptor = status == SNUG_OK ? mkstemp(path.data) : -1;
    if (status == SNUG_OK && descriptor < 0)
        status = snug_fail(SNUG_IO, "cannot write %s: %s", path.data, strerror(errno));
    if (descriptor >= 0) close(descriptor);
    if (status != SNUG_OK) snug_text_clear(&path);
    *out = path.data;
    return status;
}

snug_status snug_data_open_unlinked(const char *path, int *out) {
    *out = open(path, O_RDWR | O_CLOEXEC);
    snug_status status =
        *out < 0 ? snug_fail(SNUG_IO, "cannot write %s: %s", path, strerror(errno)) : SNUG_OK;
    unlink(path);
    return status;
}

snug_status snug_data_open_temporary(const char *path, snug_safetensors *out) {
    snug_status status = snug_safetensors_open(path, out);
    unlink(path);
    return status;
}

// The next line that is not empty, without its end; NULL at the end of the file.
static char *next_line(table *self) {
    for (ssize_t length; (length = getline(&self->line, &self->room, self->file)) >= 0;) {
        self->number++;
        while (length > 0 && strchr("\r\n \t", self->line[length - 1]))
            self->line[--length] = '\0';
        if (length > 0) return self->line;
    }
    return NULL;
}

static snug_status rewind_table(table *self) {
    if (fseek(self->file, 0, SEEK_SET) != 0)
        return snug_fail(SNUG_IO, "cannot read %s again: %s", self->path, strerror(errno));
    self->number = 0;
    if (self->has_names) (void)next_line(self);
    return SNUG_OK;
}

// Ends the field at |at| and gives the next one, or NULL.
static char *end_field(const table *self, char *at) {
    char *end = strchr(at, self->separator);
    if (end) *end++ = '\0';
    return end;
}

static bool read_number(const char *field, double *out) {
    char *end;
    *out = strtod(field, &end);
    return end != field && end[strspn(end, " \"")] == '\0' && isfinite(*out);
}

static snug_status read_row(table *self, char *line) {
    int64_t column = 0, next = 0;
    for (char *field = line, *rest; field; field = rest, column++) {
        double value;
        rest = end_field(self, field);
        if (column >= self->columns) continue; // counted, and told below
        if (!read_number(field + (*field == '"'), &value))
            return snug_fail(SNUG_BAD_FILE,
                             "%s: line %lld, column %lld: a number expected, found '%.40s'; texts "
                             "and gaps must become numbers first",
                             self->path, (long long)self->number, (long long)column + 1, field);
        if (column == self->target)
            self->target_value = value;
        else
            self->values[next++] = (float)value;
    }
    if (column == self->columns) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE, "%s: line %lld has %lld columns, others %lld", self->path,
                     (long long)self->number, (long long)column, (long long)self->columns);
}

// Counts the columns of the first line, and looks for names in it.
static snug_status read_first(table *self) {
    char *line = next_line(self);
    double value;
    if (!line) return snug_fail(SNUG_BAD_FILE, "%s is empty", self->path);
    self->separator = strchr(line, ',') ? ',' : strchr(line, ';') ? ';' : '\t';
    self->target = -1;
    for (char *field = line, *rest; field; field = rest) {
        rest = end_field(self, field);
        field += *field == '"';
        if (!read_number(field, &value)) self->has_names = true;
        if (strncmp(field, "target", 6) == 0 && strspn(field + 6, "\" ") == strlen(field + 6))
            self->target = self->columns;
        self->columns++;
    }
    if (self->target < 0) self->target = self->columns - 1;
    if (self->columns < 2)
        return snug_fail(SNUG_BAD_FILE,
                         "%s has one column: numbers of the input and then a target expected, "
                         "between commas",
                         self->path);
    return SNUG_NEW(&self->values, (size_t)self->columns);
}

static snug_status count_rows(table *self) {
    SNUG_TRY(rewind_table(self));
    self->is_class = true;
    for (char *line; (line = next_line(self)); self->rows++) {
        SNUG_TRY(read_row(self, line));
        double target = self->target_value;
        self->is_class = self->is_class && target >= 0 && target == floor(target) && target < 1e9;
    }
    return self->rows > 0 ? SNUG_OK : snug_fail(SNUG_BAD_FILE, "%s has no rows", self->path);
}

static snug_status write_rows(table *self, bool targets, snug_file *to) {
    SNUG_TRY(rewind_table(self));
    for (char *line; (line = next_line(self));) {
        SNUG_TRY(read_row(self, line));
        int64_t class = (int64_t)self->target_value;
        float number = (float)self->target_value;
        if (!targets)
            SNUG_TRY(
                snug_file_write(to, self->values, (size_t)(self->columns - 1) * sizeof(float)));
        else
            SNUG_TRY(self->is_class ? snug_file_write(to, &class, sizeof class)
                                    : snug_file_write(to, &number, sizeof number));
    }
    return SNUG_OK;
}

static snug_status write_table(table *self, const char *to) {
    snug_file file;
    const int64_t dims[] = {self->rows, self->columns - 1};
    const snug_safetensors_item items[] = {
        {"input", snug_type_make(SNUG_F32, SNUG_ROW_MAJOR, 2, dims)},
        {"target", snug_type_make(self->is_class ? SNUG_I64 : SNUG_F32, SNUG_ROW_MAJOR, 1, dims)}};
    SNUG_TRY(snug_safetensors_create(to, items, 2, NULL, &file));
    snug_status status = write_rows(self, false, &file);
    if (status == SNUG_OK) status = write_rows(self, true, &file);
    if (status == SNUG_OK) return snug_file_commit(&file);
    snug_file_abandon(&file);
    return status;
}

snug_status snug_data_open_csv(const char *path, snug_safetensors *out) {
    table self = {.path = path, .file = fopen(path, "r")};
    char *temporary = NULL;
    snug_status status;
    if (!self.file) return snug_fail(SNUG_IO, "cannot read %s: %s", path, strerror(errno));
    SNUG_TRY_GOTO(read_first(&self), done);
    SNUG_TRY_GOTO(count_rows(&self), done);
    SNUG_TRY_GOTO(snug_data_temporary(&temporary), done);
    status = write_table(&self, temporary);
    if (status == SNUG_OK)
        status = snug_data_open_temporary(temporary, out);
    else
        unlink(temporary);
done:
    snug_memory_free(temporary);
    snug_memory_free(self.values);
    free(self.line);
    fclose(self.file);
    return status;
}
