"""`params.yaml: evaluate`, how the fine-tuned model is measured."""

from pydantic import Field

from teacherspec.section import Section


class Evaluate(Section):
    """One pass of the model over every split, and what is reported of it."""

    batch_size: int = Field(default=64, ge=1, le=65_536)
    """Examples per forward pass; part of the declaration because padding moves logits by about 1e-7."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    """Level of every interval."""

    resamples: int = Field(default=1000, ge=100, le=100_000)
    """Bootstrap resamples behind the intervals of metrics without a closed form."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of resampling and perturbation."""

    latency_examples: int = Field(default=100, ge=10, le=100_000)
    """Test examples timed one by one for the latency percentiles."""
