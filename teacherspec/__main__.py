"""`python -m teacherspec`: check the declaration, write its schema, mend `dvc.yaml`."""

from teacherspec.cli.main import main

main(prog_name="python -m teacherspec")
