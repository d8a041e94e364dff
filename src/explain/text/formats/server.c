// Language models' servers, which reckon at their start what the cache of keys and values can have,
// and refuse before anything is asked of the device: vLLM, SGLang, TGI, LMDeploy, ExLlama, LM
// Studio.
#include <stdlib.h>
#include <string.h>

#include "explain/text/message.h"

static const snug_anchor anchors[] = {
    {.text = "noavailablememoryforthecacheblocks", .shortage = SNUG_SHORTAGE_CACHE},
    {.text = "maxseqlen(#)islargerthanthemaximumnumberoftokens", .shortage = SNUG_SHORTAGE_CONTEXT},
    {.text = "toserveatleastonerequestwiththemodel", .shortage = SNUG_SHORTAGE_CONTEXT},
    {.text = "onstartupislessthandesiredgpumemoryutilization", .shortage = SNUG_SHORTAGE_SHARE},
    {.text = "errorinmemoryprofiling.initialfreememory", .shortage = SNUG_SHORTAGE_SHARE},
    {.text = "notenoughmemorytohandle#prefilltokens", .shortage = SNUG_SHORTAGE_REQUESTS},
    {.text = "notenoughmemorytohandle#totaltokens", .shortage = SNUG_SHORTAGE_REQUESTS},
    {.text = "notenoughmemory.pleasetrytoincrease--mem-fraction-static",
     .shortage = SNUG_SHORTAGE_CACHE},
    {.text = "prefilloutofmemory", .shortage = SNUG_SHORTAGE_REQUESTS},
    {.text = "decodeoutofmemory", .shortage = SNUG_SHORTAGE_REQUESTS},
    {.text = "noenoughgpumemory", .shortage = SNUG_SHORTAGE_CACHE},
    {.text = "notenoughgpumemorytoallocatekv", .shortage = SNUG_SHORTAGE_CACHE},
    {.text = "insufficientvramformodelandcache", .shortage = SNUG_SHORTAGE_CACHE},
    {.text = "insufficientvrambasedon", .shortage = SNUG_SHORTAGE_CACHE},
    {.text = "modelloadingwasstoppedduetoinsufficientsystemresources",
     .shortage = SNUG_SHORTAGE_HOST},
    {.text = "executorcreationfailedduetoinsufficientgpumemory",
     .shortage = SNUG_SHORTAGE_REQUESTS},
    {.text = "kvcacheistoosmall", .shortage = SNUG_SHORTAGE_CONTEXT},
    {.text = "canonlysupport#kvcachetokens", .shortage = SNUG_SHORTAGE_CONTEXT},
    {0},
};

// The number after |words| within the message and |more| characters, 0 where there is none.
static double number_after(const char *text, size_t length, const char *words) {
    const char *found = memmem(text, length, words, strlen(words));
    return found ? strtod(found + strlen(words), NULL) : 0;
}

// "cuda:1(19.77/22.05gib)onstartup...(0.9,19.84gib)": free and all of the card, the share and what
// it is. |at| is where "onstartup" stands.
static void read_share(const char *text, size_t length, size_t at, snug_facts *facts) {
    size_t open = at;
    while (open > 0 && at - open < 60 && text[open] != '(')
        open--;
    const char *slash = memchr(text + open, '/', at - open);
    double share = number_after(text + at, length - at < 120 ? length - at : 120, "utilization(");
    if (text[open] != '(' || !slash || share <= 0) return;
    double available = strtod(text + open + 1, NULL), whole = strtod(slash + 1, NULL);
    const double gib = 0x1p30;
    if (available < 0 || whole <= 0 || whole > 1e6 || available > 1e6 || share > 1e6) return;
    facts->figures.free = snug_amount_of((uint64_t)(available * gib));
    facts->figures.capacity = snug_amount_of((uint64_t)(whole * gib));
    facts->figures.requested = snug_amount_of((uint64_t)(share * whole * gib));
    if (open > 6 && memcmp(text + open - 6, "cuda:", 5) == 0) facts->gpu = text[open - 1] - '0';
}

static void tell(const snug_clean *clean, const snug_message *message, snug_facts *facts) {
    const char *text = clean->squeezed + message->start;
    size_t length = clean->squeezed_length - message->start;
    if (length > 700) length = 700;
    facts->use = SNUG_USE_SERVER;
    if (message->shortage == SNUG_SHORTAGE_SHARE)
        read_share(clean->squeezed, clean->squeezed_length, message->start, facts);
    if (message->shortage == SNUG_SHORTAGE_REQUESTS)
        facts->tokens = (int64_t)number_after(text, length, "tohandle");
    if (message->shortage != SNUG_SHORTAGE_CONTEXT) return;
    double wanted = number_after(text, length, "maxseqlen(");
    double possible = number_after(text, length, "estimatedmaximummodellengthis");
    if (possible <= 0) possible = number_after(text, length, "storedinkvcache(");
    if (wanted > 0 && wanted < 1e12) facts->tokens = (int64_t)wanted;
    if (possible > 0 && possible < 1e12) facts->tokens_possible = (int64_t)possible;
}

const snug_format snug_format_server = {
    .name = "server",
    .family = "server",
    .anchors = anchors,
    .together = 300,
    .other_framework = true,
    .tell = tell,
};
