// The list of cards.
//
// Names, cores, rates, buses and caches are NVIDIA's: the white papers of Pascal (GP100), Turing,
// Ampere (GA100 and GA102), Ada, Hopper, Blackwell and RTX Blackwell with their tables of peak
// rates, the data sheets of the data center cards and the RTX workstation cards, and the GeForce
// specification pages. Where these give a clock but no rate, float32 is 2 x CUDA cores x boost
// clock. Laptop chips are listed at the highest clock that NVIDIA names; most machines run them
// lower. Tensor rates are dense (half of those that data sheets give "with sparsity") and sum in
// 32 bits, which GeForce cards do at half the rate of 16-bit sums.
//
// What CUDA tells of a card's memory is in no data sheet. It is taken from what people have
// published: "total capacity" in PyTorch's out-of-memory errors on Linux, outputs of CUDA's
// deviceQuery and of torch.cuda.get_device_properties(). Drivers differ: those of 2024 and later
// keep 110 to 200 MiB more of Turing, Ampere and Ada cards than older ones did (RTX 2080 Ti 10.57
// GiB after 10.76, RTX 3090 23.56 after 23.69, RTX 3060 11.65 after 11.76, T4 14.56 after 14.75),
// and the list has what they leave. Error correction takes a sixteenth of GDDR memory: data center
// cards come with it on, workstation cards with it off. (HBM has its own bits for that.) Cards of
// one chip and size were taken to be alike.
#include "cards/gpu_list.h"

#define MIB(count) ((size_t)((count)*1048576.0))

#define CARD(name, reported, gib, mib, multiprocessors, l2, bus, gigabytes, float32, tensor,       \
             capability)                                                                           \
    {                                                                                              \
        name, reported, MIB((gib)*1024.0), MIB((mib) < 0 ? -(mib) : (mib)), (mib) < 0,             \
            multiprocessors, MIB(l2), bus, (gigabytes)*1e9, (float32)*1e12, (tensor)*1e12,         \
            capability                                                                             \
    }
#define GEFORCE(name, reported, ...) CARD(name, "NVIDIA GeForce " reported, __VA_ARGS__)
#define NVIDIA(name, reported, ...) CARD(name, "NVIDIA " reported, __VA_ARGS__)
#define PLAIN(name, reported, ...) CARD(name, reported, __VA_ARGS__)

// Name, the driver's name, GiB as sold, MiB as CUDA tells it (below 0: reckoned from cards like
// it), multiprocessors, L2 in MiB, bus in bits, GB/s, TFLOPS in float32 and on tensor cores,
// compute capability.
// clang-format off
const snug_gpu_info snug_gpu_list[] = {
    GEFORCE("GTX 1050 Ti",       "GTX 1050 Ti",          4,  4040,   6,    1,  128,   112,  2.14,     0,  61),
    GEFORCE("GTX 1060 3GB",      "GTX 1060 3GB",         3,  3019,   9,  1.5,  192,   192,  3.94,     0,  61),
    GEFORCE("GTX 1060",          "GTX 1060 6GB",         6,  6078,  10,  1.5,  192,   192,  4.37,     0,  61),
    GEFORCE("GTX 1070",          "GTX 1070",             8,  8117,  15,    2,  256,   256,  6.46,     0,  61),
    GEFORCE("GTX 1070 Ti",       "GTX 1070 Ti",          8,  8117,  19,    2,  256,   256,  8.19,     0,  61),
    GEFORCE("GTX 1080",          "GTX 1080",             8,  8119,  20,    2,  256,   320,  8.87,     0,  61),
    GEFORCE("GTX 1080 Ti",       "GTX 1080 Ti",         11, 11178,  28, 2.75,  352,   484,  11.3,     0,  61),
    NVIDIA("Titan Xp",           "TITAN Xp",            12, 12194,  30,    3,  384, 547.7,  12.1,     0,  61),
    GEFORCE("GTX 1650",          "GTX 1650",             4,  3714,  14,    1,  128,   128,  2.98,     0,  75),
    GEFORCE("GTX 1660",          "GTX 1660",             6,  5747,  22,  1.5,  192,   192,  5.03,     0,  75),
    GEFORCE("GTX 1660 Super",    "GTX 1660 SUPER",       6,  5747,  22,  1.5,  192,   336,  5.03,     0,  75),
    GEFORCE("GTX 1660 Ti",       "GTX 1660 Ti",          6,  5747,  24,  1.5,  192,   288,  5.44,     0,  75),
    GEFORCE("RTX 2060",          "RTX 2060",             6,  5737,  30,    3,  192,   336,  6.45,  25.8,  75),
    GEFORCE("RTX 2060 Super",    "RTX 2060 SUPER",       8,  7785,  34,    4,  256,   448,   7.2,  28.7,  75),
    GEFORCE("RTX 2070",          "RTX 2070",             8,  7785,  36,    4,  256,   448,  7.46,  29.9,  75),
    GEFORCE("RTX 2070 Super",    "RTX 2070 SUPER",       8,  7785,  40,    4,  256,   448,  9.06,  36.3,  75),
    GEFORCE("RTX 2080",          "RTX 2080",             8,  7785,  46,    4,  256,   448,  10.1,  40.3,  75),
    GEFORCE("RTX 2080 Super",    "RTX 2080 SUPER",       8,  7785,  48,    4,  256,   496,  11.2,  44.6,  75),
    GEFORCE("RTX 2080 Ti",       "RTX 2080 Ti",         11, 10822,  68,  5.5,  352,   616,  13.4,  53.8,  75),
    NVIDIA("Titan V",            "TITAN V",             12, 12066,  80,  4.5, 3072, 652.8,  14.9,   119,  70),
    NVIDIA("Titan RTX",          "TITAN RTX",           24, 24023,  72,    6,  384,   672,  16.3, 130.5,  75),
    GEFORCE("RTX 3050 Laptop",   "RTX 3050 Laptop GPU",  4,  3770,  16,    2,  128,   192,  7.13,  14.3,  86),
    GEFORCE("RTX 3050",          "RTX 3050",             8,  7838,  20,    2,  128,   224,   9.1,  18.2,  86),
    GEFORCE("RTX 3050 6GB",      "RTX 3050",             6, -5800,  18,  1.5,   96,   168,  6.77,  13.5,  86),
    GEFORCE("RTX 3060 Laptop",   "RTX 3060 Laptop GPU",  6,  5805,  30,    3,  192,   336,  13.1,  26.2,  86),
    GEFORCE("RTX 3060",          "RTX 3060",            12, 11931,  28, 2.25,  192,   360,  12.7,  25.5,  86),
    GEFORCE("RTX 3060 Ti",       "RTX 3060 Ti",          8,  7841,  38,    4,  256,   448,  16.2,  32.4,  86),
    GEFORCE("RTX 3070 Laptop",   "RTX 3070 Laptop GPU",  8,  7841,  40,    4,  256,   448,  16.6,  33.2,  86),
    GEFORCE("RTX 3070",          "RTX 3070",             8,  7841,  46,    4,  256,   448,  20.3,  40.6,  86),
    GEFORCE("RTX 3070 Ti",       "RTX 3070 Ti",          8,  7841,  48,    4,  256,   608,  21.7,  43.5,  86),
    GEFORCE("RTX 3080 Laptop",   "RTX 3080 Laptop GPU", 16, 15976,  48,    4,  256,   448,    21,    42,  86),
    GEFORCE("RTX 3080",          "RTX 3080",            10,  9871,  68,    5,  320,   760,  29.8,  59.5,  86),
    GEFORCE("RTX 3080 12GB",     "RTX 3080",            12, 11914,  70,    6,  384,   912,  30.6,  61.3,  86),
    GEFORCE("RTX 3080 Ti",       "RTX 3080 Ti",         12, 11914,  80,    6,  384,   912,  34.1,  68.2,  86),
    GEFORCE("RTX 3090",          "RTX 3090",            24, 24125,  82,    6,  384,   936,  35.6,    71,  86),
    GEFORCE("RTX 3090 Ti",       "RTX 3090 Ti",         24, 24115,  84,    6,  384,  1008,    40,    80,  86),
    GEFORCE("RTX 4050 Laptop",   "RTX 4050 Laptop GPU",  6,  5775,  20,   12,   96,   192,  12.1,  24.3,  89),
    GEFORCE("RTX 4060 Laptop",   "RTX 4060 Laptop GPU",  8,  7806,  24,   32,  128,   256,  14.6,  29.1,  89),
    GEFORCE("RTX 4060",          "RTX 4060",             8,  7806,  24,   24,  128,   272,  15.1,  30.2,  89),
    GEFORCE("RTX 4060 Ti",       "RTX 4060 Ti",          8,  7806,  34,   32,  128,   288,  22.1,  44.1,  89),
    GEFORCE("RTX 4060 Ti 16GB",  "RTX 4060 Ti",         16, 15974,  34,   32,  128,   288,  22.1,  44.1,  89),
    GEFORCE("RTX 4070 Laptop",   "RTX 4070 Laptop GPU",  8,  7805,  36,   32,  128,   256,    20,  40.1,  89),
    GEFORCE("RTX 4070",          "RTX 4070",            12, 11872,  46,   36,  192,   504,  29.1,  58.3,  89),
    GEFORCE("RTX 4070 Super",    "RTX 4070 SUPER",      12, 11872,  56,   48,  192,   504,  35.5,    71,  89),
    GEFORCE("RTX 4070 Ti",       "RTX 4070 Ti",         12, 11872,  60,   48,  192,   504,  40.1,  80.2,  89),
    GEFORCE("RTX 4070 Ti Super", "RTX 4070 Ti SUPER",   16, 15934,  66,   48,  256,   672,  44.1,  88.2,  89),
    GEFORCE("RTX 4080 Laptop",   "RTX 4080 Laptop GPU", 12, 11870,  58,   48,  192,   432,  33.9,  67.7,  89),
    GEFORCE("RTX 4080",          "RTX 4080",            16, 15944,  76,   64,  256, 716.8,  48.7,  97.5,  89),
    GEFORCE("RTX 4080 Super",    "RTX 4080 SUPER",      16, 15944,  80,   64,  256,   736,  52.2, 104.4,  89),
    GEFORCE("RTX 4090 Laptop",   "RTX 4090 Laptop GPU", 16, 15943,  76,   64,  256,   576,  39.7,  79.4,  89),
    GEFORCE("RTX 4090 D",        "RTX 4090 D",          24, 24080, 114,   72,  384,  1008,  73.5, 147.1,  89),
    GEFORCE("RTX 4090",          "RTX 4090",            24, 24080, 128,   72,  384,  1008,  82.6, 165.2,  89),
    GEFORCE("RTX 5060 Laptop",   "RTX 5060 Laptop GPU",  8, -7688,  26,   32,  128,   384,  13.3,  26.6, 120),
    GEFORCE("RTX 5060",          "RTX 5060",             8, -7688,  30,   32,  128,   448,  19.2,  38.4, 120),
    GEFORCE("RTX 5060 Ti",       "RTX 5060 Ti",          8, -7688,  36,   32,  128,   448,  23.7,  47.4, 120),
    GEFORCE("RTX 5060 Ti 16GB",  "RTX 5060 Ti",         16, 15848,  36,   32,  128,   448,  23.7,  47.4, 120),
    GEFORCE("RTX 5070 Laptop",   "RTX 5070 Laptop GPU",  8, -7688,  36,   32,  128,   384,  20.8,  41.6, 120),
    GEFORCE("RTX 5070",          "RTX 5070",            12, 11762,  48,   48,  192,   672,  30.9,  61.7, 120),
    GEFORCE("RTX 5070 Ti",       "RTX 5070 Ti",         16, 15841,  70,   48,  256,   896,  43.9,  87.9, 120),
    GEFORCE("RTX 5080",          "RTX 5080",            16, 15841,  84,   64,  256,   960,  56.3, 112.6, 120),
    GEFORCE("RTX 5090 Laptop",   "RTX 5090 Laptop GPU", 24,-24000,  82,   64,  256,   896,  31.8,  63.6, 120),
    GEFORCE("RTX 5090",          "RTX 5090",            32, 32117, 170,   96,  512,  1792, 104.8, 209.5, 120),
    PLAIN("Quadro RTX 4000", "Quadro RTX 4000",          8,  7785,  36,  4, 256, 416,  7.1,    57, 75),
    PLAIN("Quadro RTX 5000", "Quadro RTX 5000",         16, 15920,  48,  4, 256, 448, 11.2,  89.2, 75),
    PLAIN("Quadro RTX 6000", "Quadro RTX 6000",         24, 24023,  72,  6, 384, 672, 16.3, 130.5, 75),
    PLAIN("Quadro RTX 8000", "Quadro RTX 8000",         48, 48404,  72,  6, 384, 672, 16.3, 130.5, 75),
    NVIDIA("RTX A2000",      "RTX A2000",                6,  5805,  26,  3, 192, 288,    8,  31.9, 86),
    NVIDIA("RTX A2000 12GB", "RTX A2000 12GB",          12, 11912,  26,  3, 192, 288,    8,  31.9, 86),
    NVIDIA("RTX A4000",      "RTX A4000",               16, 15976,  48,  4, 256, 448, 19.2,  76.7, 86),
    NVIDIA("RTX A4500",      "RTX A4500",               20, 20053,  56,  6, 320, 640, 23.7,  94.6, 86),
    NVIDIA("RTX A5000",      "RTX A5000",               24, 24138,  64,  6, 384, 768, 27.8, 111.1, 86),
    NVIDIA("RTX A6000",      "RTX A6000",               48, 48540,  84,  6, 384, 768, 38.7, 154.8, 86),
    NVIDIA("RTX 4000 Ada",   "RTX 4000 Ada Generation", 20,-20025,  48, 48, 160, 360, 26.7, 106.8, 89),
    NVIDIA("RTX 4500 Ada",   "RTX 4500 Ada Generation", 24,-24080,  60, 48, 192, 432, 39.6, 158.5, 89),
    NVIDIA("RTX 5000 Ada",   "RTX 5000 Ada Generation", 32,-32220, 100, 72, 256, 576, 65.3, 261.1, 89),
    NVIDIA("RTX 6000 Ada",   "RTX 6000 Ada Generation", 48, 48509, 142, 96, 384, 960, 91.1, 364.2, 89),
    NVIDIA("RTX PRO 6000",   "RTX PRO 6000 Blackwell Workstation Edition", 96, 97249, 188, 128, 512, 1792,  125, 503.8, 120),
    PLAIN("P40",             "Tesla P40",             24,  22919,  30,     3,  384,  346, 11.8,     0,  61),
    PLAIN("P100 PCIe",       "Tesla P100-PCIE-16GB",  16,  16276,  56,     4, 4096,  732,  9.3,     0,  60),
    PLAIN("P100 SXM2",       "Tesla P100-SXM2-16GB",  16,  16276,  56,     4, 4096,  732, 10.6,     0,  60),
    PLAIN("V100 PCIe 16GB",  "Tesla V100-PCIE-16GB",  16,  16151,  80,     6, 4096,  900,   14,   112,  70),
    PLAIN("V100 PCIe 32GB",  "Tesla V100-PCIE-32GB",  32,  32491,  80,     6, 4096,  900,   14,   112,  70),
    PLAIN("V100 SXM2 16GB",  "Tesla V100-SXM2-16GB",  16,  16151,  80,     6, 4096,  900, 15.7,   125,  70),
    PLAIN("V100 SXM2 32GB",  "Tesla V100-SXM2-32GB",  32,  32491,  80,     6, 4096,  900, 15.7,   125,  70),
    PLAIN("T4",              "Tesla T4",              16,  14913,  40,     4,  256,  320,  8.1,    65,  75),
    NVIDIA("A2",             "A2",                    16, -14900,  10,     2,  128,  200,  4.5,    18,  86),
    NVIDIA("A10",            "A10",                   24,  22503,  72,     6,  384,  600, 31.2,   125,  86),
    NVIDIA("A10G",           "A10G",                  24,  22503,  80,     6,  384,  600,   35,    70,  86),
    NVIDIA("A30",            "A30",                   24,  24060,  56,    24, 3072,  933, 10.3,   165,  80),
    NVIDIA("A40",            "A40",                   48,  45403,  84,     6,  384,  696, 37.4, 149.7,  86),
    NVIDIA("A100 40GB PCIe", "A100-PCIE-40GB",        40,  40327, 108,    40, 5120, 1555, 19.5,   312,  80),
    NVIDIA("A100 40GB SXM",  "A100-SXM4-40GB",        40,  40327, 108,    40, 5120, 1555, 19.5,   312,  80),
    NVIDIA("A100 80GB PCIe", "A100 80GB PCIe",        80,  81050, 108,    40, 5120, 1935, 19.5,   312,  80),
    NVIDIA("A100 80GB SXM",  "A100-SXM4-80GB",        80,  81152, 108,    40, 5120, 2039, 19.5,   312,  80),
    NVIDIA("L4",             "L4",                    24,  22563,  58,    48,  192,  300, 30.3,   121,  89),
    NVIDIA("L20",            "L20",                   48, -45487,  92,    96,  384,  864, 59.8, 119.5,  89),
    NVIDIA("L40",            "L40",                   48,  45487, 142,    96,  384,  864, 90.5,   181,  89),
    NVIDIA("L40S",           "L40S",                  48,  45487, 142,    96,  384,  864, 91.6,   362,  89),
    NVIDIA("H20",            "H20",                   96,  97285,  78,    60, 6144, 4000,   44,   148,  90),
    NVIDIA("H100 PCIe",      "H100 PCIe",             80,  81008, 114,    50, 5120, 2000,   51,   756,  90),
    NVIDIA("H100 SXM",       "H100 80GB HBM3",        80,  81008, 132,    50, 5120, 3350,   67,   989,  90),
    NVIDIA("H100 NVL",       "H100 NVL",              94,  95330, 132,    60, 6144, 3938,   60,   835,  90),
    NVIDIA("GH200",          "GH200 480GB",           96,  96768, 132,    60, 6144, 4000,   67,   989,  90),
    NVIDIA("H200",           "H200",                 141, 143156, 132,    60, 6144, 4800,   67,   989,  90),
    NVIDIA("B200",           "B200",                 180, 182642, 148, 126.5, 8192, 8000,   75,  2250, 100),
};
// clang-format on
const int snug_gpu_count = sizeof snug_gpu_list / sizeof snug_gpu_list[0];
