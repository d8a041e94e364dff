#include "explain/text/clean.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

// What is left of one line of the file.
typedef struct decoder {
    const char *at, *end;
    bool escapes; // \n, \" and so on stand for characters: the line is part of a JSON file
} decoder;

static bool begins(const char *text, const char *end, const char *word) {
    size_t length = strlen(word);
    return (size_t)(end - text) >= length && memcmp(text, word, length) == 0;
}

// Terminal codes: ESC [ ... letter, ESC ] ... BEL. Returns what follows, |text| when it is none.
static const char *skip_terminal_code(const char *text, const char *end, size_t escape_length) {
    const char *at = text + escape_length;
    if (at >= end || (*at != '[' && *at != ']')) return at;
    bool title = *at++ == ']';
    for (int i = 0; at < end && i < 64; i++, at++)
        if (title ? *at == '\a' : isalpha((unsigned char)*at) != 0) return at + 1;
    return at;
}

static int hex_digit(char digit) {
    const char *digits = "0123456789abcdef";
    const char *found = digit ? strchr(digits, tolower((unsigned char)digit)) : NULL;
    return found ? (int)(found - digits) : -1;
}

// Four hexadecimal digits, -1 when there are none.
static int read_hex(const char *text, const char *end) {
    int value = 0;
    if (end - text < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

// Characters beyond ASCII matter to no parser; ESC stands for itself and is dropped by the caller.
static int read_escape(decoder *cursor) {
    char kind = cursor->at[1];
    cursor->at += 2;
    switch (kind) {
    case 'n':
    case 'r':
        return '\n';
    case 't':
        return ' ';
    case 'u': {
        int code = read_hex(cursor->at, cursor->end);
        if (code < 0) return 'u';
        cursor->at += 4;
        if (code == 0x1b) {
            cursor->at = skip_terminal_code(cursor->at, cursor->end, 0);
            return 0;
        }
        return code > 0 && code < 128 ? code : ' ';
    }
    default:
        return (unsigned char)kind;
    }
}

static int read_entity(decoder *cursor) {
    static const struct {
        const char *name;
        char character;
    } entities[] = {{"&gt;", '>'},   {"&lt;", '<'},    {"&amp;", '&'},  {"&quot;", '"'},
                    {"&#39;", '\''}, {"&#x27;", '\''}, {"&nbsp;", ' '}, {"&#34;", '"'},
                    {"&#160;", ' '}, {"&apos;", '\''}};
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++)
        if (begins(cursor->at, cursor->end, entities[i].name)) {
            cursor->at += strlen(entities[i].name);
            return (unsigned char)entities[i].character;
        }
    return (unsigned char)*cursor->at++;
}

// A run of bytes that begins with one above 127: white space and box drawings are a space.
static int read_wide(decoder *cursor) {
    static const char *const spaces[] = {"\xc2\xa0",     "\xe2\x80\xaf", "\xe2\x80\x89",
                                         "\xe2\x80\x8b", "\xef\xbb\xbf", "\xe3\x80\x80"};
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
        if (begins(cursor->at, cursor->end, spaces[i])) {
            cursor->at += strlen(spaces[i]);
            return ' ';
        }
    if (begins(cursor->at, cursor->end, "\xe2\x80\xa6")) { // an ellipsis
        cursor->at += 3;
        return '.';
    }
    bool box =
        begins(cursor->at, cursor->end, "\xe2\x94") || begins(cursor->at, cursor->end, "\xe2\x95");
    if (box && cursor->end - cursor->at >= 3) {
        cursor->at += 3;
        return ' ';
    }
    return (unsigned char)*cursor->at++;
}

// The next character, 0 for one that is dropped.
static int read_character(decoder *cursor) {
    unsigned char next = (unsigned char)*cursor->at;
    if (next == 0x1b) {
        cursor->at = skip_terminal_code(cursor->at, cursor->end, 1);
        return 0;
    }
    if (next == '\\' && cursor->end - cursor->at >= 2) {
        if (cursor->escapes) return read_escape(cursor);
        if (begins(cursor->at, cursor->end, "\\x1b[")) {
            cursor->at = skip_terminal_code(cursor->at, cursor->end, 4);
            return 0;
        }
        if (begins(cursor->at, cursor->end, "\\u001b[")) {
            cursor->at = skip_terminal_code(cursor->at, cursor->end, 6);
            return 0;
        }
    }
    if (next == '&') return read_entity(cursor);
    if (next >= 0x80) return read_wide(cursor);
    cursor->at++;
    if (next == '\t') return ' ';
    return next < ' ' || next == 0x7f ? 0 : next;
}

// Whether a line is of a JSON file or log: its escapes stand for characters. In other text \n may
// be a part of a Windows path.
static bool has_escapes(const char *line, const char *end) {
    const char *at = line;
    while (at < end && isspace((unsigned char)*at))
        at++;
    if (at == end || !memmem(at, (size_t)(end - at), "\\", 1)) return false;
    return *at == '{' || *at == '[' || *at == '"' || *at == '\'' ||
           memmem(at, (size_t)(end - at), "\": \"", 4) ||
           memmem(at, (size_t)(end - at), "\":\"", 3);
}

static bool is_space(char character) {
    return isspace((unsigned char)character) != 0;
}

// "[rank0]:", "[2024-05-01 12:00:00,123]", "[1,0]<stderr>:", "(Worker pid=12)".
static size_t bracket_length(const char *text) {
    const char *end = NULL;
    if (text[0] == '[') end = strchr(text, ']');
    if (text[0] == '(') {
        end = strchr(text, ')');
        const char *pid = strstr(text, "pid=");
        if (!pid || !end || pid > end) return 0;
    }
    if (!end || end - text > 60) return 0;
    size_t length = (size_t)(end - text) + 1;
    if (strncmp(text + length, "<stderr>", 8) == 0) length += 8;
    if (text[length] == ':') length++;
    return length;
}

// Dates and times, with what belongs to them: "2024-05-01T12:00:00.123Z", "12:00:00,5",
// "1.06.520.077".
static size_t time_length(const char *text) {
    size_t length = 0, separators = 0, points = 0;
    while (isdigit((unsigned char)text[length]) ||
           (text[length] && strchr("-/:.,TZ", text[length])))
        points += text[length] == '.',
            separators += text[length] == '-' || text[length] == ':' || text[length] == '/',
            length++;
    bool time = isdigit((unsigned char)text[0]) && (separators >= 2 || points == 3);
    return time && (is_space(text[length]) || text[length] == ']' || !text[length]) ? length : 0;
}

static size_t level_length(const char *text) {
    static const char *const words[] = {"ERROR", "INFO",   "WARNING", "WARN",   "DEBUG", "CRITICAL",
                                        "FATAL", "stderr", "stdout",  "STDERR", "root"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i]);
        if (strncmp(text, words[i], length) != 0) continue;
        const char *after = text + length;
        while (*after == ' ')
            after++;
        if (*after == ':' || *after == '|' || *after == '-') return (size_t)(after - text) + 1;
        if (after > text + length && *after == '[') return (size_t)(after - text);
    }
    return 0;
}

// "0: " as srun --label writes, "rank3: ", "deep-seek-1  | ".
static size_t label_length(const char *text) {
    size_t length = 0;
    if (strncmp(text, "rank", 4) == 0) length = 4;
    while (isdigit((unsigned char)text[length]))
        length++;
    if (length > 0 && text[length] == ':' && text[length + 1] == ' ') return length + 2;
    length = strcspn(text, " |");
    size_t spaces = strspn(text + length, " ");
    bool compose = length > 0 && length < 40 && text[length + spaces] == '|' &&
                   isdigit((unsigned char)text[length - 1]) && strchr(text, '-');
    return compose ? length + spaces + 1 : 0;
}

// How many characters of |line| are the prefix of a comment, a quotation or a log.
static size_t prefix_length(const char *line) {
    size_t length = 0;
    for (int i = 0; i < 12; i++) {
        const char *at = line + length;
        size_t more = strspn(at, " #>|*\"`!");
        if (more == 0 && (at[0] == '-' || at[0] == '+') && at[1] == ' ') more = 1;
        if (more == 0 && at[0] == '/' && at[1] == '/') more = 2;
        if (more == 0 && at[0] == 'E' && at[1] == ' ' && at[2] == ' ') more = 1;
        if (more == 0) more = bracket_length(at);
        if (more == 0) more = time_length(at);
        if (more == 0) more = level_length(at);
        if (more == 0 && length > 0 && strchr("EWIDF", at[0]) && at[0] && at[1] == ' ') more = 1;
        if (more == 0) more = label_length(at);
        if (more == 0) break;
        length += more;
    }
    return length;
}

static snug_status squeeze_line(snug_clean *out, const char *line, size_t length) {
    snug_clean_line *last = &out->lines[out->line_count - 1];
    last->prefix = prefix_length(line);
    size_t most = out->squeezed_length + length + 1;
    SNUG_TRY(SNUG_GROW(&out->squeezed, &out->squeezed_capacity, most));
    for (size_t i = last->prefix; i < length; i++)
        if (!is_space(line[i]))
            out->squeezed[out->squeezed_length++] = (char)tolower((unsigned char)line[i]);
    out->squeezed[out->squeezed_length] = '\0';
    return SNUG_OK;
}

// Decodes up to the next line's end, which a line of the file may hold several of.
static snug_status clean_line(snug_clean *out, decoder *cursor, size_t source_line) {
    size_t most = out->text_length + (size_t)(cursor->end - cursor->at) + 1;
    SNUG_TRY(SNUG_GROW(&out->text, &out->text_capacity, most));
    SNUG_TRY(SNUG_GROW(&out->lines, &out->line_capacity, out->line_count + 1));
    size_t start = out->text_length;
    for (int next = 0; cursor->at < cursor->end && next != '\n';) {
        next = read_character(cursor);
        if (next && next != '\n') out->text[out->text_length++] = (char)next;
    }
    out->text[out->text_length++] = '\0';
    size_t length = out->text_length - 1 - start;
    out->lines[out->line_count++] = (snug_clean_line){.start = start,
                                                      .length = length,
                                                      .source_line = source_line,
                                                      .squeezed = out->squeezed_length};
    return squeeze_line(out, out->text + start, length);
}

static snug_status clean_lines(const char *bytes, size_t length, snug_clean *out) {
    const char *end = bytes + length;
    out->notebook = memmem(bytes, length, "\"cells\"", 7) != NULL && memchr(bytes, '{', length);
    size_t source_line = 1;
    // Carriage returns alone are those of progress bars: lines for us, none for the file.
    for (const char *at = bytes; at < end; at++) {
        const char *stop = at;
        while (stop < end && *stop != '\n' && *stop != '\r')
            stop++;
        decoder cursor = {.at = at, .end = stop, .escapes = has_escapes(at, stop)};
        do
            SNUG_TRY(clean_line(out, &cursor, source_line));
        while (cursor.at < cursor.end);
        source_line += stop < end && *stop == '\n';
        at = stop;
    }
    return SNUG_OK;
}

// UTF-16 as PowerShell's redirection writes it: characters beyond Latin-1 are of no interest.
static snug_status clean_utf16(const char *bytes, size_t length, snug_clean *out) {
    char *narrow = NULL;
    size_t count = length / 2, low = (unsigned char)bytes[0] == 0xff ? 0 : 1;
    SNUG_TRY(SNUG_NEW(&narrow, count + 1));
    for (size_t i = 1; i < count; i++)
        narrow[i - 1] = bytes[2 * i + 1 - low] == 0 ? bytes[2 * i + low] : '?';
    snug_status status = clean_lines(narrow, count - 1, out);
    snug_memory_free(narrow);
    return status;
}

static bool is_utf16(const char *bytes, size_t length) {
    return length >= 4 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0);
}

snug_status snug_clean_text(const char *bytes, size_t length, snug_clean *out) {
    *out = (snug_clean){0};
    SNUG_TRY(is_utf16(bytes, length) ? clean_utf16(bytes, length, out)
                                     : clean_lines(bytes, length, out));
    // Never NULL, however little there was.
    SNUG_TRY(SNUG_GROW(&out->squeezed, &out->squeezed_capacity, 1));
    out->squeezed[out->squeezed_length] = '\0';
    return SNUG_OK;
}

void snug_clean_clear(snug_clean *clean) {
    snug_memory_free(clean->text);
    snug_memory_free(clean->squeezed);
    snug_memory_free(clean->lines);
    *clean = (snug_clean){0};
}

size_t snug_clean_line_at(const snug_clean *clean, size_t at) {
    size_t low = 0, high = clean->line_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (clean->lines[middle].squeezed <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

const char *snug_clean_line_text(const snug_clean *clean, size_t index) {
    return clean->text + clean->lines[index].start;
}

bool snug_clean_is_binary(const char *bytes, size_t length) {
    if (is_utf16(bytes, length)) return false;
    size_t seen = length < 65536 ? length : 65536, controls = 0;
    for (size_t i = 0; i < seen; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        controls += byte < ' ' && byte != '\n' && byte != '\r' && byte != '\t' && byte != 0x1b;
    }
    return controls * 32 > seen;
}
