"""Labels and ids that would be markup, in everything that `prepare` writes for people."""

from teacherspec.prepare.dataset_diff import Changes, changes_as_markdown
from tests.toys.hostile import BEACON, LINK, QUOTES, TAG, live_in_markdown
from tests.unit.prepare.toy_data import Workshop, jsonl, messages


def test_labels_ids_and_texts_are_text_in_the_reports(workshop: Workshop) -> None:
    rows = [
        {**row, "id": f"{number} {TAG} {BEACON}", "label": f"{LINK} {row['label']}"}
        for number, row in enumerate(messages(120))
    ]
    rows += [{**row, "id": f"{row['id']} again"} for row in rows[3:6]]
    rows[7]["text"] = f"{QUOTES} {BEACON}"
    rows.append({**rows[7], "id": "same text"})
    workshop.write("data/rows.jsonl", jsonl(rows))
    workshop.prepare([{"kind": "jsonl", "path": "data/rows.jsonl"}])
    report = workshop.report()
    assert "evil.example" in report
    assert not live_in_markdown(report)
    assert not live_in_markdown((workshop.reports / "card.md").read_text().split("---", 2)[2])


def test_changes_of_the_data_are_text() -> None:
    changes = Changes(
        added=(TAG,),
        removed=(LINK,),
        edited=(QUOTES,),
        relabelled={QUOTES: (BEACON, TAG), LINK: (None, TAG)},
        moved={TAG: (BEACON, LINK)},
        unchanged=0,
        classes={BEACON: (97, 96), TAG: (78, 79)},
        splits={LINK: (9, 8)},
    )
    shown = changes_as_markdown(changes)
    assert "evil.example" in shown
    assert not live_in_markdown(shown)
