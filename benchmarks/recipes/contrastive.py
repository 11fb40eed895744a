"""Supervised contrastive learning of the backbone before the head (Khosla et al. 2020, arXiv 2004.11362)."""

from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional

from teacherspec.finetune.inputs import Training, load_inputs
from teacherspec.finetune.linear_probe_first import output_layer
from teacherspec.tasks.shared.interfaces.model import ModelInit

BATCH = 64
TEMPERATURE = 0.1
LEARNING_RATE = 5e-5


def contrastive_base(training: Training, epochs: int, folder: Path) -> Training:
    """The training from a backbone whose features of equal labels were drawn together."""
    inputs = load_inputs(training)
    model = inputs.model
    name, _ = output_layer(model, inputs.n_classes)
    model.set_submodule(name, torch.nn.Identity())
    collate = training.task.collate(inputs.processor)
    steps = epochs * (len(inputs.train) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    draw = torch.Generator().manual_seed(training.section.seed)
    model.train()
    for _ in range(epochs):
        order = torch.randperm(len(inputs.train), generator=draw).tolist()
        for begin in range(0, len(order) - BATCH + 1, BATCH):
            batch = dict(collate([inputs.train[at] for at in order[begin : begin + BATCH]]))
            labels = batch.pop("labels")
            _loss(functional.normalize(training.task.logits(model, batch)), labels).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    model.base_model.save_pretrained(folder)
    inputs.processor.save_pretrained(folder)
    return replace(training, base=folder, init=ModelInit(pooling="first"))


def _loss(features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean over the rows that have another of their label: features `[B, H]` of length 1, labels `[B]`."""
    itself = torch.eye(len(labels), dtype=torch.bool)
    same = (labels[:, None] == labels[None]) & ~itself
    logs = functional.log_softmax(
        (features @ features.T / TEMPERATURE).masked_fill(itself, -torch.inf), dim=1
    )
    each = -logs.masked_fill(~same, 0.0).sum(1) / same.sum(1).clamp(min=1)
    return each[same.any(1)].mean() if same.any() else each.sum() * 0
