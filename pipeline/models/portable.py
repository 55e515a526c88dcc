"""A saved champion as bytes: it goes wherever a pickle goes, and needs no store there."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.models.find_model import fetch, open_predictor

if TYPE_CHECKING:
    from pipeline.ledger.location import Location
    from pipeline.models.artefact_predictor import Predictor


class PortableModel:
    """The files of one saved model, and the predictor that is made of them when it is first needed."""

    def __init__(self, files: dict[str, bytes]) -> None:
        """Keep the files; nothing is loaded yet.

        Args:
            files: Content by name, as they stand in the artefact's folder (no folders inside it).
        """
        self.files = files
        self._predictor: Predictor | None = None

    @classmethod
    def download(cls, location: Location, model: str) -> PortableModel:
        """Return a model of a store; `model` and what is raised are those of `load_predictor`."""
        with tempfile.TemporaryDirectory() as temporary:
            folder = fetch(location, model, Path(temporary))
            return cls({path.name: path.read_bytes() for path in folder.iterdir()})

    @property
    def predictor(self) -> Predictor:
        """The loaded networks; a damaged file raises ConfigError."""
        if self._predictor is None:
            with tempfile.TemporaryDirectory() as temporary:
                for name, content in self.files.items():
                    (Path(temporary) / Path(name).name).write_bytes(content)
                self._predictor = open_predictor(Path(temporary), "the pickled one")
        return self._predictor

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the files alone: a loaded network is the process's."""
        return {"files": self.files, "_predictor": None}
