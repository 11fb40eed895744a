"""Chat templates as programs: which one a base means, what its output depends on, and how that is fixed.

The same messages must give the same prompt on any day and in any program that reads the package. A template
that writes the present day, or lets the caller decide whether a thought is opened, is packaged with both
decided.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from teacherspec.errors import BaseModelError

if TYPE_CHECKING:
    from jinja2 import nodes

DAY = "strftime_now"
"""Function of transformers' templates that formats the present time."""

DEFAULT = "default"
"""Name of the template that transformers applies where a base has several."""

DIRECTIVE = re.compile(r"%[-#_^0]?[A-Za-z%]")
PERCENT = "\N{SYMBOL FOR NULL}"
"""Stands for `%%` while directives are replaced."""

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{4,}")
"""What Python prints of an object without a text of its own: its place in memory."""

THINKING_OPTIONS = ("enable_thinking", "thinking")
"""Options of published templates that decide on a thought (Qwen3, SmolLM3; DeepSeek V3.1, Granite)."""

GIVEN = frozenset({"messages", "add_generation_prompt", "raise_exception", "range", "namespace", "dict", DAY})
"""Names that every caller of a template defines; names of special tokens come with the tokenizer."""


def chosen_template(templates: str | Mapping[str, str] | None, declared: str | None, name: str | None) -> str:
    """The template that conversations are rendered with.

    Args:
        templates: those of the base: one, several by name, or none.
        declared: text of `task.rendering.template`.
        name: `task.rendering.template_name`.

    Raises:
        BaseModelError: there is none, or not the one that is named.
    """
    if declared is not None:
        return declared
    if templates is None:
        raise BaseModelError(
            "task.rendering: the base has no chat template; declare one under task.rendering.template, "
            "or use `kind: plain`"
        )
    named = {DEFAULT: templates} if isinstance(templates, str) else templates
    if (name or DEFAULT) in named:
        return named[name or DEFAULT]
    lacks = f"has no chat template {name}" if name else "has several chat templates and none is `default`"
    raise BaseModelError(
        f"task.rendering: the base {lacks}; declare template_name: one of {', '.join(sorted(named))}, or the "
        "text of another one under task.rendering.template"
    )


def parsed(template: str) -> "nodes.Template":
    """The syntax tree of a template.

    Raises:
        BaseModelError: it is no Jinja.
    """
    from jinja2 import Environment, TemplateSyntaxError
    from jinja2.ext import loopcontrols

    # `{% generation %}` marks answers for transformers; what is inside is rendered as usual.
    plain = re.sub(r"\{%-?\s*(end)?generation\s*-?%\}", "", template)
    try:
        return Environment(extensions=[loopcontrols]).parse(plain)  # noqa: S701 - parsed, never rendered
    except TemplateSyntaxError as error:
        raise BaseModelError(f"task.rendering: the chat template, line {error.lineno}: {error}") from error


def options(template: str) -> frozenset[str]:
    """Names that a template reads and leaves to the caller, other than those that every caller gives.

    A name that it sets itself is one of them where it asks whether the caller defined it.
    """
    from jinja2 import meta, nodes

    tree = parsed(template)
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    tests = (test for test in tree.find_all(nodes.Test) if test.name in ("defined", "undefined"))
    asked = {test.node.name for test in tests if isinstance(test.node, nodes.Name)}
    return frozenset(meta.find_undeclared_variables(tree) - (own - asked)) - GIVEN


def depends_on_day(template: str) -> int | None:
    """The first line on which a template reads the present time; None where none does."""
    from jinja2 import meta, nodes

    tree = parsed(template)
    if DAY not in meta.find_undeclared_variables(tree):
        return None
    return min(found.lineno for found in tree.find_all(nodes.Name) if found.name == DAY)


def random_parts(template: str) -> Iterator[str]:
    """What a template draws at random, with its line."""
    from jinja2 import nodes

    tree = parsed(template)
    for found in tree.find_all(nodes.Filter):
        if found.name == "random":
            yield f"the filter `random` on line {found.lineno}"
    for name in tree.find_all(nodes.Name):
        if name.name == "lipsum":
            yield f"`lipsum` on line {name.lineno}"


def with_day(template: str, day: date) -> str:
    """The template for which it is always `day`, midnight, in every program that renders it."""
    directives = sorted(set(DIRECTIVE.findall(template)) - {"%%"})
    values = [("%%", PERCENT), *((name, day.strftime(name)) for name in directives), (PERCENT, "%")]
    replaced = "".join(f" | replace({given!r}, {value!r})" for given, value in values)
    return f"{{% macro {DAY}(format) %}}{{{{ format{replaced} }}}}{{% endmacro %}}\n{template}"


def with_option(template: str, name: str, *, value: bool) -> str:
    """The template with an option decided, whatever the caller gives."""
    return f"{{% set {name} = {str(value).lower()} %}}\n{template}"


def with_system_in_user(template: str) -> str:
    """The template that writes a system prompt and a blank line before the first text of the user."""
    begins = "messages | length > 1 and messages[0]['role'] == 'system' and messages[1]['role'] == 'user'"
    system, content = "messages[0]['content']", "messages[1]['content']"
    # Kinds with images give a list of parts for each content.
    texts = f"{system} + '\\n\\n' + {content}"
    parts = f"{system} + [{{'type': 'text', 'text': '\\n\\n'}}] + {content}"
    joined = f"({texts}) if {content} is string else ({parts})"
    first = f"[{{'role': 'user', 'content': {joined}}}]"
    return f"{{% if {begins} %}}{{% set messages = {first} + messages[2:] %}}{{% endif %}}\n{template}"


def with_opening(template: str, opening: str) -> str:
    """The template that ends the prefix of an answer with `opening`."""
    return f"{template}{{% if add_generation_prompt %}}{{{{ {opening!r} }}}}{{% endif %}}"


def fixed_template(template: str, today: date | None) -> str:
    """The template as it is packaged, with the day decided.

    Args:
        template: of the base, or declared.
        today: `task.rendering.today`.

    Raises:
        BaseModelError: it depends on the day and none is declared, or the other way round; it is random.
    """
    if drawn := sorted(set(random_parts(template))):
        raise BaseModelError(
            f"task.rendering: the chat template draws at random ({', '.join(drawn)}), so that no prompt "
            "comes twice; declare another task.rendering.template"
        )
    line = depends_on_day(template)
    if line is None:
        if today is not None:
            raise BaseModelError(
                "task.rendering.today: the chat template does not write the day; drop the key"
            )
        return template
    if today is None:
        raise BaseModelError(
            f"task.rendering: the chat template writes the present day into prompts ({DAY} on line {line}), "
            "so that the same rows give another teacher tomorrow; declare which day it always is for this "
            'teacher, such as `today: "2024-07-26"`'
        )
    return with_day(template, today)


def refuse_addresses(text: str) -> None:
    """Refuse a rendered text that shows where an object lies in memory, which differs in every process.

    Raises:
        BaseModelError: it does.
    """
    if found := ADDRESS.search(text):
        raise BaseModelError(
            f"task.rendering: the chat template prints an object of the program ({found.group().strip()}), "
            "which differs in every process; declare another task.rendering.template"
        )


def decided_option(
    template: str, fits: Callable[[str], bool], *, value: bool, names: Sequence[str] = THINKING_OPTIONS
) -> str | None:
    """The template with one of its thinking options decided, where that alone makes it fit; else None."""
    read = options(template)
    candidates = (with_option(template, name, value=value) for name in names if name in read)
    return next(filter(fits, candidates), None)
