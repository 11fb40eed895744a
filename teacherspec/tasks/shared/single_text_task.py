"""What kinds share whose rows hold one text, read by an encoder with a new head."""

from teacherspec.tasks.shared.interfaces.packaging import UsageSnippet
from teacherspec.tasks.shared.text_encoder_task import TextEncoderTask


class SingleTextTask(TextEncoderTask):
    """A kind whose rows have the column `text`."""

    def text_columns(self) -> tuple[str, ...]:
        """The text."""
        return ("text",)

    def usage_snippet(self) -> UsageSnippet:
        """Logits of a text."""
        return UsageSnippet(
            "import torch\nfrom transformers import AutoModelForSequenceClassification, AutoTokenizer\n",
            (
                'tokenizer = AutoTokenizer.from_pretrained("model")\n'
                'model = AutoModelForSequenceClassification.from_pretrained("model").eval()\n'
                'batch = tokenizer(["a text"], truncation=True, padding=True, return_tensors="pt")\n'
                "with torch.inference_mode():\n"
                "    logits = model(**batch).logits\n"
            ),
        )
