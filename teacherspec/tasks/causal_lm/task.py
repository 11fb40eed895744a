"""Instruction-tuned language models: a conversation, and the answer to be learned.

A row as `prepare` stores it, by its form: `{"id": …, "prompt": "Tell a story about a cat.", "completion":
["Once upon a time …"]}`; `{"prompt": [{"role": "user", "content": …}], "answer": […]}` from `messages`;
`{"instruction": …, "input": …, "output": […]}`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from teacherspec.tasks.shared import hf_loading
from teacherspec.tasks.shared.conversation_task import Conversing

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class CausalLM(Conversing):
    """Answer as the data answer; only answers and the token that ends them are learned."""

    hub_task: ClassVar[str] = "text-generation"
    auto_class: ClassVar[str] = "AutoModelForCausalLM"
    reader: ClassVar[tuple[str, str]] = (
        "import torch\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n",
        (
            'tokenizer = AutoTokenizer.from_pretrained("model")\n'
            'model = AutoModelForCausalLM.from_pretrained("model").eval()\n'
            'batch = tokenizer(["a prompt"], padding=True, return_tensors="pt")\n'
            'batch.pop("token_type_ids", None)\n'
            "with torch.inference_mode():\n"
            "    logits = model(**batch).logits[:, -1]  # of the next token\n"
        ),
    )

    kind: Literal["causal_lm"]
    """The kind of task; also the name of the module that implements it."""

    def answer_snippet(self) -> str:
        """From a question to the likeliest answer, rendered as it was learned."""
        return (
            "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
            'tokenizer = AutoTokenizer.from_pretrained("model")\n'
            'model = AutoModelForCausalLM.from_pretrained("model").eval()\n'
            'question = "a prompt"\n'
            f"{self.rendering.loading_snippet(self.system, self.exchange().frame)}"
            'batch.pop("token_type_ids", None)\n'
            f"ids = model.generate(**batch, max_new_tokens={self.max_length}, do_sample=False)[0]\n"
            'answer = ids[batch["input_ids"].shape[1] :]\n'
            "print(tokenizer.decode(answer, skip_special_tokens=True))\n"
        )

    def load_processor(self, folder: Path) -> "PreTrainedTokenizerBase":
        """The base's tokenizer. Raises `BaseModelError`."""
        return hf_loading.load_tokenizer(folder, self.max_length)
