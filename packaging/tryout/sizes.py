"""How much the app takes: of a disk when it is installed, and of a connection when it is downloaded."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tryout.rooms import Row
from tryout.trial import Trial

MB = 1_000_000
INSTALLED_MB = 230
DEB_MB = 160
_BLOCK = 4096
_MODELS = "/resources/models/"


class Sizes(NamedTuple):
    """What a package unpacks, in bytes.

    Attributes:
        files: all its files together, without the starter model.
        on_disk: the same in whole blocks of 4 KiB, as `du` counts.
        model: the starter model.
    """

    files: int
    on_disk: int
    model: int


def installed_sizes(deb: Path) -> Sizes:
    """Sizes of what is in a .deb.

    Raises:
        OSError, subprocess.CalledProcessError, tarfile.TarError: it cannot be read.
    """
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    files = on_disk = model = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking:
        assert unpacking.stdout is not None
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as contents:
            for entry in contents:
                if not entry.isreg():
                    continue
                if _MODELS in entry.name:
                    model += entry.size
                else:
                    files += entry.size
                    on_disk += -(-entry.size // _BLOCK) * _BLOCK
    if unpacking.returncode:
        raise subprocess.CalledProcessError(unpacking.returncode, command)
    return Sizes(files, on_disk, model)


def rows(trial: Trial) -> Iterator[Row]:
    """Compare both sizes with what they may be."""
    name = f"installed without the starter model <= {INSTALLED_MB} MB"
    try:
        sizes = installed_sizes(trial.deb)
    except (OSError, subprocess.CalledProcessError, tarfile.TarError) as error:
        yield Row(name, False, f"{trial.deb.name} cannot be read: {error}")
    else:
        told = f"{sizes.files / MB:.1f} MB (du: {sizes.on_disk / MB:.1f}); the starter model {sizes.model / MB:.1f} MB"
        # Without a model in it the figure would be that of another package.
        yield Row(name, sizes.files <= INSTALLED_MB * MB and sizes.model > 0, told)
    deb, archive = (file.stat().st_size / MB for file in (trial.deb, trial.archive))
    yield Row(
        f".deb with the starter model <= {DEB_MB} MB", deb <= DEB_MB, f"{deb:.1f} MB; the archive {archive:.1f} MB"
    )
