#include "explain/script_words.h"

#include <string.h>

static bool holds(const char *text, size_t length, const char *word) {
    return length > 0 && memmem(text, length, word, strlen(word)) != NULL;
}

static bool holds_any(const char *text, size_t length, const char *const *words) {
    for (; *words; words++)
        if (holds(text, length, *words)) return true;
    return false;
}

static bool is_any(const char *text, size_t length, const char *const *words) {
    for (; *words; words++)
        if (length == strlen(*words) && memcmp(text, *words, length) == 0) return true;
    return false;
}

static bool begins(const char *text, size_t length, const char *word) {
    size_t size = strlen(word);
    return length >= size && memcmp(text, word, size) == 0;
}

bool snug_file_is_installed(const char *file, size_t length) {
    static const char *const places[] = {"site-packages",
                                         "dist-packages",
                                         "lib/python",
                                         "lib64/python",
                                         "\\lib\\",
                                         "\\Lib\\",
                                         "<frozen",
                                         "<string>",
                                         "importlib",
                                         "<eval_",
                                         "/torch/nn/",
                                         "/torch/optim/",
                                         "/torch/_",
                                         "/torch/utils/",
                                         "/torch/autograd/",
                                         "/torch/cuda/",
                                         "/torch/functional",
                                         "/torch/serialization",
                                         "/torch/amp/",
                                         "/snug_hook/",
                                         "/snug_fixes/",
                                         "/torchinductor", // code that torch.compile writes
                                         NULL};
    return length == 0 || begins(file, length, "torch/") || holds_any(file, length, places);
}

bool snug_file_is_optimizer(const char *file, size_t length) {
    static const char *const places[] = {"/optim/", "\\optim\\", "/optimizers/", NULL};
    return (holds_any(file, length, places) || begins(file, length, "optim/")) &&
           !holds(file, length, "lr_scheduler");
}

bool snug_function_loads(const char *function, size_t length) {
    static const char *const loads[] = {"_apply",
                                        "convert",
                                        "load_state_dict",
                                        "restore_location",
                                        "default_restore_location",
                                        "_cuda_deserialize",
                                        "from_pretrained",
                                        "persistent_load",
                                        "_load_state_dict_into_model",
                                        "reset_parameters",
                                        "set_module_tensor_to_device",
                                        "load_weights",
                                        "create_weights",
                                        "make_layers",
                                        "maybe_offload_to_cpu",
                                        "process_weights_after_loading",
                                        "initialize_model",
                                        "load_checkpoint",
                                        "load_model_weights",
                                        "load_torch_file",
                                        "load_model_gpu",
                                        "load_models_gpu",
                                        "partially_load",
                                        "model_load",
                                        "patch_weight_to_device",
                                        "dispatch_model",
                                        "prepare_model",
                                        "_prepare_one",
                                        "_move_model_to_device",
                                        "_load_weights",
                                        NULL};
    return is_any(function, length, loads);
}

bool snug_function_evaluates(const char *function, size_t length) {
    static const char *const words[] = {"evaluat", "validat", "inference", "predict", NULL};
    static const char *const names[] = {
        "eval",      "test",      "generate", "test_epoch", "validation_step",
        "test_step", "val_epoch", "val",      NULL};
    return !holds(function, length, "train") &&
           (holds_any(function, length, words) || is_any(function, length, names));
}

bool snug_name_is_attention(const char *name, size_t length) {
    static const char *const words[] = {"attention", "Attention", "attn", "softmax", NULL};
    return holds_any(name, length, words);
}

bool snug_frame_is_no_grad(const char *file, size_t file_length, const char *function,
                           size_t function_length) {
    static const char *const decorators[] = {"decorate_context", NULL};
    // Later versions name the wrapper after what it enters.
    static const char *const contexts[] = {"no_grad", "inference_mode", NULL};
    return is_any(function, function_length, decorators) ||
           (holds(file, file_length, "_contextlib.py") &&
            is_any(function, function_length, contexts)) ||
           holds(file, file_length, "grad_mode");
}
