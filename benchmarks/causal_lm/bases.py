"""What is trained: a real base in a folder, or a model of SmolLM2-135M's shape with weights drawn anew."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    set_seed,
)

from benchmarks.causal_lm.rows import SYSTEM, read
from teacherspec.text.packing import Example

VOCABULARY = 49_152
END, BEGIN = "</s>", "<s>"


class Base(Protocol):
    """Where training starts; the same at every call."""

    def model(self) -> Any:
        """The model, float32."""

    def tokenizer(self) -> Any:
        """Its tokenizer."""

    def example(self, tokenizer: Any, name: str, question: str, answer: str) -> Example:
        """A row of the set `name`; the answer and the token that ends it are learned."""


@dataclass(frozen=True)
class Real:
    """A pre-trained base with a chat template.

    Attributes:
        folder: of the model, as transformers saves it.
    """

    folder: Path

    def model(self) -> Any:
        """The model, float32."""
        set_seed(0)
        return AutoModelForCausalLM.from_pretrained(self.folder, dtype="float32")

    def tokenizer(self) -> Any:
        """Its own."""
        return AutoTokenizer.from_pretrained(self.folder)

    def example(self, tokenizer: Any, name: str, question: str, answer: str) -> Example:
        """In the chat template of the base."""
        messages = [{"role": "system", "content": SYSTEM[name]}, {"role": "user", "content": question}]
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        asked, said = (
            tokenizer(part, add_special_tokens=False)["input_ids"]
            for part in (text, answer + tokenizer.eos_token)
        )
        return Example([*asked, *said], [0] * len(asked) + [1] * len(said))


@dataclass(frozen=True)
class Drawn:
    """Weights drawn anew, with a tokenizer trained on some of the rows.

    Attributes:
        layers: of the model.
        rows: folder of the sets.
    """

    layers: int
    rows: Path

    def model(self) -> Any:
        """SmolLM2-135M's shape but for the layers."""
        set_seed(0)
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=VOCABULARY,
                hidden_size=576,
                intermediate_size=1536,
                num_hidden_layers=self.layers,
                num_attention_heads=9,
                num_key_value_heads=3,
                tie_word_embeddings=True,
                bos_token_id=0,
                eos_token_id=1,
                pad_token_id=1,
            )
        )

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """Byte-level BPE trained on GSM8K and on abstracts of SciTLDR: E2E is as new to it as to a base.

        It has fewer ids than the head has rows, which changes no cost.
        """
        bpe = Tokenizer(models.BPE())
        bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        bpe.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=16_384, special_tokens=[BEGIN, END], initial_alphabet=alphabet, show_progress=False
        )
        abstracts = (self.rows / "scitldr/train.jsonl").read_text(encoding="utf-8").splitlines()
        pairs = read(self.rows, "gsm8k")
        questions = [f"{SYSTEM['gsm8k']}\n\n{question}\n" for question, _ in pairs]
        bpe.train_from_iterator([*questions, *(answer for _, answer in pairs), *abstracts], trainer)
        return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token=BEGIN, eos_token=END, pad_token=END)

    def example(self, tokenizer: Any, name: str, question: str, answer: str) -> Example:
        """As plain text."""
        asked, said = (
            tokenizer(part)["input_ids"] for part in (f"{SYSTEM[name]}\n\n{question}\n", answer + END)
        )
        return Example([*asked, *said], [0] * len(asked) + [1] * len(said))
