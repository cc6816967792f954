"""What an artifact is made for: a processor and a Python on Amazon Linux 2023.

Sources: AWS Lambda Developer Guide, "Lambda runtimes"; "Amazon Linux 2023", packages of the core
toolchain (glibc 2.34, gcc 11); PEP 600.
"""

from dataclasses import dataclass

from packaging.tags import Tag, compatible_tags, cpython_tags

GLIBC = (2, 34)
GLIBCXX = (3, 4, 29)
CXXABI = (1, 3, 13)
# pip takes each tag literally: asked for 2_28 alone it finds no wheel of 2_17, asked for 2_17
# alone it quietly takes a pyarrow of years ago.
MANYLINUX = (*(f"manylinux_2_{minor}" for minor in range(28, 16, -1)), "manylinux2014")
PYTHON = "3.13"

# e_machine of the ELF header.
MACHINES = {"arm64": ("aarch64", 183), "x86_64": ("x86_64", 62)}
ARCHITECTURES = tuple(MACHINES)


@dataclass(frozen=True, slots=True)
class Target:
    """A processor, in AWS's word for it, and a version of Python."""

    architecture: str
    python: str = PYTHON

    @property
    def machine(self) -> str:
        """The processor, as Linux calls it."""
        return MACHINES[self.architecture][0]

    @property
    def elf_machine(self) -> int:
        """The processor, as an ELF header calls it."""
        return MACHINES[self.architecture][1]

    @property
    def platforms(self) -> list[str]:
        """Platform tags of wheels that run there, the best first."""
        return [f"{name}_{self.machine}" for name in MANYLINUX]

    @property
    def tags(self) -> frozenset[Tag]:
        """All tags of wheels that run there."""
        major, minor = map(int, self.python.split("."))
        interpreter = f"cp{major}{minor}"
        return frozenset(
            (
                *cpython_tags((major, minor), platforms=self.platforms),
                *compatible_tags((major, minor), interpreter, self.platforms),
            )
        )

    @property
    def markers(self) -> dict[str, str]:
        """What environment markers of a requirement (PEP 508) are compared with."""
        return {
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "platform_python_implementation": "CPython",
            "platform_machine": self.machine,
            "platform_system": "Linux",
            "platform_release": "",
            "platform_version": "",
            "sys_platform": "linux",
            "os_name": "posix",
        }
