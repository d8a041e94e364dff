"""Networks of transformers, diffusers, timm and torchvision, made from small configurations with
random weights: for `compare_with_pytorch.py --libraries`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import nn

BATCH, WORDS, LENGTH, CLASSES, SIZE = 4, 60, 10, 5, 32
Tensors = dict[str, torch.Tensor]


class Wrapped(nn.Module):
    """A library's network as a function of tensors to one tensor."""

    def __init__(self, net: nn.Module, names: list[str], fixed: dict[str, object]) -> None:
        super().__init__()
        self.net, self.names, self.fixed = net, names, fixed

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        found = self.net(**dict(zip(self.names, inputs)), **self.fixed)
        for name in ("logits", "sample", "last_hidden_state"):
            if hasattr(found, name):
                return getattr(found, name)
        return found[0] if isinstance(found, tuple) else found


@dataclasses.dataclass
class Network:
    """|build| makes the network, |inputs| its inputs by the names of its arguments ("x": it is
    called with that alone). |loss|: cross-entropy, or mse of an output of |target|'s shape."""

    build: Callable[[], nn.Module]
    inputs: Callable[[], Tensors]
    loss: str = "cross-entropy"
    target: tuple[int, ...] = (BATCH,)
    fixed: dict[str, object] = dataclasses.field(default_factory=dict)
    rate: float = 1e-2


def images(
    name: str = "pixel_values", channels: int = 3, size: int = SIZE
) -> Callable[[], Tensors]:
    return lambda: {name: torch.randn(BATCH, channels, size, size)}


def tokens() -> Tensors:
    return {"input_ids": torch.randint(3, WORDS, (BATCH, LENGTH))}


def masked() -> Tensors:
    mask = torch.ones(BATCH, LENGTH, dtype=torch.int64)
    for row in range(1, BATCH):
        mask[row, LENGTH - row :] = 0
    return {**tokens(), "attention_mask": mask}


def pairs() -> Tensors:
    return {**masked(), "decoder_input_ids": torch.randint(3, WORDS, (BATCH, 6))}


NO_DROP = """
    hidden_dropout_prob attention_probs_dropout_prob dropout attention_dropout
    activation_dropout resid_pdrop embd_pdrop attn_pdrop hidden_dropout
    classifier_dropout dropout_rate classifier_dropout_prob drop_path_rate
    seq_classif_dropout attention_probs_dropout feat_proj_dropout layerdrop
    mask_time_prob encoder_layerdrop decoder_layerdrop
""".split()
USUAL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "vocab_size": WORDS,
    "max_position_embeddings": 64,
}


def of_transformers(head: str, config: str, **settings: object) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        import transformers

        kind = getattr(transformers, config)
        made = kind(
            **{
                "num_labels": CLASSES,
                "pad_token_id": 0,
                "bos_token_id": 1,
                "eos_token_id": 2,
                **settings,
            }
        )
        for name in NO_DROP:
            if isinstance(getattr(made, name, None), float):
                setattr(made, name, 0.0)
        return getattr(transformers, head)(made)

    return build


def encoder(head: str, config: str, **more: object) -> Network:
    return Network(of_transformers(head, config, **{**USUAL, **more}), masked)


def decoder(head: str, config: str, **more: object) -> Network:
    settings = {**USUAL, "num_key_value_heads": 2, **more}
    return Network(
        of_transformers(head, config, **settings),
        tokens,
        target=(BATCH, LENGTH),
        fixed={"use_cache": False},
    )


def seq2seq(head: str, config: str, **more: object) -> Network:
    return Network(
        of_transformers(head, config, vocab_size=WORDS, d_model=32, **more),
        pairs,
        target=(BATCH, 6),
        fixed={"use_cache": False},
    )


def of_timm(name: str, size: int = SIZE, **options: object) -> Network:
    def build() -> nn.Module:
        import timm

        return timm.create_model(name, num_classes=CLASSES, drop_rate=0.0, **options)

    return Network(build, images("x", size=size))


def of_torchvision(name: str, size: int = SIZE, **options: object) -> Network:
    def build() -> nn.Module:
        import torchvision

        return getattr(torchvision.models, name)(num_classes=CLASSES, **options)

    return Network(build, images("x", size=size))


def of_diffusers(
    name: str, inputs: Callable[[], Tensors], target: tuple[int, ...], **settings: object
) -> Network:
    def build() -> nn.Module:
        import diffusers

        return getattr(diffusers, name)(**settings)

    return Network(build, inputs, "mse", target)


def noisy(
    channels: int = 3, size: int = 16, **more: Callable[[], torch.Tensor]
) -> Callable[[], Tensors]:
    return lambda: {
        "sample": torch.randn(BATCH, channels, size, size),
        "timestep": torch.randint(0, 1000, (BATCH,)),
        **{name: make() for name, make in more.items()},
    }


VISION = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "image_size": SIZE,
    "patch_size": 8,
}
UNET = {
    "sample_size": 16,
    "block_out_channels": (16, 32),
    "layers_per_block": 1,
    "norm_num_groups": 8,
}

NETWORKS: dict[str, Network] = {
    "bert": encoder("BertForSequenceClassification", "BertConfig"),
    "distilbert": Network(
        of_transformers(
            "DistilBertForSequenceClassification",
            "DistilBertConfig",
            vocab_size=WORDS,
            dim=32,
            n_layers=2,
            n_heads=4,
            hidden_dim=48,
            max_position_embeddings=64,
        ),
        masked,
    ),
    "roberta": encoder("RobertaForSequenceClassification", "RobertaConfig"),
    "albert": encoder("AlbertForSequenceClassification", "AlbertConfig", embedding_size=16),
    "electra": encoder("ElectraForSequenceClassification", "ElectraConfig", embedding_size=16),
    "deberta_v2": encoder(
        "DebertaV2ForSequenceClassification",
        "DebertaV2Config",
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
    ),
    "gpt2": Network(
        of_transformers(
            "GPT2LMHeadModel",
            "GPT2Config",
            vocab_size=WORDS,
            n_embd=32,
            n_layer=2,
            n_head=4,
            n_positions=64,
        ),
        tokens,
        target=(BATCH, LENGTH),
        fixed={"use_cache": False},
    ),
    "opt": decoder("OPTForCausalLM", "OPTConfig", ffn_dim=48, word_embed_proj_dim=32),
    "gpt_neox": decoder("GPTNeoXForCausalLM", "GPTNeoXConfig"),
    "llama": decoder("LlamaForCausalLM", "LlamaConfig"),
    "qwen2": decoder("Qwen2ForCausalLM", "Qwen2Config"),
    "gemma": decoder("GemmaForCausalLM", "GemmaConfig", head_dim=8),
    "t5": seq2seq(
        "T5ForConditionalGeneration",
        "T5Config",
        d_kv=8,
        d_ff=48,
        num_layers=2,
        num_heads=4,
        decoder_start_token_id=0,
    ),
    "bart": seq2seq(
        "BartForConditionalGeneration",
        "BartConfig",
        encoder_layers=2,
        decoder_layers=2,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        max_position_embeddings=64,
    ),
    "vit": Network(of_transformers("ViTForImageClassification", "ViTConfig", **VISION), images()),
    "segformer": Network(
        of_transformers(
            "SegformerForSemanticSegmentation",
            "SegformerConfig",
            depths=[1, 1, 1, 1],
            hidden_sizes=[8, 16, 24, 32],
            num_attention_heads=[1, 2, 2, 4],
            decoder_hidden_size=16,
        ),
        images(size=64),
        target=(BATCH, 16, 16),
    ),
    "wav2vec2": Network(
        of_transformers(
            "Wav2Vec2ForSequenceClassification",
            "Wav2Vec2Config",
            **USUAL,
            conv_dim=(16, 16, 16),
            conv_stride=(5, 2, 2),
            conv_kernel=(10, 3, 3),
            num_feat_extract_layers=3,
            num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=4,
            classifier_proj_size=16,
            apply_spec_augment=False,
        ),
        lambda: {"input_values": torch.randn(BATCH, 800)},
    ),
    "unet2d": of_diffusers(
        "UNet2DModel",
        noisy(),
        (BATCH, 3, 16, 16),
        **UNET,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=8,
    ),
    "unet2d_condition": of_diffusers(
        "UNet2DConditionModel",
        noisy(4, encoder_hidden_states=lambda: torch.randn(BATCH, 7, 24)),
        (BATCH, 4, 16, 16),
        **UNET,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=24,
        attention_head_dim=4,
    ),
    "vae": of_diffusers(
        "AutoencoderKL",
        images("sample", size=16),
        (BATCH, 3, 16, 16),
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=16,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    ),
    "resnet18_timm": of_timm("resnet18"),
    "mobileone": of_timm("mobileone_s0", 64),
    "repvgg": of_timm("repvgg_a0"),
    "convnext": of_timm("convnext_atto", depths=(1, 1, 1, 1), dims=(8, 16, 24, 32)),
    "vit_timm": of_timm(
        "vit_tiny_patch16_224", 64, img_size=64, depth=2, embed_dim=32, num_heads=4
    ),
    "ghostnet": of_timm("ghostnet_050", 64),
    "mobilenet_v3": of_torchvision("mobilenet_v3_small", 64),
    "efficientnet": of_torchvision("efficientnet_b0", 64),
    "shufflenet": of_torchvision("shufflenet_v2_x0_5", 64),
    "swin": of_timm(
        "swin_tiny_patch4_window7_224",
        64,
        img_size=64,
        embed_dim=16,
        depths=(2, 2),
        num_heads=(2, 4),
        window_size=4,
    ),
}


def make(name: str) -> tuple[Wrapped, Tensors, torch.Tensor]:
    """The network in its first state, without dropout; its inputs and its target."""
    network = NETWORKS[name]
    torch.manual_seed(1)
    net = network.build()
    for module in net.modules():
        kind = type(module).__name__
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if kind == "StochasticDepth":
            module.p = 0.0
        if kind == "DropPath":
            module.drop_prob = 0.0
    inputs = network.inputs()
    if network.loss == "mse":
        target = torch.randn(network.target)
    else:
        tokens_out = len(network.target) == 2
        target = torch.randint(WORDS if tokens_out else CLASSES, network.target)
    names = [] if len(inputs) == 1 and "x" in inputs else list(inputs)
    with torch.no_grad():  # exporters make one of parameters that are equal
        for value in net.parameters():
            value.add_(torch.randn_like(value) * 0.02)
    return Wrapped(net, names, network.fixed) if names else OneImage(net), inputs, target


class OneImage(Wrapped):
    def __init__(self, net: nn.Module) -> None:
        super().__init__(net, [], {})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


def loss_of(name: str, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    if NETWORKS[name].loss == "mse":
        return nn.functional.mse_loss(output, target)
    if output.dim() == 3:  # (N, T, C)
        output = output.transpose(1, 2)
    return nn.functional.cross_entropy(output, target)
