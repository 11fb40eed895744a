"""`task.rendering`: how a conversation becomes text, plain or by a chat template."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field as Param

from teacherspec.spec.section import Section
from teacherspec.tasks.shared import chat_report
from teacherspec.text.chat_rendering import PlainRenderer, Renderer, chat_renderer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Plain(Section):
    """Prompt and answer as plain text, one after the other."""

    kind: Literal["plain"] = "plain"
    """The rendering."""

    frame: Annotated[str, Param(pattern=r"^(?s:[^{}]*(\{system\})?[^{}]*\{prompt\}[^{}]*)$")] | None = None
    """Text around the prompt, which replaces `{prompt}`, and a system prompt, which replaces `{system}`; omit
    for the prompt alone (`alpaca` rows: the frame that Alpaca was trained with)."""

    stop: str | None = None
    """Text of the special token that ends an answer; omit for the tokenizer's end token."""

    @property
    def declared_template(self) -> None:
        """A plain rendering declares no chat template."""

    def renderer(
        self, tokenizer: "PreTrainedTokenizerBase", default_frame: str, image: str | None = None
    ) -> Renderer:
        """How conversations, and images by the text `image`, become text. Raises `BaseModelError`."""
        stop = self.stop if self.stop is not None else chat_report.end_token(tokenizer)
        return PlainRenderer(self.frame or default_frame, stop, image or "")

    def usage_snippet(self, system: str | None, default_frame: str) -> str:
        """Lines of a program from `question` to `batch`, with `tokenizer` alone."""
        before, _, after = (self.frame or default_frame).partition("{prompt}")
        framed = [part.replace("{system}", system or "") for part in (before, after)]
        return (
            f'text = {framed[0]!r} + question + {framed[1]!r}\nbatch = tokenizer(text, return_tensors="pt")\n'
        )


class Chat(Section):
    """Turns in the chat template of the base, or in a declared one."""

    kind: Literal["chat"]
    """The rendering."""

    template: str | None = Param(default=None, min_length=1, max_length=100_000)
    """A chat template in Jinja; omit for the base's own."""

    @property
    def declared_template(self) -> str | None:
        """The chat template that the processor is saved with; None keeps the base's own."""
        return self.template

    def renderer(
        self, tokenizer: "PreTrainedTokenizerBase", default_frame: str, image: str | None = None
    ) -> Renderer:
        """How conversations, and images by the text `image`, become text. Raises `BaseModelError`."""
        return chat_renderer(tokenizer, self.template, image)

    def usage_snippet(self, system: str | None, default_frame: str) -> str:
        """Lines of a program from `question` to `batch`, with `tokenizer` alone."""
        system_turn = [] if system is None else [f'{{"role": "system", "content": {system!r}}}']
        turns = ", ".join([*system_turn, '{"role": "user", "content": question}'])
        return (
            f"messages = [{turns}]\n"
            "batch = tokenizer.apply_chat_template(\n"
            '    messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"\n'
            ")\n"
        )
