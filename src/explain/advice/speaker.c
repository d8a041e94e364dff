// Who speaks: tools by their words, and what the text tells of the run.
#include <string.h>

#include "explain/advice/advice.h"

// Adds |tool| in the order of ranks; of equal ones the first found stays first.
static void add_tool(const snug_tool *tool, snug_facts *facts) {
    size_t place = facts->tool_count;
    while (place > 0 && facts->tools[place - 1]->rank > tool->rank)
        place--;
    if (place == SNUG_MAX_TOOLS) return;
    if (facts->tool_count < SNUG_MAX_TOOLS) facts->tool_count++;
    for (size_t i = facts->tool_count - 1; i > place; i--)
        facts->tools[i] = facts->tools[i - 1];
    facts->tools[place] = tool;
}

// PyTorch's own messages, whatever else is named in the text.
static bool is_pytorch(const snug_facts *facts) {
    static const char *const formats[] = {"capacity", "capacty", "reserved",
                                          "cached",   "pytorch", "async",
                                          "thc",      "mps",     "memory-summary"};
    for (size_t i = 0; facts->format && i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(facts->format, formats[i]) == 0) return true;
    return false;
}

// Other frameworks have no say in PyTorch's messages. Libraries print into each other's logs: their
// levers are for their own messages.
static bool is_stranger(const snug_tool *tool, const char *own, const snug_facts *facts) {
    if (!tool->other_framework || (own && strcmp(own, tool->name) == 0)) return false;
    bool bare = facts->masked || (facts->format && strcmp(facts->format, "cuda") == 0);
    return is_pytorch(facts) || (tool->rank == SNUG_TOOL_LIBRARY && !bare);
}

static void find_tools(const char *own, snug_facts *facts) {
    for (const snug_tool *const *tool = snug_tools; *tool; tool++)
        if (!is_stranger(*tool, own, facts) &&
            ((own && strcmp((*tool)->name, own) == 0) || snug_facts_mention(facts, (*tool)->words)))
            add_tool(*tool, facts);
}

// What the program does. Words of stacks and command lines tell it before the tool does, since most
// tools can do both; words of logs and prose only where nothing else tells.
static snug_use find_use(const snug_facts *facts) {
    static const char trains[] =
        ".backward(|optimizer.step(|trainer.train(|training_step|train_one_epoch|train_epoch|"
        "/train.py|\\train.py|pythontrain|train_loop|trainer.fit(|model.fit(|/train/|finetune|"
        "fine_tun|train_batch|inner_training_loop|per_device_train_batch_size|train_dataloader|"
        "train_network|train_text_to_image|model.train(|train_step|train_dreambooth|--do_train|"
        ",intrain|run_train|main_train|train_net.py|pretrain.py|yolotrain|mode=train";
    static const char infers[] =
        "model.generate(|generation/utils.py|inference.py|/inference|infer.py|predict.py|"
        "pipeline(|pipelines/|demo.py|gradio|/app.py|\"app.py|/test.py|\"test.py|pythontest.py|"
        "/eval.py|\"eval.py|pythoneval.py|sample.py|generate.py|"
        ".generate(|generate_text|pipe(|transcribe(|inferenc|txt2img|img2img|upscale|"
        ".chat(|model.eval()|,inpredict|,ininference|,ingenerate|paste_mask|ocr.ocr(|/infer/|predict_system|"
        "create_predictor";
    static const char prose[] = "training|epoch|loss:|loss=|batch_size|batchsize|learning_rate";
    if (facts->phase == SNUG_PHASE_BACKWARD || facts->phase == SNUG_PHASE_OPTIMIZER)
        return SNUG_USE_TRAINING;
    if (facts->use != SNUG_USE_UNKNOWN) return facts->use;
    // A web interface or a server that people start does not train, whatever it prints.
    snug_use first = facts->tool_count > 0 && facts->tools[0]->rank == SNUG_TOOL_PROGRAM
                         ? facts->tools[0]->use
                         : SNUG_USE_UNKNOWN;
    if (first == SNUG_USE_IMAGES || first == SNUG_USE_SERVER) return first;
    if (snug_facts_mention(facts, trains)) return SNUG_USE_TRAINING;
    for (size_t i = 0; i < facts->tool_count; i++)
        if (facts->tools[i]->use != SNUG_USE_UNKNOWN) return facts->tools[i]->use;
    if (snug_facts_mention(facts, infers)) return SNUG_USE_INFERENCE;
    return snug_facts_mention(facts, prose) ? SNUG_USE_TRAINING : SNUG_USE_UNKNOWN;
}

// Whether 16-bit (or smaller) types are in use: their names, unless they are said to be off.
static bool is_half(const snug_facts *facts) {
    static const char *const words[] = {"float16", "bfloat16", "fp16",     "bf16",     "16-mixed",
                                        "--half",  ".half()",  "autocast", "bnb-4bit", "in_4bit",
                                        "in_8bit", "fp8",      "nf4",      "gptq"};
    static const char *const off[] = {"=false", ":false", "\":false", "':false", "=no",
                                      "=0",     ",false", "isnot",    "\":\"no"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const char *at = facts->around, *end = at + facts->around_length;
        size_t length = strlen(words[i]);
        for (; at && (at = memmem(at, (size_t)(end - at), words[i], length)); at += length) {
            bool is_off = false;
            for (size_t j = 0; j < sizeof off / sizeof off[0]; j++) {
                size_t more = strlen(off[j]);
                is_off |=
                    (size_t)(end - at) >= length + more && memcmp(at + length, off[j], more) == 0;
            }
            // "no_half", "use 16-bit": advice of others is no setting.
            is_off |= at - facts->around >= 3 && memcmp(at - 3, "no-", 3) == 0;
            if (!is_off) return true;
        }
    }
    return false;
}

static snug_torch_age find_age(const snug_facts *facts) {
    const char *format = facts->format ? facts->format : "";
    if (strcmp(format, "capacity") == 0 || strcmp(format, "capacty") == 0) return SNUG_TORCH_RECENT;
    if (strcmp(format, "cached") == 0 || strcmp(format, "thc") == 0) return SNUG_TORCH_EARLY;
    // The exception's own type came with 1.13, the hint with 1.10.
    bool typed = snug_facts_mention(facts, "outofmemoryerror:");
    if (strcmp(format, "reserved") == 0 && (facts->tells_hint || typed)) return SNUG_TORCH_MIDDLE;
    if (strcmp(format, "reserved") == 0) return SNUG_TORCH_EARLY;
    return SNUG_TORCH_UNKNOWN;
}

// Where it was asked for, by words of code and prose where no stack tells.
static snug_run_phase find_phase(const snug_facts *facts) {
    static const struct {
        const char *words;
        snug_run_phase phase;
    } notes[] = {
        {"exp_avg|momentum_buffer|optimizerstateinitialization|initialize_optimizer_states",
         SNUG_PHASE_OPTIMIZER},
        {"variables_initializer", SNUG_PHASE_LOAD},
        {"duringvalidation|duringthevalidation|duringevaluation|duringtheevaluation|"
         "invalidationstep|whenvalidating|invalidationphase|validationloop|whileevaluating",
         SNUG_PHASE_EVALUATE},
    };
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++)
        if (snug_facts_mention(facts, notes[i].words)) return notes[i].phase;
    return SNUG_PHASE_UNKNOWN;
}

// What was too small, where not the message but the text around it tells.
static snug_shortage find_shortage(const snug_facts *facts) {
    static const struct {
        const char *words;
        snug_shortage shortage;
    } notes[] = {
        {"nested_concat|pad_across_processes|_nested_gather|gather_for_metrics|eval_preds.append|"
         "all_preds.add_batch|torch_pad_and_concatenate",
         SNUG_SHORTAGE_GATHERED},
        {"warmingupsampler", SNUG_SHORTAGE_REQUESTS},
        {"cannotallocatememoryblockwithsizelargerthan|canotallocatememoryblockwithsizelargerthan",
         SNUG_SHORTAGE_BLOCK},
    };
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++)
        if (snug_facts_mention(facts, notes[i].words)) return notes[i].shortage;
    // Intel's drivers give blocks of up to 4 GiB.
    bool is_xpu = facts->device && strcmp(facts->device, "XPU") == 0;
    const uint64_t most = (uint64_t)4 << 30;
    if (is_xpu && facts->figures.requested.bytes >= most && facts->figures.capacity.known &&
        facts->figures.allocated.bytes + facts->figures.requested.bytes <
            facts->figures.capacity.bytes / 10 * 9)
        return SNUG_SHORTAGE_BLOCK;
    // Pinning asks CUDA for memory of the host.
    bool bare = !facts->figures.requested.known && !facts->figures.capacity.known;
    if (bare && snug_facts_mention(facts, "pin_memory.py|_pin_memory_loop|inpinmemorythread|"
                                          ".pin_memory(|cudahostalloc|cudahostregister|"
                                          "pinnedmemory|pin_memory=true"))
        return SNUG_SHORTAGE_PINNED;
    if (bare && facts->format && strcmp(facts->format, "cuda") == 0 &&
        snug_facts_mention(facts, "deepspeedzerooptimizer") && snug_facts_mention(facts, "offload"))
        return SNUG_SHORTAGE_PINNED;
    return SNUG_SHORTAGE_UNKNOWN;
}

// Who sets PyTorch's allocator to cudaMallocAsync by itself: where no program is seen in a text of
// it, it is ComfyUI's.
static void guess_tool(snug_facts *facts) {
    bool is_async = facts->format && strcmp(facts->format, "async") == 0;
    if (!is_async || facts->tool_count > 0 || facts->user.file) return;
    for (const snug_tool *const *tool = snug_tools; *tool; tool++)
        if (strcmp((*tool)->name, "ComfyUI") == 0) add_tool(*tool, facts);
}

// A status of CUDA's from a program that is nobody's we know, and not Python's with PyTorch.
static bool is_strange(const char *own, const snug_facts *facts) {
    static const char signs[] = "torch|cudaerror:outofmemory|hiperror:outofmemory|.cuda()|"
                                "cudaoutofmemory|outofmemoryerror|acceleratorerror|train.py|epoch";
    bool bare = facts->format &&
                (strcmp(facts->format, "cuda") == 0 || strcmp(facts->format, "pytorch") == 0);
    return bare && !facts->figures.requested.known && !own && facts->tool_count == 0 &&
           !snug_facts_mention(facts, signs);
}

void snug_speaker_find(const char *own, snug_facts *facts) {
    enum { SHORT = 20000 }; // a long log has words of every kind
    if (facts->phase == SNUG_PHASE_UNKNOWN && facts->around_length < SHORT)
        facts->phase = find_phase(facts);
    find_tools(own, facts);
    guess_tool(facts);
    facts->use = find_use(facts);
    facts->half = is_half(facts);
    facts->torch = find_age(facts);
    facts->windows = snug_facts_mention(
        facts,
        "\\lib\\site-packages|c:\\|d:\\|e:\\|winerror|\\\\users\\\\|windows10|windows11|windows-10|windows-11|system:windows|"
        "notenoughmemory:youtriedtoallocate");
    facts->no_expandable =
        snug_facts_mention(facts, "expandable_segmentsnotsupported|expandablesegmentsnotsupported");
    if (facts->shortage == SNUG_SHORTAGE_UNKNOWN) facts->shortage = find_shortage(facts);
    // CUDA's status alone does not tell whose program it is.
    bool is_bare = facts->masked || (facts->format && strcmp(facts->format, "cuda") == 0);
    if (is_bare && facts->tool_count > 0)
        facts->other_framework |= facts->tools[0]->other_framework;
    facts->other_framework |= is_strange(own, facts);
}
