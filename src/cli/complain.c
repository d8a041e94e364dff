#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/fields.h"

// What `snug explain` complains of quotes others' lines, of any length: it is as wide as its
// reports wherever it goes.
enum { REPORT_WIDTH = 80 };

// The columns of the terminal that standard error is, or 0 when it is none.
static int terminal_width(void) {
    struct winsize size;
    if (!isatty(STDERR_FILENO)) return 0;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

// Names of files may hold what a terminal would obey.
static void disarm(char *text) {
    for (char *at = text; *at; at++)
        if (((unsigned char)*at < ' ' && *at != '\n') || *at == 0x7F) *at = '?';
}

// Turns a space into a line's end wherever the next word would go past |width|.
static void break_lines(char *text, int width) {
    int column = 0;
    for (char *at = text; *at; at++, column++) {
        if (*at == '\n') column = -1;
        if (*at != ' ') continue;
        if (column + 1 + (int)strcspn(at + 1, " \n") > width) {
            *at = '\n';
            column = -1;
        }
    }
}

// Breaks words that no line of |width| holds, as far as |room| bytes allow.
static void break_words(char *text, int width, size_t room) {
    size_t length = strlen(text);
    int column = 0;
    for (char *at = text; *at && length + 1 < room; at++, column++) {
        if (*at == '\n') column = -1;
        // Not within a character of several bytes.
        if (column < width || ((unsigned char)*at & 0xC0) == 0x80) continue;
        memmove(at + 1, at, length - (size_t)(at - text) + 1);
        *at = '\n';
        length++;
        column = -1;
    }
}

void command_complain(const char *name, const char *format, ...) {
    char text[4096], message[4096];
    int used = snprintf(text, sizeof text, name ? "snug %s: " : "snug: ", name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    // What is explained quotes others' texts, whose fields are none of ours.
    if (name && strcmp(name, "explain") == 0)
        snprintf(text + used, sizeof text - (size_t)used, "%s", message);
    else
        command_fields(message, text + used, sizeof text - (size_t)used);
    disarm(text);
    int width = terminal_width();
    if (width > 0) {
        break_lines(text, width);
    } else if (name && strcmp(name, "explain") == 0) {
        break_lines(text, REPORT_WIDTH);
        break_words(text, REPORT_WIDTH, sizeof text);
    }
    fprintf(stderr, "%s\n", text);
}
