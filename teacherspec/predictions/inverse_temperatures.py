"""The inverse temperatures at which sums over tokens are stored."""

import numpy as np

from teacherspec.metrics.scores.validation import FloatArray

GRID: FloatArray = 2.0 ** np.linspace(-2.0, 2.0, 25)
"""β from 1/4 to 4. 25 points leave an error of at most 2e-5 of T (measured over vocabularies of 50, 200 and
1,000 and T from 0.3 to 3.5; 17 points leave 2e-4), far below its standard error; 1 and 2 are among them."""
