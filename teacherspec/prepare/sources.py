"""The ONE list of the kinds of sources."""

from typing import Annotated

from pydantic import Field

from teacherspec.prepare.arrow import ArrowSource
from teacherspec.prepare.delimited import CsvSource
from teacherspec.prepare.digits import DigitsSource
from teacherspec.prepare.hub import HubSource
from teacherspec.prepare.image_archive import ImageArchiveSource
from teacherspec.prepare.image_folder import ImageFolderSource
from teacherspec.prepare.json_document import JsonDocumentSource
from teacherspec.prepare.jsonl import JsonlSource
from teacherspec.prepare.parquet import ParquetSource
from teacherspec.prepare.text_folder import TextFolderSource

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
