"""What all tests share."""

import os

# Tests that run doors start no more processes than they ask for, however this machine is configured.
os.environ["TEACHERSPEC_ACCELERATE"] = "none"
