// What messages are judged to come from, and what is advised: figures, stacks and logs made for one
// cause each.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/explanation.h"
#include "snug/explain.h"
#include "support/test.h"

#define RESERVED(asked, total, allocated, free, reserved)                                          \
    "RuntimeError: CUDA out of memory. Tried to allocate " asked " (GPU 0; " total                 \
    " total capacity; " allocated " already allocated; " free " free; " reserved                   \
    " reserved in total by PyTorch)\n"
#define CAPACITY(asked, total, free, process, allocated, unallocated)                              \
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate " asked                         \
    ". GPU 0 has a total capacity of " total " of which " free " is free. " process                \
    "Of the allocated memory " allocated " is allocated by PyTorch, and " unallocated              \
    " is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try "    \
    "setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.\n"
#define STACK "Traceback (most recent call last):\n"
#define FRAME(file, line, function, code)                                                          \
    "  File \"" file "\", line " line ", in " function "\n    " code "\n"
#define TORCH "/usr/lib/python3/dist-packages/torch/"
#define FULL RESERVED("256.00 MiB", "15.90 GiB", "14.90 GiB", "60.00 MiB", "15.20 GiB")
#define FORWARD                                                                                    \
    FRAME("train.py", "40", "main", "out = model(images)")                                         \
    FRAME(TORCH "nn/modules/module.py", "1511", "_call_impl", "return forward_call(*args)")        \
    FRAME("net.py", "12", "forward", "return self.conv(x)")
#define EVALUATE                                                                                   \
    FRAME("train.py", "90", "<module>", "score = evaluate(model, loader)")                         \
    FRAME("train.py", "61", "evaluate", "out = model(images)")

typedef struct judgement {
    const char *name, *cause, *advice; // words in one of the fixes, NULL: any
    const char *refuted;               // a cause that is not among those found, NULL: any
    const char *text;
} judgement;

static const judgement judgements[] = {
    {"a full card", "batch", "Halve the batch", "fragmentation", FULL},
    {"a full card in the forward pass", "batch", "snug fit --memory 15.2GiB python PROGRAM", NULL,
     STACK FORWARD FULL},
    {"the batch size is in the log", "batch",
     "micro-batches of 32 and step the optimizer every 2 of them", NULL,
     "Namespace(batch_size=64, lr=0.1)\nepoch 0 step 0\n" STACK FORWARD RESERVED(
         "6.00 GiB", "15.90 GiB", "12.00 GiB", "1.00 GiB", "12.10 GiB")},
    {"a hint that would not help", "batch", NULL, "other-process",
     CAPACITY("22.00 MiB", "23.65 GiB", "11.06 MiB",
              "Including non-PyTorch memory, this process has 23.60 GiB memory in use. ",
              "22.90 GiB", "19.00 MiB")},
    {"its own number, seen from a container", "batch", NULL, "other-process",
     CAPACITY("496.00 MiB", "14.75 GiB", "235.06 MiB",
              "Process 20398 has 14.52 GiB memory in use. ", "14.06 GiB", "330.42 MiB")},
    {"pieces", "fragmentation", "expandable_segments:True", "other-process",
     RESERVED("2.80 GiB", "14.76 GiB", "8.70 GiB", "19.75 MiB", "13.71 GiB")},
    {"pieces, in the newer words", "fragmentation", "expandable_segments:True", "other-process",
     CAPACITY("3.00 GiB", "23.65 GiB", "1.66 GiB",
              "Including non-PyTorch memory, this process has 21.60 GiB memory in use. ",
              "12.09 GiB", "8.84 GiB")},
    {"pieces, with the setting already there", "batch", NULL, NULL,
     "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True python train.py\n" RESERVED(
         "1.80 GiB", "14.76 GiB", "12.70 GiB", "0.20 GiB", "14.50 GiB")},
    {"another's card", "other-process", "nvidia-smi", NULL,
     RESERVED("2.00 MiB", "3.79 GiB", "654.97 MiB", "6.00 MiB", "666.00 MiB")},
    {"another's card, by its number", "other-process", "nvidia-smi", "fragmentation",
     CAPACITY("1.00 GiB", "39.39 GiB", "100.00 MiB",
              "Process 411 has 30.20 GiB memory in use. Including non-PyTorch memory, this process "
              "has 9.00 GiB memory in use. ",
              "8.40 GiB", "60.00 MiB")},
    {"free again when it was written", "other-process", "nvidia-smi", "batch",
     RESERVED("12.50 MiB", "10.92 GiB", "8.57 MiB", "9.28 GiB", "13.25 MiB")},
    {"a fraction of one's own", "unknown", NULL, "batch",
     CAPACITY("64.00 MiB", "79.15 GiB", "38.09 GiB",
              "Including non-PyTorch memory, this process has 41.06 GiB memory in use. ",
              "39.10 GiB", "427.46 MiB")},
    {"absurd", "unknown", "shapes", "model",
     RESERVED("243.00 GiB", "15.90 GiB", "2.00 GiB", "12.00 GiB", "2.10 GiB")},
    {"absurd beside a full card", "unknown", "scaled_dot_product_attention", NULL,
     RESERVED("119.21 GiB", "11.99 GiB", "9.16 GiB", "1.00 GiB", "9.59 GiB")},
    {"attention over a long sequence", "late-batch", "scaled_dot_product_attention", NULL,
     STACK FRAME("run.py", "8", "main", "model(tokens)")
         FRAME("model.py", "55", "attention", "scores = torch.softmax(q @ k.transpose(-2, -1), -1)")
             RESERVED("9.00 GiB", "15.90 GiB", "7.90 GiB", "7.00 GiB", "8.00 GiB")},
    {"hours in", "late-batch", "longest batch first", NULL,
     "iter 100 loss 2.1\niter 5000 loss 1.4\n" STACK FORWARD RESERVED(
         "900.00 MiB", "15.90 GiB", "14.60 GiB", "400.00 MiB", "15.10 GiB")},
    {"on the way to the card", "model", "16 bits", NULL,
     STACK FRAME("run.py", "5", "<module>", "model = Net().cuda()")
         FRAME(TORCH "nn/modules/module.py", "911", "_apply", "param_applied = fn(param)") FULL},
    {"before any figures", "model", NULL, NULL,
     "THCudaCheck FAIL file=/a/THCStorage.cu line=66 error=2 : out of memory\n" STACK FRAME(
         "run.py", "5", "<module>", "model.cuda()")
         FRAME(
             TORCH "nn/modules/module.py", "143", "_apply",
             "module._apply(fn)") "RuntimeError: cuda runtime error (2) : out of memory at /a/THCStorage.cu:66\n"},
    {"a language model's weights", "model", "-ngl", NULL,
     "alloc_tensor_range: failed to allocate CUDA0 buffer of size 15185167462\n"
     "llama_model_load: error loading model: unable to allocate CUDA0 buffer\n"},
    {"the optimizer's first step", "optimizer-state", "8-bit Adam", NULL,
     STACK FRAME("train.py", "30", "main", "optimizer.step()")
         FRAME(TORCH "optim/adam.py", "92", "_init_group", "state['exp_avg'] = torch.zeros_like(p)")
             FULL},
    {"evaluation without no_grad", "history", "torch.no_grad()", NULL, STACK EVALUATE FULL},
    {"a sum of losses", "history", "train.py:31", NULL,
     STACK FRAME("train.py", "31", "train", "total += loss") FORWARD FULL},
    {"a kept graph", "history", "retain_graph", NULL,
     STACK FRAME("gan.py", "12", "<module>", "loss.backward(retain_graph=True)") FRAME(
         TORCH "autograd/__init__.py", "266", "backward", "Variable._execution_engine.run()") FULL},
    {"printed memory that grows", "leak", "Find what grows", NULL,
     "step 1 mem: 3000MiB\nstep 2 mem: 3500MiB\nstep 3 mem: 4000MiB\nstep 4 mem: 4500MiB\n"
     "step 5 mem: 5000MiB\nstep 6 mem: 5500MiB\n" STACK FORWARD FULL},
    {"again after an error", "batch", "except block", NULL,
     RESERVED("2.00 GiB", "15.90 GiB", "15.00 GiB", "60.00 MiB",
              "15.20 GiB") "retrying with half the batch\n" RESERVED("1.00 GiB", "15.90 GiB",
                                                                     "15.10 GiB", "60.00 MiB",
                                                                     "15.20 GiB")},
    {"graphs' own pools", "workspace", "graph_pool_handle", NULL,
     "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 32.00 MiB. GPU 0 has a total "
     "capacity of 23.65 GiB of which 12.00 MiB is free. Including non-PyTorch memory, this process "
     "has 23.60 GiB memory in use. Of the allocated memory 22.40 GiB is allocated by PyTorch, with "
     "21.00 GiB allocated in private pools (e.g., CUDA Graphs), and 19.00 MiB is reserved by "
     "PyTorch but unallocated.\n"},
    {"other code's memory in the process", "workspace", NULL, "other-process",
     CAPACITY("512.00 MiB", "15.77 GiB", "10.00 MiB",
              "Including non-PyTorch memory, this process has 15.75 GiB memory in use. ",
              "2.10 GiB", "40.00 MiB")},
    {"a masking error", "hidden", "nvidia-smi", NULL,
     STACK FORWARD "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling "
                   "`cublasCreate(handle)`\n"},
    {"nothing but the words", "unknown", "_record_memory_history", NULL,
     "RuntimeError: CUDA error: out of memory\n"},
};

static bool has_fix(const snug_finding *finding, const char *words) {
    for (size_t i = 0; i < finding->fix_count; i++)
        if (strstr(finding->fixes[i].fix, words)) return true;
    return false;
}

// Whether |cause| is taken for likely: a third of the likeliest, or more.
static bool is_likely(const snug_finding *finding, const char *cause) {
    for (size_t i = 0; i < finding->cause_count; i++)
        if (strcmp(finding->causes[i].name, cause) == 0)
            return finding->causes[i].confidence * 3 >= finding->causes[0].confidence;
    return false;
}

static int judge(const judgement *wanted) {
    snug_explanation *explanation = NULL;
    char *report = NULL;
    size_t count;
    int failures = 0;
    assert_int_equal(snug_explain_text(wanted->text, strlen(wanted->text), "text", &explanation),
                     SNUG_OK);
    const snug_finding *finding = snug_explanation_findings(explanation, &count);
    finding += count - 1; // the last, where there are several
    assert_int_equal(snug_explanation_text(explanation, &report), SNUG_OK);
    const char *found = finding->causes[0].name;
    if (strcmp(found, wanted->cause) != 0) failures++;
    if (wanted->advice && !has_fix(finding, wanted->advice)) failures++;
    if (wanted->refuted && is_likely(finding, wanted->refuted)) failures++;
    if (failures) fprintf(stderr, "%s: expected %s\n%s\n", wanted->name, wanted->cause, report);
    for (const char *line = report; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
    snug_explanation_text_free(report);
    snug_explanation_free(explanation);
    return failures;
}

static void test_judgements(void **state) {
    (void)state;
    int failures = 0;
    for (size_t i = 0; i < sizeof judgements / sizeof judgements[0]; i++)
        failures += judge(&judgements[i]);
    assert_int_equal(failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_judgements)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
