// Finding a card by name.
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "cards/gpu_list.h"
#include "snug/near.h"

enum { PLAIN_TEXT = 64, SIZED_TEXT = 96, LISTED = 6 };

const snug_gpu_info *snug_gpu_at(int index) {
    return index >= 0 && index < snug_gpu_count ? &snug_gpu_list[index] : NULL;
}

static void cut_out(char *text, const char *word) {
    char *found = strstr(text, word);
    if (found) memmove(found, found + strlen(word), strlen(found + strlen(word)) + 1);
}

// |name| in small letters and digits alone, without the words that add nothing.
static void simplify(const char *name, char plain[PLAIN_TEXT]) {
    size_t used = 0;
    for (; *name && used < PLAIN_TEXT - 1; name++)
        if (isalnum((unsigned char)*name)) plain[used++] = (char)tolower((unsigned char)*name);
    plain[used] = '\0';
    static const char *const words[] = {"nvidia", "geforce",    "tesla",
                                        "quadro", "generation", "gpu"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        cut_out(plain, words[i]);
}

// The card's name, simplified, with its memory's size at the end unless the name has one.
static void with_memory(const snug_gpu_info *card, char plain[SIZED_TEXT]) {
    simplify(card->name, plain);
    if (strstr(plain, "gb")) return;
    snprintf(plain + strlen(plain), SIZED_TEXT - PLAIN_TEXT, "%zugb", card->memory_bytes >> 30);
}

// Other names that drivers and people give cards of the list, or cards that differ from one in
// rates alone.
static const char *const aliases[][2] = {
    {"A100-PCIE-80GB", "A100 80GB PCIe"},
    {"A800-SXM4-80GB", "A100 80GB SXM"},
    {"A800 80GB PCIe", "A100 80GB PCIe"},
    {"H800", "H100 SXM"},
    {"H200 SXM", "H200"},
    {"H200 NVL", "H200"},
    {"RTX PRO 6000 Blackwell", "RTX PRO 6000"},
    {"RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000"},
    {"RTX PRO 6000 Blackwell Max-Q Workstation Edition", "RTX PRO 6000"},
};
enum { ALIASES = sizeof aliases / sizeof aliases[0] };

// The name of the list for what |plain| is another name of, else |plain|.
static void follow_alias(char plain[PLAIN_TEXT]) {
    for (int i = 0; i < ALIASES; i++) {
        char other[PLAIN_TEXT];
        simplify(aliases[i][0], other);
        if (strcmp(plain, other) == 0) {
            simplify(aliases[i][1], plain);
            return;
        }
    }
}

// By name first: two cards that differ in memory may be reported by one name, which is then the
// first's.
static const snug_gpu_info *find_plain(const char *plain) {
    for (int i = 0; i < snug_gpu_count; i++) {
        char name[PLAIN_TEXT], sized[SIZED_TEXT];
        simplify(snug_gpu_list[i].name, name);
        with_memory(&snug_gpu_list[i], sized);
        if (strcmp(plain, name) == 0 || strcmp(plain, sized) == 0) return &snug_gpu_list[i];
    }
    for (int i = 0; i < snug_gpu_count; i++) {
        char reported[PLAIN_TEXT];
        simplify(snug_gpu_list[i].reported, reported);
        if (strcmp(plain, reported) == 0) return &snug_gpu_list[i];
    }
    return NULL;
}

// Whether each word of |name| is in |sized|.
static bool has_words(const char *sized, const char *name) {
    char word[PLAIN_TEXT], plain[PLAIN_TEXT];
    bool any = false;
    while (*name) {
        size_t length = strcspn(name, " -_/");
        snprintf(word, sizeof word, "%.*s", (int)length, name);
        simplify(word, plain);
        if (!strstr(sized, plain)) return false;
        any = any || *plain;
        name += length + (name[length] != '\0');
    }
    return any;
}

// Those that have all words of |name|: what "A100" or "V100 32GB" might mean.
static int list_with_words(const char *name, snug_text *list) {
    int found = 0;
    for (int i = 0; i < snug_gpu_count; i++) {
        char sized[SIZED_TEXT];
        with_memory(&snug_gpu_list[i], sized);
        if (has_words(sized, name) && ++found <= LISTED)
            snug_text_append(list, "%s%s", found > 1 ? ", " : "", snug_gpu_list[i].name);
    }
    if (found > LISTED) snug_text_append(list, " and more");
    return found;
}

// Host memory that cannot be had leaves the list empty.
static void list_nearest(const char *plain, snug_text *list) {
    char(*names)[PLAIN_TEXT] = NULL;
    const char **pointers = NULL;
    if (SNUG_NEW(&names, (size_t)snug_gpu_count) == SNUG_OK &&
        SNUG_NEW(&pointers, (size_t)snug_gpu_count + 1) == SNUG_OK) {
        for (int i = 0; i < snug_gpu_count; i++) {
            simplify(snug_gpu_list[i].name, names[i]);
            pointers[i] = names[i];
        }
        const char *near = snug_near_match(plain, pointers);
        for (int i = 0; near && i < snug_gpu_count; i++)
            if (near == names[i]) snug_text_append(list, "%s", snug_gpu_list[i].name);
    }
    snug_memory_free(pointers);
    snug_memory_free(names);
}

snug_status snug_gpu_find(const char *name, const snug_gpu_info **out) {
    SNUG_REQUIRE(name && out, "a name and a place for the card");
    char plain[PLAIN_TEXT];
    simplify(name, plain);
    follow_alias(plain);
    *out = find_plain(plain);
    if (*out) return SNUG_OK;
    snug_text list = {0};
    if (list_with_words(name, &list) == 0) list_nearest(plain, &list);
    const char *found = snug_text_view(&list);
    snug_status status =
        snug_fail(SNUG_NOT_FOUND, "no card is called \"%s\"%s%s%s `snug cards` lists them", name,
                  *found ? ": did you mean " : "", found, *found ? "?" : ";");
    snug_text_clear(&list);
    return status;
}
