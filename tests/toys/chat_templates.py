"""Chat templates that behave like published ones, written anew and without their tools.

Each says which published model it follows; what matters here is when a thought or a day is written, which
roles are refused, and what changes once more turns follow.
"""

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Many; Qwen3-2507-Instruct."""

QWEN25 = (
    "{%- if messages[0].role != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% endif %}" + CHATML
)
"""Qwen 2.5: a system prompt of its own where the conversation has none."""

LLAMA3 = (
    "{{- bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
"""Llama 3."""

LLAMA32 = """\
{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- set system = "" %}
{%- if messages[0].role == "system" %}
    {%- set system = messages[0].content | trim %}
    {%- set messages = messages[1:] %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\nCutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" + system + "<|eot_id|>" }}
{%- for m in messages %}
    {{- "<|start_header_id|>" + m.role + "<|end_header_id|>\\n\\n" + m.content | trim + "<|eot_id|>" }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- "<|start_header_id|>assistant<|end_header_id|>\\n\\n" }}
{%- endif %}
"""
"""Llama 3.2: the present day in every system prompt."""

_MISTRAL = """\
{%- set turns = messages %}
{%- if messages[0].role == "system" %}
    {%- set system = messages[0].content %}
    {%- set turns = messages[1:] %}
{%- endif %}
{{- bos_token }}
{%- for m in turns %}
    {%- if (m.role == "user") != (loop.index0 % 2 == 0) %}
        {{- raise_exception("roles must alternate user/assistant/user/assistant/...") }}
    {%- endif %}
    {%- if m.role == "user" %}
        {%- if loop.last and system is defined %}
            {{- "[INST]" + SPACE + system + "\\n\\n" + m.content + END + "[/INST]" }}
        {%- else %}
            {{- "[INST]" + SPACE + m.content + END + "[/INST]" }}
        {%- endif %}
    {%- elif m.role == "assistant" %}
        {{- SPACE + m.content | trim + eos_token }}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported") }}
    {%- endif %}
{%- endfor %}
"""
MISTRAL_V03 = _MISTRAL.replace("SPACE", '" "').replace("END", '""')
"""Mistral 7B v0.3: the system prompt goes before the last turn, where that is the user's."""

MISTRAL_TEKKEN = _MISTRAL.replace("SPACE + ", "").replace("END + ", "")
"""Mistral NeMo (v3 tekken): the same without spaces."""

MISTRAL_SMALL = """\
{%- set today = strftime_now("%Y-%m-%d") %}
{%- if messages[0].role == "system" %}
    {%- set system = messages[0].content %}
    {%- set turns = messages[1:] %}
{%- else %}
    {%- set system = "You are Mistral Small. The current date is " + today + "." %}
    {%- set turns = messages %}
{%- endif %}
{{- bos_token + "[SYSTEM_PROMPT]" + system + "[/SYSTEM_PROMPT]" }}
{%- for m in turns %}
    {%- if m.role == "user" %}
        {{- "[INST]" + m.content + "[/INST]" }}
    {%- elif m.role == "assistant" %}
        {{- m.content + eos_token }}
    {%- else %}
        {{- raise_exception("Only user, system and assistant roles are supported!") }}
    {%- endif %}
{%- endfor %}
"""
"""Mistral Small 3: the day only in the system prompt of rows that have none."""

GEMMA2 = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
"""Gemma 2: no system prompts, strict turns."""

GEMMA3 = (
    "{{ bos_token }}{% set first = '' %}{% set turns = messages %}{% if messages[0].role == 'system' %}"
    "{% set first = messages[0].content + '\n\n' %}{% set turns = messages[1:] %}{% endif %}"
    "{% for m in turns %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ first if loop.first else '' }}"
    "{{ m.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
"""Gemma 3: the system prompt at the front of the first question."""

_QWEN3 = """\
{%- set ns = namespace(last=0) %}
{%- for m in messages %}
    {%- if m.role == "user" %}{%- set ns.last = loop.index0 %}{%- endif %}
{%- endfor %}
{%- for m in messages %}
    {%- set content, thought = m.content, "" %}
    {%- if m.role == "assistant" and "</think>" in content %}
        {%- set thought = content.split("</think>")[0].rstrip("\\n").split("<think>")[-1].lstrip("\\n") %}
        {%- set content = content.split("</think>")[-1].lstrip("\\n") %}
    {%- endif %}
    {{- "<|im_start|>" + m.role + "\\n" }}
    {%- if m.role == "assistant" and loop.index0 > ns.last and (loop.last or thought) %}
        {{- "<think>\\n" + thought.strip("\\n") + "\\n</think>\\n\\n" + content.lstrip("\\n") }}
    {%- else %}
        {{- content }}
    {%- endif %}
    {{- "<|im_end|>\\n" }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- "<|im_start|>assistant\\n" }}
    GENERATION
{%- endif %}
"""
QWEN3 = _QWEN3.replace(
    "GENERATION",
    "{%- if enable_thinking is defined and enable_thinking is false %}"
    '{{- "<think>\\n\\n</think>\\n\\n" }}{%- endif %}',
)
"""Qwen3: the last answer has a thought, if an empty one; the prompt has one only where asked for none."""

QWEN3_THINKING = _QWEN3.replace("GENERATION", '{{- "<think>\\n" }}')
"""Qwen3-2507-Thinking: the prompt opens the thought."""

QWEN35 = _QWEN3.replace(
    "GENERATION",
    '{%- if enable_thinking is defined and enable_thinking is true %}{{- "<think>\\n" }}'
    '{%- else %}{{- "<think>\\n\\n</think>\\n\\n" }}{%- endif %}',
)
"""Small Qwen3.5: the prompt ends the thought unless asked for one."""

DEEPSEEK_R1 = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}<|User|>{{ m.content }}"
    "{% elif m.role == 'assistant' %}<|Assistant|>{{ m.content.split('</think>')[-1] }}{{ eos_token }}"
    "{% else %}{{ m.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|Assistant|><think>\n{% endif %}"
)
"""DeepSeek-R1 and its distilled models: the prompt opens the thought, answers are written without any."""

GPT_OSS = (
    "{{ '<|start|>system<|message|>Current date: ' + strftime_now('%Y-%m-%d') + '<|end|>' }}"
    "{% for m in messages %}"
    "{% if m.role == 'assistant' %}<|start|>assistant<|channel|>final<|message|>{{ m.content }}"
    "{{ '<|return|>' if loop.last and not add_generation_prompt else '<|end|>' }}"
    "{% else %}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
"""gpt-oss (harmony): a channel before every answer, the present day, another end of earlier answers."""

TOKENS = (
    "<start_of_turn>", "<end_of_turn>", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "<|User|>", "<|Assistant|>",
    "<|start|>", "<|message|>", "<|channel|>", "<|end|>", "<|return|>",
)  # fmt: skip
"""Special tokens of these templates which the toy tokenizer lacks."""
