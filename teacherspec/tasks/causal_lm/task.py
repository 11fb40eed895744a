"""Instruction-tuned language models: a conversation and its answer.

A row as `prepare` stores it, by its format: `{"id": …, "prompt": "Tell a story about a cat.", "completion":
["Once upon a time …"]}`; `{"prompt": [{"role": "user", "content": …}], "answer": […]}` from `messages`;
`{"instruction": …, "input": …, "output": […]}`.
"""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from teacherspec.tasks.shared import hf_loading
from teacherspec.tasks.shared.conversation_task import ConversationTask
from teacherspec.tasks.shared.interfaces.packaging import UsageSnippet

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class CausalLM(ConversationTask):
    """Generate answers like those of the data; only answers and the token that ends them are supervised."""

    hub_task: ClassVar[str] = "text-generation"
    auto_class: ClassVar[str] = "AutoModelForCausalLM"

    kind: Literal["causal_lm"]
    """The kind of task; also the name of the module that implements it."""

    def usage_snippet(self) -> UsageSnippet:
        """Logits of the next token; the greedy answer to a question, rendered as in training."""
        imports = "import torch\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n"
        logits = (
            'tokenizer = AutoTokenizer.from_pretrained("model")\n'
            'model = AutoModelForCausalLM.from_pretrained("model").eval()\n'
            'batch = tokenizer(["a prompt"], padding=True, return_tensors="pt")\n'
            'batch.pop("token_type_ids", None)\n'
            "with torch.inference_mode():\n"
            "    logits = model(**batch).logits[:, -1]  # of the next token\n"
        )
        answer = (
            "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
            'tokenizer = AutoTokenizer.from_pretrained("model")\n'
            'model = AutoModelForCausalLM.from_pretrained("model").eval()\n'
            'question = "a prompt"\n'
            f"{self.rendering.usage_snippet(self.system, self.row_format().frame)}"
            'batch.pop("token_type_ids", None)\n'
            f"ids = model.generate(**batch, max_new_tokens={self.max_length}, do_sample=False)[0]\n"
            'answer = ids[batch["input_ids"].shape[1] :]\n'
            "print(tokenizer.decode(answer, skip_special_tokens=True))\n"
        )
        return UsageSnippet(imports, logits, answer)

    def load_processor(self, folder: Path) -> "PreTrainedTokenizerBase":
        """The base's tokenizer. Raises `BaseModelError`."""
        return hf_loading.load_tokenizer(folder, self.max_length)
