"""Conversations and the answers to be learned: what kinds that answer in words have in common."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field as Param

from teacherspec.spec.section import Section
from teacherspec.tasks.base import BaseSummary, Batch, LossTerms, MemoryProbe, ModelInit, Row
from teacherspec.tasks.columns.row_schema import RowSchema
from teacherspec.tasks.shared import chat_report, hf_loading
from teacherspec.tasks.shared.conversation_base import Answering
from teacherspec.tasks.shared.row_formats import EXCHANGES, Exchange, RowForm
from teacherspec.tasks.shared.text_report import refuse_longer
from teacherspec.tasks.shared.tokenize_rows import encode_rows
from teacherspec.text.block_attention import lay_apart
from teacherspec.text.chat_rendering import PlainRenderer, Renderer, chat_renderer
from teacherspec.text.conversation import Conversation
from teacherspec.text.lm_head import narrow_head
from teacherspec.text.packing import SUPERVISED, Example, pack, pad
from teacherspec.text.tokenization import Encoder, OverLong

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TRIAL_FROM = 2_000
"""Rows among which the longest are looked for."""

TRIAL_ROWS = 2


class Plain(Section):
    """Question and answer as plain text, one after the other."""

    kind: Literal["plain"] = "plain"
    """The rendering."""

    frame: Annotated[str, Param(pattern=r"^(?s:[^{}]*(\{system\})?[^{}]*\{prompt\}[^{}]*)$")] | None = None
    """Text around the question, which stands for `{prompt}`, and a system prompt for `{system}`; omit for
    the question alone (`alpaca` rows: the frame that Alpaca was trained with)."""

    stop: str | None = None
    """Text of the special token that ends an answer; omit for the tokenizer's end token."""

    def renderer(
        self, tokenizer: "PreTrainedTokenizerBase", default_frame: str, image: str | None = None
    ) -> Renderer:
        """How conversations, and images by the text `image`, become text. Raises `BaseModelError`."""
        stop = self.stop if self.stop is not None else chat_report.end_token(tokenizer)
        return PlainRenderer(self.frame or default_frame, stop, image or "")

    def loading_snippet(self, system: str | None, default_frame: str) -> str:
        """Lines of a program from `question` to `batch`, for whoever has `tokenizer` alone."""
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

    def renderer(
        self, tokenizer: "PreTrainedTokenizerBase", default_frame: str, image: str | None = None
    ) -> Renderer:
        """How conversations, and images by the text `image`, become text. Raises `BaseModelError`."""
        return chat_renderer(tokenizer, self.template, image)

    def loading_snippet(self, system: str | None, default_frame: str) -> str:
        """Lines of a program from `question` to `batch`, for whoever has `tokenizer` alone."""
        told = [] if system is None else [f'{{"role": "system", "content": {system!r}}}']
        turns = ", ".join([*told, '{"role": "user", "content": question}'])
        return (
            f"messages = [{turns}]\n"
            "batch = tokenizer.apply_chat_template(\n"
            '    messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"\n'
            ")\n"
        )


class Conversing(Answering):
    """A kind that is taught by conversations; only answers and the token that ends them are learned."""

    new_head: ClassVar[bool] = False
    selection_metrics: ClassVar[Mapping[str, bool]] = {"nll": False, "accuracy": True}

    packs: ClassVar[bool] = True
    """Whether all examples of a batch share one row."""

    auto_class: ClassVar[str]
    """Name of the class of transformers that loads the model."""

    rows: RowForm = "prompt_completion"
    """Form of the rows: `prompt_completion` (columns `prompt`, `completion`), `messages` (a column of turns
    with `role` and `content`, the last the assistant's) or `alpaca` (`instruction`, `input`, `output`)."""

    rendering: Annotated[Plain | Chat, Param(discriminator="kind")] = Plain()
    """How a conversation becomes text."""

    system: str | None = Param(default=None, min_length=1, max_length=100_000)
    """System prompt of the rows that have none of their own."""

    max_length: int = Param(default=512, ge=8, le=1_048_576)
    """Longest conversation in tokens, special tokens and answer included."""

    over_long: OverLong = "refuse"
    """What becomes of a longer conversation: `refuse` stops with its id; `truncate_prompt` cuts the prompt
    from its front, so that the whole answer is still learned."""

    def declare_template(self, processor: Any, template: str) -> None:
        """Make a declared chat template the processor's own, so that it is saved with it."""
        processor.chat_template = template

    def exchange(self) -> Exchange:
        """The declared form of rows."""
        return EXCHANGES[self.rows]

    def encoder(self, processor: Any) -> Encoder:
        """From conversations to token ids. Raises `BaseModelError`."""
        tokenizer = self.tokenizer(processor)
        renderer = self.rendering.renderer(tokenizer, self.exchange().frame)
        return Encoder(tokenizer, renderer, self.max_length, self.over_long)

    def conversation(self, row: Row) -> Conversation:
        """What is said in a row, under the declared system prompt."""
        return self.exchange().conversation(row).with_system(self.system)

    def row_schema(self) -> RowSchema:
        """What `prepare` demands of a row: what is asked, which decides its split, and what is answered."""
        return self.exchange().fields

    def tokenizer_probe_texts(self, rows: "Dataset") -> list[str]:
        """Everything that is said in the rows."""
        return [turn.content for row in rows for turn in self.conversation(row).turns()]

    def check_base(self, folder: Path, backbone: BaseSummary) -> None:
        """Refuse a `max_length` beyond the base's context. Raises `BaseModelError`."""
        refuse_longer(self.max_length, folder, backbone)

    def load_base(
        self, folder: Path, label_names: Sequence[str], start: ModelInit
    ) -> "tuple[PreTrainedModel, Any]":
        """The base, float32, and its processor, both told how an answer ends. Raises `BaseModelError`."""
        model, processor = self._load(folder, start)
        chat_report.adopt(model, self.tokenizer(processor), self.encoder(processor).stop_id)
        if isinstance(self.rendering, Chat) and self.rendering.template is not None:
            self.declare_template(processor, self.rendering.template)
        return model, processor

    def load(self, folder: Path) -> "tuple[PreTrainedModel, Any]":
        """A fine-tuned model as saved, and its processor. Raises `BaseModelError`."""
        return self._load(folder, ModelInit())

    def _load(self, folder: Path, start: ModelInit) -> "tuple[PreTrainedModel, Any]":
        import transformers

        processor = self.load_processor(folder)
        # Where a batch of prompts is padded; examples of a training are laid out by `collate`.
        self.tokenizer(processor).padding_side = "left"
        config = hf_loading.load_config(folder, None, start.dropout)
        auto_class = getattr(transformers, self.auto_class)
        if start.init == "config":
            model = hf_loading.start_model(auto_class, folder, config, start)
        else:
            model = hf_loading.load_weights(auto_class, folder, config, new_head=False)
        if self.packs:
            lay_apart(model)
        return narrow_head(model), processor

    def encode(self, processor: Any, rows: "Dataset") -> "Dataset":
        """Rows → `input_ids`, `supervised`, `answer_start`, `cut`, `split` and `length`, in their order.

        Raises:
            DataError: rows hold special tokens, cannot be rendered or do not fit; names the first of them.
        """
        return encode_rows(self.encoder(processor), self.conversation, rows, self.shown)

    def lengths(self, encoded: "Dataset") -> Sequence[int]:
        """Tokens of each example."""
        lengths: Sequence[int] = encoded["length"]
        return lengths

    def collate(self, processor: Any) -> Callable[[list[Mapping[str, Any]]], Batch]:
        """A function from encoded examples to one batch, in which no example sees another."""
        pad_id = self.tokenizer(processor).pad_token_id

        def collate_batch(examples: list[Mapping[str, Any]]) -> Batch:
            chosen = [Example(example["input_ids"], example["supervised"]) for example in examples]
            images = [image for example in examples for name in self.shown for image in example[name]]
            laid_out = pack(chosen) if self.packs else pad(chosen, pad_id)
            return {**laid_out, **self.vision_inputs(processor, images)}

        return collate_batch

    def batch(self, processor: Any, rows: Sequence[Row]) -> Batch:
        """Prompts of raw rows, padded on the left; what serving and latency go through."""
        conversations = [self.conversation(self.from_request(row)) for row in rows]
        prompts = list(map(self.encoder(processor).encode_prompt, conversations))
        images = [image for one in conversations for image in one.images]
        padded = chat_report.padded_left(prompts, self.tokenizer(processor).pad_token_id)
        return {**padded, **self.vision_inputs(processor, images)}

    def logits(self, model: Any, batch: Batch) -> "torch.Tensor":
        """Logits of what is asked `[U, V]`, or of the token after each prompt `[B, V]`."""
        logits: torch.Tensor = model(**batch).logits
        return logits if SUPERVISED in batch else logits[:, -1]

    def loss_terms(self, outputs: "Mapping[str, torch.Tensor]", labels: "torch.Tensor") -> LossTerms:
        """One unit a learned token; the first label is none, see `pack`."""
        return LossTerms(outputs["logits"], labels[0, 1:])

    def validation_outputs(
        self, outputs: "Mapping[str, torch.Tensor]", labels: "torch.Tensor"
    ) -> "torch.Tensor":
        """Loss and hit of each token `[1, 1 + U, 2]`: never logits of a whole vocabulary."""
        return chat_report.losses_and_hits(outputs["logits"], labels)

    def measure(self, kept: "npt.NDArray[np.float32]", labels: "npt.NDArray[np.int64]") -> dict[str, float]:
        """Mean loss (nats) and share of hits over all learned tokens."""
        losses, hits = (kept[..., place][labels != -100].astype(np.float64) for place in (0, 1))
        return {"nll": float(losses.mean()), "accuracy": float(hits.mean())}

    def fit_report(
        self, processor: Any, splits: "Mapping[str, Dataset]", backbone: BaseSummary
    ) -> dict[str, Any]:
        """Context, vocabulary, rendering, and the lengths of each split. Raises `DataError`."""
        untruncated = self.model_copy(update={"max_length": 1 << 30})
        encoded = {name: untruncated.encode(processor, rows) for name, rows in splits.items()}
        for rows in splits.values():
            self.encode(processor, rows)  # refuses what does not fit
        texts = {name: self.tokenizer_probe_texts(rows) for name, rows in splits.items()}
        return {
            "context": {"base": backbone.context, "declared": self.max_length},
            "vocabulary": {"embedding_rows": backbone.embeddings, "tokenizer": backbone.tokens},
            **chat_report.rendering_report(self.encoder(processor), encoded, texts, self.max_length),
        }

    def describe_fit(self, fit: Mapping[str, Any]) -> Sequence[str]:
        """Lines of Markdown on lengths, unknown tokens and what is learned."""
        return tuple(chat_report.describe(fit))

    def memory_probe(self, processor: Any, rows: "Dataset") -> MemoryProbe:
        """The longest of some rows; activations are taken to grow with the tokens."""
        encoded = self.encode(processor, rows.select(range(min(len(rows), TRIAL_FROM))))
        longest = np.argsort(-np.asarray(encoded["length"]), kind="stable")[:TRIAL_ROWS]
        batch = dict(self.collate(processor)([encoded[int(row)] for row in longest]))
        del batch["labels"]
        return MemoryProbe(batch, batch["input_ids"].numel(), self.max_length)
