"""`python -m teacherspec`: the same as the console script `teacherspec`."""

from teacherspec.cli.main import main

main(prog_name="python -m teacherspec")
