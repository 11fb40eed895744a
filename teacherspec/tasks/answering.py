"""Kinds of task that answer in words: what the rooms need of them beside the common verbs."""

from abc import abstractmethod
from typing import Any, ClassVar

from teacherspec.language.conversation import Conversation
from teacherspec.language.encoding import Encoder
from teacherspec.tasks.verbs import Form, Kind, Row


class Answering(Kind):
    """A kind whose predictions are of the form `token_sums`."""

    form: ClassVar[Form] = "token_sums"

    max_length: int
    """Longest conversation in tokens, special tokens and answer included."""

    @abstractmethod
    def encoder(self, tokenizer: Any) -> Encoder:
        """From conversations to token ids. Raises `BaseError`."""

    @abstractmethod
    def conversation(self, row: Row) -> Conversation:
        """What is said in a row."""
