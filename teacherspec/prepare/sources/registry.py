"""The ONE list of the kinds of sources."""

from typing import Annotated

from pydantic import Field

from teacherspec.prepare.sources.arrow import ArrowSource
from teacherspec.prepare.sources.csv import CsvSource
from teacherspec.prepare.sources.digits import DigitsSource
from teacherspec.prepare.sources.hub import HubSource
from teacherspec.prepare.sources.image_archive import ImageArchiveSource
from teacherspec.prepare.sources.image_folder import ImageFolderSource
from teacherspec.prepare.sources.json_document import JsonDocumentSource
from teacherspec.prepare.sources.jsonl import JsonlSource
from teacherspec.prepare.sources.parquet import ParquetSource
from teacherspec.prepare.sources.text_folder import TextFolderSource

Source = Annotated[
    JsonlSource
    | CsvSource
    | ParquetSource
    | ArrowSource
    | JsonDocumentSource
    | TextFolderSource
    | ImageFolderSource
    | ImageArchiveSource
    | DigitsSource
    | HubSource,
    Field(discriminator="kind"),
]
