"""Charts put every point inside their frame, in order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from teacherspec.package.page.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TABLE_ROWS, TOP, WIDTH, Chart, Line
from teacherspec.package.page.content import minus, number, signed_strip
from teacherspec.package.quality_gates import Measurement

NUMBERS = st.floats(-1e4, 1e4).map(lambda value: round(value, 6))
POINTS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=40, unique_by=lambda point: point[0])


@settings(deadline=None)  # the first call imports matplotlib
@given(POINTS, st.booleans())
def test_points_are_inside_the_frame_and_keep_their_order(
    points: list[tuple[float, float]], from_zero: bool
) -> None:
    line = Line("x", sorted(points))
    chart = Chart("title", "x", "y", [line], from_zero=from_zero)
    places = [chart.place(*point) for point in line.points]
    assert all(LEFT - 0.1 <= x <= WIDTH - RIGHT + 0.1 for x, _ in places)
    assert all(TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1 for _, y in places)
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    by_height = sorted(range(len(points)), key=lambda at: -line.points[at][1])
    assert [places[at][1] for at in by_height] == sorted(places[at][1] for at in by_height)
    assert 2 <= len(chart.y_ticks) <= 8
    listed = chart.listed(line)
    assert len(listed) == min(TABLE_ROWS, len(points))
    assert (listed[0], listed[-1]) == (line.points[0], line.points[-1])


def test_numbers_have_minus_signs_and_words_keep_their_hyphens() -> None:
    assert minus("near-miss of -0.5 to -1") == "near-miss of −0.5 to −1"
    assert number(Measurement(-0.00001)).text == "0.000"
    assert number(Measurement(-0.25, -0.5, 0.0)).text == "−0.250"


def test_a_difference_is_drawn_around_the_middle() -> None:
    found = Measurement(0.0, -1.0, 1.0)
    strip = signed_strip(number(found), found, 1.0).strip
    assert strip is not None
    assert (strip.low, strip.value, strip.high, strip.reference) == (0.0, 0.5, 1.0, 0.5)
