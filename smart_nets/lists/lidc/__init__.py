"""LIDC-IDRI as it is downloaded: what up to four readers drew and rated on each scan."""
