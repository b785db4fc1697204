"""Measurements made on a real kernel, each a self-describing record with its provenance.

A record says which machine, kernel and tools it was taken on, when, by which command, with
which parameters, and what it cannot show. ``names()`` lists the records that ship with the
course, ``load(name)`` reads one.
"""

from k8snet_lessons.data.measured._fit import Fit, Point, fits, fits_file
from k8snet_lessons.data.measured._record import (
    SCHEMA,
    Machine,
    Record,
    RecordError,
    Scalar,
    Series,
    Sketch,
    folder,
    load,
    names,
    read,
)

__all__ = [
    "SCHEMA",
    "Fit",
    "Machine",
    "Point",
    "Record",
    "RecordError",
    "Scalar",
    "Series",
    "Sketch",
    "fits",
    "fits_file",
    "folder",
    "load",
    "names",
    "read",
]
