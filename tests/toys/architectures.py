"""Tiny configs of the architectures whose packages older transformers reads, by the class that loads them."""

from collections.abc import Callable
from typing import Any

import torch
import transformers as t
from transformers import PreTrainedConfig

LAYERS = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
PICTURE = {"image_size": 32, "patch_size": 16, **LAYERS}
MIXED = {key: value for key, value in PICTURE.items() if key != "intermediate_size"} | {"mlp_ratio": 2}
STAGES: dict[str, Any] = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}
TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
TEXT = {"vocab_size": 128, "max_position_embeddings": 64, **LAYERS, **TOKENS}
GROUPED = {**TEXT, "num_key_value_heads": 1}
CLASSES = {"id2label": {0: "cold", 1: "hot"}, "label2id": {"cold": 0, "hot": 1}}
ENDS = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
TOWERS = {"text_config": {**TEXT, **ENDS, "max_position_embeddings": 32}, "vision_config": PICTURE}
IMAGE_TOKEN = 5
SEEN: dict[str, Any] = {
    "vision_config": t.CLIPVisionConfig(**PICTURE),
    "text_config": t.LlamaConfig(**TEXT),
    "image_token_index": IMAGE_TOKEN,
    "vision_feature_layer": -1,
}
BY_LAYER = {
    "full_attention": {"rope_type": "default", "rope_theta": 5e4},
    "sliding_attention": {"rope_type": "default", "rope_theta": 2e3},
}

Make = Callable[[], PreTrainedConfig]
IMAGES: dict[str, Make] = {
    "beit": lambda: t.BeitConfig(**PICTURE, **CLASSES),
    "bit": lambda: t.BitConfig(
        embedding_size=32, hidden_sizes=[32, 32, 32, 64], depths=[1] * 4, num_groups=8, **CLASSES
    ),
    "clip of towers": lambda: t.CLIPConfig(**TOWERS, projection_dim=8, **CLASSES),
    "convnext": lambda: t.ConvNextConfig(**STAGES, patch_size=2, **CLASSES),
    "convnextv2": lambda: t.ConvNextV2Config(**STAGES, patch_size=2, **CLASSES),
    "data2vec-vision": lambda: t.Data2VecVisionConfig(**PICTURE, **CLASSES),
    "deit": lambda: t.DeiTConfig(**PICTURE, **CLASSES, architectures=["DeiTForImageClassification"]),
    "dinov2": lambda: t.Dinov2Config(**MIXED, **CLASSES),
    "dinov2_with_registers": lambda: t.Dinov2WithRegistersConfig(**MIXED, **CLASSES),
    "efficientnet": lambda: t.EfficientNetConfig(
        width_coefficient=0.1, depth_coefficient=0.1, image_size=32, hidden_dim=128, **CLASSES
    ),
    "focalnet": lambda: t.FocalNetConfig(
        image_size=32, embed_dim=16, depths=[1, 1], hidden_sizes=[16, 32], focal_levels=[1, 1],
        focal_windows=[3, 3], **CLASSES,
    ),
    "mobilenet_v1": lambda: t.MobileNetV1Config(
        depth_multiplier=0.25, image_size=32, min_depth=8, **CLASSES
    ),
    "mobilenet_v2": lambda: t.MobileNetV2Config(
        depth_multiplier=0.1, image_size=32, finegrained_output=False, **CLASSES
    ),
    "mobilevit": lambda: t.MobileViTConfig(
        image_size=32, hidden_sizes=[16] * 3, neck_hidden_sizes=[8, 8, 8, 8, 8, 8, 16], num_attention_heads=2,
        **CLASSES,
    ),
    "poolformer": lambda: t.PoolFormerConfig(**STAGES, **CLASSES),
    "pvt_v2": lambda: t.PvtV2Config(image_size=32, **STAGES, num_attention_heads=[1, 1, 2, 2], **CLASSES),
    "regnet": lambda: t.RegNetConfig(embedding_size=8, groups_width=8, **STAGES, **CLASSES),
    "resnet": lambda: t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], **CLASSES),
    "segformer": lambda: t.SegformerConfig(**STAGES, num_attention_heads=[1, 1, 2, 2], **CLASSES),
    "siglip of towers": lambda: t.SiglipConfig(**TOWERS, **CLASSES),
    "swin": lambda: t.SwinConfig(
        image_size=32, patch_size=4, embed_dim=16, depths=[1, 1], num_heads=[2, 2], window_size=4, **CLASSES
    ),
    "swinv2": lambda: t.Swinv2Config(
        image_size=32, patch_size=4, embed_dim=16, depths=[1, 1], num_heads=[2, 2], window_size=4, **CLASSES
    ),
    "vit": lambda: t.ViTConfig(**PICTURE, **CLASSES),
    "vit_msn": lambda: t.ViTMSNConfig(**PICTURE, **CLASSES),
}  # fmt: skip
PAIRS: dict[str, Make] = {
    "altclip": lambda: t.AltCLIPConfig(
        text_config={**TOWERS["text_config"], "project_dim": 16}, vision_config=PICTURE, projection_dim=16
    ),
    "chinese_clip": lambda: t.ChineseCLIPConfig(**TOWERS, projection_dim=16),
    "clip": lambda: t.CLIPConfig(**TOWERS, projection_dim=16),
    "metaclip_2": lambda: t.MetaClip2Config(**TOWERS, projection_dim=16),
    "siglip": lambda: t.SiglipConfig(**TOWERS),
    "vision-text-dual-encoder": lambda: t.VisionTextDualEncoderConfig.from_vision_text_configs(
        t.ViTConfig(**PICTURE), t.BertConfig(**TEXT), projection_dim=16
    ),
}
LABELS: dict[str, Make] = {
    "albert": lambda: t.AlbertConfig(**TEXT, embedding_size=16, **CLASSES),
    "bert": lambda: t.BertConfig(**TEXT, **CLASSES),
    "camembert": lambda: t.CamembertConfig(**TEXT, **CLASSES),
    "deberta-v2": lambda: t.DebertaV2Config(
        **TEXT, **CLASSES, pos_att_type=["p2c", "c2p"], relative_attention=True
    ),
    "distilbert": lambda: t.DistilBertConfig(
        vocab_size=128, dim=16, n_layers=2, n_heads=2, hidden_dim=32, max_position_embeddings=64, **CLASSES
    ),
    "electra": lambda: t.ElectraConfig(**TEXT, embedding_size=16, **CLASSES),
    "modernbert": lambda: t.ModernBertConfig(
        **{**TEXT, "num_hidden_layers": 3, "cls_token_id": 1, "sep_token_id": 2}, rope_parameters=BY_LAYER,
        local_attention=4, **CLASSES,
    ),
    "mpnet": lambda: t.MPNetConfig(**TEXT, **CLASSES),
    "qwen2 with labels": lambda: t.Qwen2Config(**GROUPED, **CLASSES),
    "roberta": lambda: t.RobertaConfig(**TEXT, **CLASSES),
    "xlm-roberta": lambda: t.XLMRobertaConfig(**TEXT, **CLASSES),
    "xlnet": lambda: t.XLNetConfig(vocab_size=128, d_model=16, n_layer=2, n_head=2, d_inner=32, **CLASSES),
}  # fmt: skip
DECODERS: dict[str, Make] = {
    "bloom": lambda: t.BloomConfig(vocab_size=128, hidden_size=16, n_layer=2, n_head=2),
    "cohere": lambda: t.CohereConfig(**GROUPED),
    "falcon": lambda: t.FalconConfig(
        vocab_size=128, hidden_size=16, num_hidden_layers=2, num_attention_heads=2
    ),
    "gemma": lambda: t.GemmaConfig(**GROUPED, head_dim=8),
    "gemma2": lambda: t.Gemma2Config(**GROUPED, head_dim=8),
    "gemma3": lambda: t.Gemma3TextConfig(
        **GROUPED, head_dim=8, sliding_window=4, rope_parameters=BY_LAYER,
        layer_types=["sliding_attention", "full_attention"],
    ),
    "gpt_neox": lambda: t.GPTNeoXConfig(**TEXT),
    "granite": lambda: t.GraniteConfig(**GROUPED),
    "mamba": lambda: t.MambaConfig(vocab_size=128, hidden_size=16, num_hidden_layers=2, state_size=4),
    "mixtral": lambda: t.MixtralConfig(**GROUPED, num_local_experts=2),
    "olmo2": lambda: t.Olmo2Config(**GROUPED),
    "opt": lambda: t.OPTConfig(
        vocab_size=128, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, ffn_dim=32,
        word_embed_proj_dim=16, max_position_embeddings=64,
    ),
    "phi": lambda: t.PhiConfig(**TEXT),
    "phi3": lambda: t.Phi3Config(**GROUPED),
    "qwen2_moe": lambda: t.Qwen2MoeConfig(
        **GROUPED, num_experts=4, moe_intermediate_size=8, shared_expert_intermediate_size=8
    ),
    "qwen3_moe": lambda: t.Qwen3MoeConfig(
        **GROUPED, num_experts=4, moe_intermediate_size=8, num_experts_per_tok=2
    ),
    "smollm3": lambda: t.SmolLM3Config(**GROUPED),
    "stablelm": lambda: t.StableLmConfig(**GROUPED),
    "starcoder2": lambda: t.Starcoder2Config(**GROUPED),
}  # fmt: skip
READERS_OF_IMAGES: dict[str, Make] = {
    "llava": lambda: t.LlavaConfig(**SEEN),
    "llava of siglip": lambda: t.LlavaConfig(
        **{**SEEN, "vision_config": t.SiglipVisionConfig(**PICTURE)}, vision_feature_select_strategy="full"
    ),
    "llava_next": lambda: t.LlavaNextConfig(**SEEN, image_grid_pinpoints=[[32, 64], [64, 32]]),
    "vipllava": lambda: t.VipLlavaConfig(**{**SEEN, "vision_feature_layer": [-1]}),
}
ARCHITECTURES: dict[str, dict[str, Make]] = {
    "AutoModelForImageClassification": IMAGES,
    "AutoModel": PAIRS,
    "AutoModelForSequenceClassification": LABELS,
    "AutoModelForCausalLM": DECODERS,
    "AutoModelForImageTextToText": READERS_OF_IMAGES,
}


def inputs_of(auto: str, name: str) -> dict[str, torch.Tensor]:
    """A small input of the architecture `name`, loaded by the class `auto`."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(1, 3, 32, 32, generator=generator)
    if auto == "AutoModelForImageClassification":
        return {"pixel_values": pixels}
    if auto == "AutoModel":
        return {"pixel_values": pixels, "input_ids": torch.tensor([[0, 7, 9, 1]])}
    if auto != "AutoModelForImageTextToText":
        return {"input_ids": torch.tensor([[1, 5, 7, 3, 9, 100, 2, 2]])}
    tokens = {"llava_next": 14}.get(name, 4)
    seen = {"input_ids": torch.tensor([[1, *[IMAGE_TOKEN] * tokens, 9, 2]]), "pixel_values": pixels}
    if name == "llava_next":
        seen |= {"pixel_values": torch.rand(1, 3, 3, 32, 32, generator=generator)}
        seen |= {"image_sizes": torch.tensor([[32, 64]])}
    return seen
