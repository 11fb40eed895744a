"""A student that reads windows of words: embeddings, one convolution, the maximum over places (Kim 2014)."""

import torch
from torch.nn import functional

from teacherspec.probe.encoders.inputs import Inputs
from teacherspec.probe.encoders.word_ids import PAD, WordRows
from teacherspec.spec.probe.students import CnnEncoder


class TextCnnArms(torch.nn.Module):
    """The students of all arms as one grouped convolution: a group an arm."""

    def __init__(self, student: CnnEncoder, words: int, classes: int, arms: int, seed: int) -> None:
        """Draw the weights of one student, and give a copy to each arm.

        Args:
            student: as declared.
            words: V.
            classes: C.
            arms: A.
            seed: of the weights.
        """
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.arms, self.window = arms, student.window
        inputs = student.width * student.window

        def copies(*shape: int, scale: float, dimension: int) -> torch.nn.Parameter:
            one = torch.randn(shape, generator=draw) * scale
            times = [arms if place == dimension else 1 for place in range(len(shape))]
            return torch.nn.Parameter(one.repeat(times))

        self.embedding = copies(words, student.width, scale=1.0, dimension=1)
        kernel = (student.channels, student.width, student.window)
        self.kernel = copies(*kernel, scale=inputs**-0.5, dimension=0)
        self.shift = torch.nn.Parameter(torch.zeros(arms * student.channels))
        self.last = copies(1, student.channels, classes, scale=student.channels**-0.5, dimension=0)
        self.offset = torch.nn.Parameter(torch.zeros(arms, 1, classes))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits `[A, B, C]` of ids `[B, L]`."""
        known = (ids != PAD)[:, None]
        embedded = functional.embedding(ids, self.embedding).transpose(1, 2) * known  # [B, A·E, L]
        half = self.window // 2
        windows = functional.conv1d(embedded, self.kernel, self.shift, padding=half, groups=self.arms)
        # Windows around padding count for nothing, so that no logit depends on the rest of a batch.
        found = (functional.relu(windows) * known).amax(2)  # [B, A·H]
        return torch.bmm(found.view(len(ids), self.arms, -1).transpose(0, 1), self.last) + self.offset


def build(student: CnnEncoder, inputs: Inputs, classes: int, arms: int, seed: int) -> torch.nn.Module:
    """The students of all arms with the weights of a seed."""
    if not isinstance(inputs, WordRows):
        raise TypeError(f"{type(inputs).__name__}: not what `word_ids.encode` gives")
    return TextCnnArms(student, inputs.words, classes, arms, seed)
