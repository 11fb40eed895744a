"""Image placeholders: one in the rendered text for each image, expanded to many before tokenisation.

A vision-language model reads an image as a run of tokens, whose number may depend on the size of the image.
Placeholders are expanded in the text, so that supervised spans stay known by their characters.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from teacherspec.errors import DataError
from teacherspec.text.chat_rendering import Rendered


@dataclass(frozen=True)
class ImageText:
    """How images become text.

    Attributes:
        placeholder: text that the renderer writes once for each image.
        expansion: from an encoded image to the text that replaces its placeholder.
    """

    placeholder: str
    expansion: Callable[[bytes], str]

    def expand(self, rendered: Rendered, images: Sequence[bytes]) -> Rendered:
        """Replace every placeholder by the text of its image, and shift the spans.

        Raises:
            DataError: there are not as many placeholders as images.
        """
        places = [found.start() for found in re.finditer(re.escape(self.placeholder), rendered.text)]
        if len(places) != len(images):
            raise DataError(
                f"is rendered with {len(places)} {self.placeholder} for {len(images)} images; declare "
                "another task.rendering.template"
            )
        expansions = list(map(self.expansion, images))
        growth = [len(expansion) - len(self.placeholder) for expansion in expansions]

        def moved(at: int) -> int:
            return at + sum(more for place, more in zip(places, growth, strict=True) if place < at)

        pieces, done = [], 0
        for place, expansion in zip(places, expansions, strict=True):
            pieces += [rendered.text[done:place], expansion]
            done = place + len(self.placeholder)
        shown = tuple(
            (moved(place), moved(place) + len(expansion))
            for place, expansion in zip(places, expansions, strict=True)
        )
        spans = tuple((moved(start), moved(end)) for start, end in rendered.spans)
        return Rendered("".join([*pieces, rendered.text[done:]]), spans, shown)
