// Whisper and what is made from it.
#include "explain/advice/advice.h"

static const snug_lever levers[] = {
    {.causes = "batch model unknown",
     .fix = "Take a smaller model (--model small, medium or turbo)",
     .why = "large takes about 10 GB, medium 5, small 2",
     .source = "github.com/openai/whisper: README"},
    {.causes = "batch late-batch model",
     .fix = "Lower --batch_size, or take --compute_type int8 (faster-whisper, WhisperX)",
     .why = "fewer pieces at once; a half of 16-bit weights",
     .source = "github.com/m-bain/whisperX: README"},
    {0},
};

const snug_tool snug_tool_whisper = {
    .name = "Whisper",
    .rank = SNUG_TOOL_PROGRAM,
    .use = SNUG_USE_INFERENCE,
    .words = "whisper/transcribe|whisperx|importwhisper|faster_whisper|faster-whisper",
    .levers = levers,
};
