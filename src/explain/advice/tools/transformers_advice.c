// Hugging Face's transformers.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "model",
     .is_16_bit = true,
     .fix = "Load the weights in 16 bits: from_pretrained(..., "
            "torch_dtype=torch.bfloat16)",
     .why = "half of 32-bit weights",
     .source = "huggingface.co/docs/transformers: Optimizing LLMs for memory; quantization"},
    {.causes = "model",
     .unless = "load_in_4bit|bitsandbytesconfig|load_in_8bit|gptq|awq",
     .fix = "Load the weights in 4 bits: "
            "quantization_config=BitsAndBytesConfig(load_in_4bit=True)",
     .why = "a quarter of 16-bit weights",
     .source = "huggingface.co/docs/transformers: Optimizing LLMs for memory; quantization"},
    {.causes = "model",
     .unless = "device_map='auto'|device_map=\"auto\"|device_map=auto",
     .fix = "Give from_pretrained device_map=\"auto\" (with accelerate)",
     .why = "what the card cannot hold stays with the CPU, or goes to the other cards",
     .source = "huggingface.co/docs/transformers: Optimizing LLMs for memory; quantization"},
    {.causes = "batch late-batch",
     .use = SNUG_USE_INFERENCE,
     .fix = "Shorten the prompt, and lower max_new_tokens and the batch",
     .why = "keys and values and logits grow with the length and with the sequences at "
            "once",
     .source = "huggingface.co/docs/transformers: Optimizing LLMs for memory; quantization"},
    {.causes = "batch late-batch",
     .use = SNUG_USE_INFERENCE,
     .unless = "flash_attention_2|attn_implementation",
     .fix = "Load with attn_implementation=\"sdpa\" or \"flash_attention_2\"",
     .why = "attention without its matrix of scores, which grows with the square of the "
            "length",
     .source = "huggingface.co/docs/transformers: Optimizing LLMs for memory; quantization"},
    {.causes = "host-memory",
     .unless = "low_cpu_mem_usage=true",
     .fix = "Load with low_cpu_mem_usage=True and torch_dtype=torch.bfloat16, from "
            ".safetensors",
     .why = "one copy of the weights in the host, in 16 bits, in place of two in 32",
     .source = "huggingface.co/docs/transformers: Optimizing LLMs for memory; quantization"},
    {0},
};

const snug_tool snug_tool_transformers = {
    .name = "transformers",
    .rank = SNUG_TOOL_LIBRARY,
    .words = "transformers/models/|from_pretrained(|transformers/generation|"
             "transformers/modeling_utils|automodelfor|\\transformers\\|"
             "transformers/pipelines|transformers.",
    .levers = levers,
};
