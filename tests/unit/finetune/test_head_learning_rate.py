"""The head's own learning rate, of plain and adapted models, and none where there is no head."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification

from teacherspec.errors import UserError
from teacherspec.finetune.head_learning_rate import split_off_head
from teacherspec.finetune.lora import adapt
from teacherspec.spec.finetune import Full, Lora
from tests.toys.text import toy_base


@pytest.mark.parametrize("method", [Full(), Lora(kind="lora", rank=2)], ids=["full", "lora"])
def test_only_the_head_moves_to_the_other_rate(tmp_path: Path, method: Full | Lora) -> None:
    model = adapt(
        AutoModelForSequenceClassification.from_pretrained(toy_base(tmp_path), num_labels=3), method
    )
    names = {id(parameter): name for name, parameter in model.named_parameters() if parameter.requires_grad}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [one for one in trained if one.ndim > 1], "weight_decay": 0.1},
        {"params": [one for one in trained if one.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=1e-4)
    split_off_head(optimizer, model, 1e-2)
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert group["lr"] == (1e-2 if "classifier" in names[id(parameter)] else 1e-4)
            assert group["weight_decay"] == (0.1 if parameter.ndim > 1 else 0.0)
    kept = [id(parameter) for group in optimizer.param_groups for parameter in group["params"]]
    assert sorted(kept) == sorted(names)


def test_a_model_without_a_head_is_refused(tmp_path: Path) -> None:
    model = AutoModel.from_pretrained(toy_base(tmp_path))
    with pytest.raises(UserError, match="BertModel has no head outside its backbone"):
        split_off_head(torch.optim.AdamW(model.parameters()), model, 1e-2)
