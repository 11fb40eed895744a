"""The page of a teacher as HTML: one file, with its style and script inside and nothing from elsewhere.

It is a function of reports, declaration and rows alone: no time, no machine, no commit, so that the same
numbers give the same bytes. A Content Security Policy allows the page's own style and script by their
digests, pictures inside, and nothing else; text of the data is escaped, and what is invisible is written out.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from teacherspec.package.card import card_findings
from teacherspec.package.card.readiness import verdict
from teacherspec.package.output_types import OUTPUT_TYPES
from teacherspec.package.page.content import Headline, Item, Section
from teacherspec.package.page.data_and_training import data_section, training_section
from teacherspec.package.page.next_steps import next_section
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.package.page.verdict import common_headlines, gates_section
from teacherspec.package.page.worth import students_section
from teacherspec.runtime.escaping import printable
from teacherspec.runtime.html_pages import csp_digest, inline_markdown, page_templates

if TYPE_CHECKING:
    from markupsafe import Markup

TEMPLATE, STYLE, SCRIPT = "page.html.j2", "page.css", "page.js"

LONGEST = 300
"""Characters of a label or a text in a cell."""


def render_page(inputs: PageInputs) -> str:
    """The page.

    Args:
        inputs: declaration, reports and rows.
    """
    folder = Path(__file__).parent
    style, script = ((folder / name).read_text(encoding="utf-8") for name in (STYLE, SCRIPT))
    sections, headlines = page_content(inputs)
    return (
        page_templates(folder, {"shown": shown, "lines": shown_lines, "sentence": sentence})
        .get_template(TEMPLATE)
        .render(
            name=inputs.section.name,
            description=inputs.section.description,
            verdict=verdict(inputs.gates),
            passed=sum(gate.passed for gate in inputs.gates),
            gates=len(inputs.gates),
            level=inputs.evaluating.confidence,
            headlines=headlines,
            sections=sections,
            style=style,
            script=script,
            style_digest=csp_digest(style),
            script_digest=csp_digest(script),
        )
    )


def page_content(inputs: PageInputs) -> tuple[Sequence[Section], Sequence[Headline]]:
    """Sections in their order, without empty ones, and the numbers at the top."""
    of_type = OUTPUT_TYPES[inputs.task.output_type]
    quality, *others = of_type.page_sections(inputs)
    sections = (
        gates_section(inputs),
        next_section(inputs, of_type.next_steps),
        of_type.page_gain(inputs),
        students_section(inputs),
        quality,
        of_type.page_calibration(inputs),
        *others,
        _findings(inputs),
        data_section(inputs),
        training_section(inputs),
    )
    headlines: Iterable[Headline] = (*of_type.page_headlines(inputs), *common_headlines(inputs))
    return [section for section in sections if not section.empty], list(headlines)


def _findings(inputs: PageInputs) -> Section:
    """Strengths, weaknesses and blind spots in sentences, as on the card."""
    items = [Item(sentence, "weakness") for sentence in card_findings.weaknesses(inputs.outputs)]
    items += [Item(sentence, "strength") for sentence in card_findings.strengths(inputs.outputs)]
    return Section("findings", "Weaknesses and strengths", items=items)


def shown(text: str) -> str:
    """Text for one line: bounded, and what cannot be seen is written out."""
    return printable(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")


def sentence(text: str) -> "Markup":
    """A sentence of this project, with its code spans and bold words."""
    return inline_markdown(printable(text))


def shown_lines(text: str) -> str:
    """Text whose line ends are kept."""
    return "\n".join(map(printable, text.splitlines()))
