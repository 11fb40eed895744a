"""`Kind`: what a kind of task implements, made up of one small interface for each that needs it.

A stage never branches on the kind. Where kinds differ, it calls a method of the smallest interface that has
it; where types of output differ, it takes the entry of `Kind.output_type` from its own table; what only some
kinds can do is an optional interface, see `Kind.capability`.
"""

from typing import TypeVar

from teacherspec.spec.section import Section
from teacherspec.tasks.shared.interfaces.base_fit import BaseFit
from teacherspec.tasks.shared.interfaces.declaration import Declaration
from teacherspec.tasks.shared.interfaces.packaging import Packaging
from teacherspec.tasks.shared.interfaces.training import Training

Capability = TypeVar("Capability")


class Kind(Section, Declaration, BaseFit, Training, Packaging):
    """A kind of task, as declared. Its module `tasks/<kind>/task.py` defines one subclass."""

    def capability(self, interface: type[Capability]) -> Capability | None:
        """This task as an optional interface, or None where its kind lacks it."""
        return self if isinstance(self, interface) else None

    def require(self, interface: type[Capability]) -> Capability:
        """This task as an interface that its output type guarantees.

        Raises:
            TypeError: its kind lacks it, which is an error of the calling code.
        """
        if not isinstance(self, interface):
            raise TypeError(f"{type(self).__name__} is no {interface.__name__}")
        return self
