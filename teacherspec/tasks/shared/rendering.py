"""`task.rendering`: how a conversation becomes text, plain or by a chat template."""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field as Param
from pydantic import model_validator

from teacherspec.spec.section import Section
from teacherspec.tasks.shared import chat_report
from teacherspec.text.chat_rendering import PlainRenderer, Renderer
from teacherspec.text.chat_template import chosen_template, fixed_template, with_system_in_user
from teacherspec.text.template_probe import chat_renderer, completed_template
from teacherspec.text.thoughts import Thoughts

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
    def today(self) -> None:
        """A plain rendering writes no day."""

    def packaged_template(
        self, tokenizer: "PreTrainedTokenizerBase", thoughts: Thoughts, image: str | None = None
    ) -> None:
        """A plain rendering decides nothing on the chat template of the base."""

    def renderer(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        default_frame: str,
        thoughts: Thoughts,
        image: str | None = None,
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

    template_name: str | None = Param(default=None, min_length=1, max_length=100)
    """Which of several chat templates of the base, such as `tool_use`; omit for `default`."""

    today: date | None = None
    """The day that a chat template with the present day writes into every prompt, in training and for ever
    after, such as "2024-07-26" in quotes; omit for templates without."""

    system_in: Literal["own_turn", "user_turn"] = "own_turn"
    """Where a system prompt stands: in a turn of its own, or before the first text of the user, for chat
    templates that refuse system turns, such as Gemma's; the packaged template puts it there."""

    @model_validator(mode="after")
    def _names_one_template(self) -> Self:
        if self.template is not None and self.template_name is not None:
            raise ValueError("template and template_name both choose the chat template; declare one of them")
        return self

    def packaged_template(
        self, tokenizer: "PreTrainedTokenizerBase", thoughts: Thoughts, image: str | None = None
    ) -> str:
        """The chat template with all decided on which a prompt would depend besides its messages.

        Args:
            tokenizer: as the base has it.
            thoughts: `task.thoughts`.
            image: text that the template writes for an image.

        Raises:
            BaseModelError: there is none that can be learned from.
        """
        template = chosen_template(tokenizer.chat_template, self.template, self.template_name)
        template = completed_template(tokenizer, fixed_template(template, self.today), thoughts, image)
        return with_system_in_user(template) if self.system_in == "user_turn" else template

    def renderer(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        default_frame: str,
        thoughts: Thoughts,
        image: str | None = None,
    ) -> Renderer:
        """How conversations, and images by the text `image`, become text, in the tokenizer's own template.

        Raises:
            BaseModelError: the tokenizer has none, or not the one of `packaged_template`.
        """
        return chat_renderer(tokenizer, chosen_template(tokenizer.chat_template, None, None), thoughts, image)

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
