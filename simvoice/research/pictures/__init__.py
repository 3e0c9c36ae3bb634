"""Pictures of conversations for print and slides, readable without colour."""

import os

from simvoice import paths

# matplotlib writes a list of the machine's fonts. Before its import, this names the folder for it;
# otherwise it makes one in the home folder.
os.environ.setdefault("MPLCONFIGDIR", str(paths.cache_dir() / "matplotlib"))
