"""What a kind declares that is trained on conversations, and how a row becomes one and then text."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field as Param
from pydantic import model_validator

from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.tasks.shared.interfaces.model import Row
from teacherspec.tasks.shared.rendering import Chat, Plain
from teacherspec.tasks.shared.row_formats import (
    ROW_FORMATS,
    PromptColumn,
    RowFormat,
    RowFormatName,
    with_earlier_turns,
    with_prompt_columns,
)
from teacherspec.text.conversation import Conversation
from teacherspec.text.thoughts import Thoughts, refuse_thought, reply, without_thought
from teacherspec.text.tokenization import Encoder, OverLong

if TYPE_CHECKING:
    from datasets import Dataset


class ConversationRows(GenerationTask):
    """The declared rows, rendering and length of conversations."""

    rows: RowFormatName = "prompt_completion"
    """Format of the rows: `prompt_completion` (columns `prompt`, `completion`), `messages` (a column of turns
    with `role` and `content`, the last the assistant's) or `alpaca` (`instruction`, `input`, `output`)."""

    prompt_columns: tuple[PromptColumn, ...] = ()
    """Columns besides those of the format that belong to the prompt, and may be empty or missing in a row:
    `system` is its system prompt, `history` its earlier turns as a list of pairs `[question, answer]`, whose
    answers are learned too."""

    rendering: Annotated[Plain | Chat, Param(discriminator="kind")] = Plain()
    """How a conversation becomes text."""

    system: str | None = Param(default=None, min_length=1, max_length=100_000)
    """System prompt of the rows that have none of their own."""

    max_length: int = Param(default=512, ge=8, le=1_048_576)
    """Longest conversation in tokens, special tokens and answer included."""

    over_long: OverLong = "refuse"
    """What happens to a longer conversation: `refuse` stops and names it; `truncate_prompt` cuts the texts
    of the user at their front, the oldest first; all else stays whole: system prompt, template, answer."""

    thoughts: Thoughts = "none"
    """Thoughts before answers, such as `<think>…</think>`. `none`: rows have none; where the chat template
    writes an empty one, it belongs to the prompt and is neither learned nor scored. `learned`: the thought of
    the last answer is learned with it; the answer after it is compared with references. `dropped`: as `none`,
    with the thoughts of the rows removed."""

    @model_validator(mode="after")
    def _prompt_columns_fit_the_rows(self) -> Self:
        if len(set(self.prompt_columns)) < len(self.prompt_columns):
            raise ValueError("prompt_columns names a column twice")
        if self.rows == "messages" and "history" in self.prompt_columns:
            raise ValueError(
                "prompt_columns: history goes into the column of messages where rows is messages"
            )
        if "history" in self.prompt_columns and self.rendering.kind == "plain":
            raise ValueError("prompt_columns: history needs `rendering: {kind: chat}`, which separates turns")
        return self

    def declare_template(self, processor: Any, template: str) -> None:
        """Make a chat template the processor's own, so that it is saved with it."""
        processor.chat_template = template

    def image_placeholder(self, processor: Any) -> str | None:
        """Text that a chat template writes for an image; None for kinds without images."""
        return None

    def load_base_processor(self, folder: Path) -> Any:
        """The processor of a base, with the chat template that is packaged. Raises `BaseModelError`."""
        processor = self.load_processor(folder)
        self._fix_template(processor)
        return processor

    def _fix_template(self, processor: Any) -> None:
        image = self.image_placeholder(processor)
        template = self.rendering.packaged_template(self.tokenizer(processor), self.thoughts, image)
        if template is not None:
            self.declare_template(processor, template)

    def row_format(self) -> RowFormat:
        """The declared format of rows."""
        return ROW_FORMATS[self.rows]

    def encoder(self, processor: Any) -> Encoder:
        """From conversations to token ids. Raises `BaseModelError`."""
        tokenizer = self.tokenizer(processor)
        renderer = self.rendering.renderer(tokenizer, self.row_format().frame, self.thoughts)
        return Encoder(tokenizer, renderer, self.max_length, self.over_long)

    def conversation(self, row: Row) -> Conversation:
        """The conversation in a row, under the declared system prompt, with the thoughts that count."""
        found = with_earlier_turns(self.row_format().conversation(row), row).with_system(self.system)
        if self.thoughts == "none":
            return found
        return found.with_answers(without_thought, earlier_only=self.learns_thoughts)

    def learned_conversation(self, row: Row) -> Conversation:
        """The conversation in a row to learn from. Raises `DataError` where it has an undeclared thought."""
        found = self.conversation(row)
        if self.thoughts == "none":
            for turn in found.turns():
                if turn.role == "assistant":
                    refuse_thought(turn.content)
        return found

    @property
    def learns_thoughts(self) -> bool:
        """Whether answers begin with a thought that is not compared with references."""
        return self.thoughts == "learned"

    def reply(self, text: str, *, opened: bool = False) -> str:
        """What counts of an answer: all of it, or what follows its thought where thoughts are learned."""
        return reply(text, opened=opened) if self.learns_thoughts else text

    def row_schema(self) -> RowSchema:
        """The prompt, which decides the split of a row, and the answers."""
        return with_prompt_columns(self.row_format().schema(bool(self.image_columns)), self.prompt_columns)

    def tokenizer_probe_texts(self, rows: "Dataset") -> list[str]:
        """The contents of all turns of the rows."""
        return [turn.content for row in rows for turn in self.conversation(row).turns()]
