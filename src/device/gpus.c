// The list of cards. Figures are NVIDIA's: the white papers of Pascal (GP100), Turing, Ampere
// (GA100 and GA102), Ada, Hopper and RTX Blackwell with their tables of peak rates, the data sheets
// of the data center cards and the RTX workstation cards, and the GeForce specification pages.
// Where these give a clock but no rate, float32 is 2 x CUDA cores x boost clock. Laptop chips are
// listed at the highest clock that NVIDIA names; most machines run them lower. Tensor rates are
// dense (half of those that data sheets give "with sparsity") and sum in 32 bits, which GeForce
// cards do at half the rate of 16-bit sums.
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/near.h"
#include "base/text.h"
#include "snug/gpu.h"

#define GIB(count) ((size_t)(count) << 30)

// GiB, GB/s, TFLOPS in float32 and on tensor cores, compute capability.
#define CARD(name, reported, gib, gigabytes, float32, tensor, capability)                          \
    {                                                                                              \
        name, reported, GIB(gib), GIB(gib), (gigabytes)*1e9, (float32)*1e12, (tensor)*1e12,        \
            capability                                                                             \
    }

// Data center cards with GDDR memory keep its error correction in the memory itself, a sixteenth of
// it, and come with it on. (HBM has its own bits for that; workstation cards come with it off.)
#define CARD_ECC(name, reported, gib, gigabytes, float32, tensor, capability)                      \
    {                                                                                              \
        name, reported, GIB(gib), GIB(gib) / 16 * 15, (gigabytes)*1e9, (float32)*1e12,             \
            (tensor)*1e12, capability                                                              \
    }

static const snug_gpu_info cards[] = {
    CARD("GTX 1050 Ti", NULL, 4, 112, 2.14, 0, 61),
    CARD("GTX 1060 3GB", NULL, 3, 192, 3.94, 0, 61),
    CARD("GTX 1060", NULL, 6, 192, 4.37, 0, 61),
    CARD("GTX 1070", NULL, 8, 256, 6.46, 0, 61),
    CARD("GTX 1080", NULL, 8, 320, 8.87, 0, 61),
    CARD("GTX 1080 Ti", NULL, 11, 484, 11.3, 0, 61),
    CARD("Titan Xp", NULL, 12, 547.7, 12.1, 0, 61),
    CARD("GTX 1650", NULL, 4, 128, 2.98, 0, 75),
    CARD("GTX 1660 Super", NULL, 6, 336, 5.03, 0, 75),
    CARD("GTX 1660 Ti", NULL, 6, 288, 5.44, 0, 75),
    CARD("RTX 2060", NULL, 6, 336, 6.45, 25.8, 75),
    CARD("RTX 2070", NULL, 8, 448, 7.46, 29.9, 75),
    CARD("RTX 2080", NULL, 8, 448, 10.1, 40.3, 75),
    CARD("RTX 2080 Ti", NULL, 11, 616, 13.4, 53.8, 75),
    CARD("Titan V", NULL, 12, 652.8, 14.9, 119, 70),
    CARD("Titan RTX", NULL, 24, 672, 16.3, 130.5, 75),
    CARD("RTX 3050 Laptop", NULL, 4, 192, 7.13, 14.3, 86),
    CARD("RTX 3050 6GB", NULL, 6, 168, 6.77, 13.5, 86),
    CARD("RTX 3050", NULL, 8, 224, 9.1, 18.2, 86),
    CARD("RTX 3060 Laptop", NULL, 6, 336, 13.1, 26.2, 86),
    CARD("RTX 3060", NULL, 12, 360, 12.7, 25.5, 86),
    CARD("RTX 3060 Ti", NULL, 8, 448, 16.2, 32.4, 86),
    CARD("RTX 3070", NULL, 8, 448, 20.3, 40.6, 86),
    CARD("RTX 3070 Ti", NULL, 8, 608, 21.7, 43.5, 86),
    CARD("RTX 3080", NULL, 10, 760, 29.8, 59.5, 86),
    CARD("RTX 3080 12GB", NULL, 12, 912, 30.6, 61.3, 86),
    CARD("RTX 3080 Ti", NULL, 12, 912, 34.1, 68.2, 86),
    CARD("RTX 3090", NULL, 24, 936, 35.6, 71, 86),
    CARD("RTX 3090 Ti", NULL, 24, 1008, 40, 80, 86),
    CARD("RTX 4050 Laptop", NULL, 6, 192, 12.1, 24.3, 89),
    CARD("RTX 4060 Laptop", NULL, 8, 256, 14.6, 29.1, 89),
    CARD("RTX 4060", NULL, 8, 272, 15.1, 30.2, 89),
    CARD("RTX 4060 Ti", NULL, 8, 288, 22.1, 44.1, 89),
    CARD("RTX 4060 Ti 16GB", NULL, 16, 288, 22.1, 44.1, 89),
    CARD("RTX 4070", NULL, 12, 504, 29.1, 58.3, 89),
    CARD("RTX 4070 Super", NULL, 12, 504, 35.5, 71, 89),
    CARD("RTX 4070 Ti", NULL, 12, 504, 40.1, 80.2, 89),
    CARD("RTX 4080", NULL, 16, 716.8, 48.7, 97.5, 89),
    CARD("RTX 4090", NULL, 24, 1008, 82.6, 165.2, 89),
    CARD("RTX 5060", NULL, 8, 448, 19.2, 38.4, 120),
    CARD("RTX 5060 Ti", NULL, 8, 448, 23.7, 47.4, 120),
    CARD("RTX 5060 Ti 16GB", NULL, 16, 448, 23.7, 47.4, 120),
    CARD("RTX 5070", NULL, 12, 672, 30.9, 61.7, 120),
    CARD("RTX 5070 Ti", NULL, 16, 896, 43.9, 87.9, 120),
    CARD("RTX 5080", NULL, 16, 960, 56.3, 112.6, 120),
    CARD("RTX 5090", NULL, 32, 1792, 104.8, 209.5, 120),
    CARD("RTX A2000", NULL, 6, 288, 8, 31.9, 86),
    CARD("RTX A2000 12GB", NULL, 12, 288, 8, 31.9, 86),
    CARD("RTX A4000", NULL, 16, 448, 19.2, 76.7, 86),
    CARD("RTX A4500", NULL, 20, 640, 23.7, 94.6, 86),
    CARD("RTX A5000", NULL, 24, 768, 27.8, 111.1, 86),
    CARD("RTX A6000", NULL, 48, 768, 38.7, 154.8, 86),
    CARD("RTX 6000 Ada", NULL, 48, 960, 91.1, 364.2, 89),
    CARD("P100 PCIe", "Tesla P100-PCIE-16GB", 16, 732, 9.3, 0, 60),
    CARD("P100 SXM2", "Tesla P100-SXM2-16GB", 16, 732, 10.6, 0, 60),
    CARD("V100 PCIe 16GB", "Tesla V100-PCIE-16GB", 16, 900, 14, 112, 70),
    CARD("V100 PCIe 32GB", "Tesla V100-PCIE-32GB", 32, 900, 14, 112, 70),
    CARD("V100 SXM2 16GB", "Tesla V100-SXM2-16GB", 16, 900, 15.7, 125, 70),
    CARD("V100 SXM2 32GB", "Tesla V100-SXM2-32GB", 32, 900, 15.7, 125, 70),
    CARD_ECC("T4", NULL, 16, 320, 8.1, 65, 75),
    CARD_ECC("A10", NULL, 24, 600, 31.2, 125, 86),
    CARD("A30", NULL, 24, 933, 10.3, 165, 80),
    CARD_ECC("A40", NULL, 48, 696, 37.4, 149.7, 86),
    CARD("A100 40GB PCIe", "A100-PCIE-40GB", 40, 1555, 19.5, 312, 80),
    CARD("A100 40GB SXM", "A100-SXM4-40GB", 40, 1555, 19.5, 312, 80),
    CARD("A100 80GB PCIe", "A100-PCIE-80GB", 80, 1935, 19.5, 312, 80),
    CARD("A100 80GB SXM", "A100-SXM4-80GB", 80, 2039, 19.5, 312, 80),
    CARD_ECC("L4", NULL, 24, 300, 30.3, 121, 89),
    CARD_ECC("L40S", NULL, 48, 864, 91.6, 362, 89),
    CARD("H100 PCIe", NULL, 80, 2000, 51, 756, 90),
    CARD("H100 SXM", "H100 80GB HBM3", 80, 3350, 67, 989, 90),
    CARD("H200", "H200 SXM", 141, 4800, 67, 989, 90),
};
enum { CARDS = sizeof cards / sizeof cards[0], PLAIN_TEXT = 64, SIZED_TEXT = 96, LISTED = 6 };

const snug_gpu_info *snug_gpu_at(int index) {
    return index >= 0 && index < CARDS ? &cards[index] : NULL;
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

static const snug_gpu_info *find_plain(const char *plain) {
    for (const snug_gpu_info *card = cards; card < cards + CARDS; card++) {
        char name[PLAIN_TEXT], reported[PLAIN_TEXT], sized[SIZED_TEXT];
        simplify(card->name, name);
        simplify(card->reported ? card->reported : card->name, reported);
        with_memory(card, sized);
        if (strcmp(plain, name) == 0 || strcmp(plain, sized) == 0 || strcmp(plain, reported) == 0)
            return card;
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
    for (const snug_gpu_info *card = cards; card < cards + CARDS; card++) {
        char sized[SIZED_TEXT];
        with_memory(card, sized);
        if (has_words(sized, name) && ++found <= LISTED)
            snug_text_append(list, "%s%s", found > 1 ? ", " : "", card->name);
    }
    if (found > LISTED) snug_text_append(list, " and more");
    return found;
}

static void list_nearest(const char *plain, snug_text *list) {
    char names[CARDS][PLAIN_TEXT];
    const char *pointers[CARDS + 1] = {0};
    for (int i = 0; i < CARDS; i++) {
        simplify(cards[i].name, names[i]);
        pointers[i] = names[i];
    }
    const char *near = snug_near_match(plain, pointers);
    for (int i = 0; near && i < CARDS; i++)
        if (near == names[i]) snug_text_append(list, "%s", cards[i].name);
}

snug_status snug_gpu_find(const char *name, const snug_gpu_info **out) {
    char plain[PLAIN_TEXT];
    simplify(name, plain);
    *out = find_plain(plain);
    if (*out) return SNUG_OK;
    snug_text list = {0};
    if (list_with_words(name, &list) == 0) list_nearest(plain, &list);
    const char *found = snug_text_view(&list);
    snug_status status =
        snug_fail(SNUG_NOT_FOUND, "no card is called \"%s\"%s%s%s `snug devices --gpus` lists them",
                  name, *found ? ": did you mean " : "", found, *found ? "?" : ";");
    snug_text_clear(&list);
    return status;
}
