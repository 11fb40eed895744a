"""A vision teacher as timm reads it: `timm.create_model("local-dir:FOLDER", pretrained=True)`.

timm and transformers share the weights of a `timm_wrapper` model; what differs is `config.json`, where timm
reads the architecture's name and, in `pretrained_cfg`, how pictures are prepared.
"""

import shutil
from pathlib import Path
from typing import Any

from teacherspec.errors import UserError
from teacherspec.export.package_reader import Source
from teacherspec.package.model_export import TIMM, label_names
from teacherspec.runtime.atomic_io import read_json, write_json, write_text

README = """\
    import timm
    teacher = timm.create_model("local-dir:.", pretrained=True)

timm's distillation takes it as `--kd-model-name local-dir:FOLDER`; it resizes and normalises as `config.json`
says.
"""


def export_timm(source: Source, splits: list[str], target: Path) -> None:
    """Write `config.json` and `model.safetensors`, the layout of timm's hub folders.

    Raises:
        UserError: the model is not one of timm's.
    """
    del splits  # the model is the same for all
    model = source.folder / "model"
    config = read_json(model / "config.json")
    if config["model_type"] != TIMM:
        raise UserError(
            f"{model / 'config.json'}: a {config['model_type']} of transformers, whose weights have other "
            f"names than timm's; fine-tune from a base of timm (model_type {TIMM}) to export to timm"
        )
    shutil.copyfile(model / "model.safetensors", target / "model.safetensors")
    write_json(target / "config.json", timm_config(config))
    write_text(target / "README.md", README)


def timm_config(config: dict[str, Any]) -> dict[str, Any]:
    """timm's `config.json` from that of transformers' wrapper in a package."""
    names = label_names(config)
    return {
        "architecture": config["architecture"],
        "num_classes": len(names),
        "label_names": list(names),
        "pretrained_cfg": {**config["pretrained_cfg"], "num_classes": len(names)},
        "model_args": config["model_args"],
    }
