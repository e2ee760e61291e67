"""Where the files of a cutover are kept, so that workers on several hosts can share them."""

from integrations.artefacts.opening import check_storage, open_store
from integrations.artefacts.store import ArtefactStore, LocalArtefacts

__all__ = ["ArtefactStore", "LocalArtefacts", "check_storage", "open_store"]
