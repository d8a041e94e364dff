#include "fit/families.h"

#include <string.h>

// Parameters in thousands, as torchvision's table of weights, timm's results and the model cards of
// transformers' checkpoints have them.
typedef struct member {
    const char *name;
    uint64_t thousands;
} member;

typedef struct family {
    const char *packages; // that have it, each with the module that its class is in
    const char *class_prefix;
    member members[8]; // the largest first; ends with an empty one
} family;

static const family families[] = {
    {"torchvision.models.resnet timm.models.resnet",
     "ResNet",
     {{"resnet152", 60193},
      {"resnet101", 44549},
      {"resnet50", 25557},
      {"resnet34", 21798},
      {"resnet18", 11690}}},
    {"torchvision.models.vgg timm.models.vgg",
     "VGG",
     {{"vgg19", 143667}, {"vgg16", 138358}, {"vgg13", 133048}, {"vgg11", 132863}}},
    {"torchvision.models.densenet timm.models.densenet",
     "DenseNet",
     {{"densenet161", 28681},
      {"densenet201", 20014},
      {"densenet169", 14149},
      {"densenet121", 7979}}},
    {"torchvision.models.efficientnet timm.models.efficientnet",
     "EfficientNet",
     {{"efficientnet_b7", 66348},
      {"efficientnet_b5", 30390},
      {"efficientnet_b4", 19342},
      {"efficientnet_b3", 12233},
      {"efficientnet_b2", 9110},
      {"efficientnet_b1", 7794},
      {"efficientnet_b0", 5289}}},
    {"torchvision.models.mobilenetv3 timm.models.mobilenetv3",
     "MobileNetV3",
     {{"mobilenet_v3_large", 5483}, {"mobilenet_v3_small", 2543}}},
    {"torchvision.models.convnext timm.models.convnext",
     "ConvNe",
     {{"convnext_large", 197767},
      {"convnext_base", 88591},
      {"convnext_small", 50224},
      {"convnext_tiny", 28589}}},
    {"torchvision.models.swin_transformer timm.models.swin_transformer",
     "SwinTransformer",
     {{"swin_b", 87768}, {"swin_s", 49606}, {"swin_t", 28288}}},
    {"torchvision.models.vision_transformer",
     "VisionTransformer",
     {{"vit_h_14", 632046}, {"vit_l_16", 304327}, {"vit_b_16", 86568}}},
    {"timm.models.vision_transformer",
     "VisionTransformer",
     {{"vit_large_patch16_224", 304327},
      {"vit_base_patch16_224", 86568},
      {"vit_small_patch16_224", 22051},
      {"vit_tiny_patch16_224", 5717}}},
    {"transformers.models.gpt2",
     "GPT2",
     {{"gpt2-xl", 1557611},
      {"gpt2-large", 774030},
      {"gpt2-medium", 354823},
      {"gpt2", 124440},
      {"distilgpt2", 81913}}},
    {"transformers.models.bert",
     "Bert",
     {{"bert-large-uncased", 335142},
      {"bert-base-uncased", 109482},
      {"distilbert-base-uncased", 66363}}},
    {"transformers.models.roberta",
     "Roberta",
     {{"roberta-large", 355360}, {"roberta-base", 124646}, {"distilroberta-base", 82118}}},
    {"transformers.models.t5",
     "T5",
     {{"t5-11b", 11307321},
      {"t5-3b", 2851598},
      {"t5-large", 737668},
      {"t5-base", 222904},
      {"t5-small", 60507}}},
    {"transformers.models.opt",
     "OPT",
     {{"facebook/opt-6.7b", 6658474},
      {"facebook/opt-2.7b", 2651597},
      {"facebook/opt-1.3b", 1315758},
      {"facebook/opt-350m", 331196},
      {"facebook/opt-125m", 125239}}},
    {"transformers.models.llama",
     "Llama",
     {{"meta-llama/Llama-3.1-8B", 8030261},
      {"meta-llama/Llama-3.2-3B", 3212750},
      {"meta-llama/Llama-3.2-1B", 1235814}}},
    {"transformers.models.qwen2",
     "Qwen2",
     {{"Qwen/Qwen2.5-7B", 7615617},
      {"Qwen/Qwen2.5-3B", 3085939},
      {"Qwen/Qwen2.5-1.5B", 1543714},
      {"Qwen/Qwen2.5-0.5B", 494033}}},
    {"transformers.models.vit",
     "ViT",
     {{"google/vit-large-patch16-224", 304327}, {"google/vit-base-patch16-224", 86568}}},
};

// Whether class |name| is in one of |packages|, and begins with |prefix| there.
static int is_of(const char *name, const char *packages, const char *prefix) {
    const char *dot = strrchr(name, '.');
    if (!dot || strncmp(dot + 1, prefix, strlen(prefix)) != 0) return 0;
    for (const char *at = packages; *at;) {
        size_t length = strcspn(at, " ");
        if (strncmp(name, at, length) == 0 && name[length] == '.') return 1;
        at += length + (at[length] == ' ');
    }
    return 0;
}

size_t snug_fit_family_find(const char *name, uint64_t parameters,
                            const char *out[SNUG_FIT_MEMBERS]) {
    size_t found = 0;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (!is_of(name, families[i].packages, families[i].class_prefix)) continue;
        // Heads differ: what has nearly as many parameters is the same network.
        for (const member *one = families[i].members; one->name && found < SNUG_FIT_MEMBERS; one++)
            if (one->thousands * 1000 < parameters - parameters / 10) out[found++] = one->name;
        break;
    }
    return found;
}
